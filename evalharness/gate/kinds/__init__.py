"""One file for each kind of gate: scores, cost, latency, assertions."""
