"""Is it worse? Records in, verdicts out: pure arithmetic, with error rates that are simulated in docs/gate.md."""

from __future__ import annotations

from evalharness.gate.decide import decide_run
from evalharness.gate.evidence import GateResult
from evalharness.gate.kinds.cost import assess_cost
from evalharness.gate.kinds.latency_stats import Calibration, assess_latency
from evalharness.gate.kinds.score import assess_scores

__all__ = ["Calibration", "GateResult", "assess_cost", "assess_latency", "assess_scores", "decide_run"]
