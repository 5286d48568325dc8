"""The numbers behind every verdict. Each one's error rates are simulated in docs/gate.md."""

from __future__ import annotations

ALPHA = 0.01
"""False alarms of all gates of one run together: one red in a hundred innocent pull requests."""
ALPHA_WARN = 0.05
"""An inconclusive gate with a smaller p-value is called suspicious."""
ALPHA_PASS = 0.05
"""Chance to pass a suite that truly lost the margin; half of it at each of two looks."""
SCREEN = 0.20
"""A first look with a smaller p-value, and no PASS, asks for a second."""
CONFIRM_RUNS = 2
"""Fresh runs of both sides for the second look."""
FEWEST_CASES = 20
"""With fewer cases no statistics are done: hard checks and a report only."""
FEWEST_SESSIONS = 5
"""Accepted runs that it takes to measure the variance between runs."""
UNMATCHED_SHARE = 0.10
"""More new cases than this, and no gate passes."""
QUALITY_MARGIN = 0.05
"""Points of a 0..1 score: the smallest that 200 cases with one run, or 50 with three, can certify."""
RATIO_MARGIN = 0.10
"""Of seconds and tokens."""
POWER = 0.8
