"""The constants behind every verdict.

docs/gate-table.md has their simulated error rates.
"""

from __future__ import annotations

ALPHA = 0.01
"""False alarm rate of all gates of a run together: 1 in 100 unchanged pull requests fails."""
ALPHA_WARN = 0.05
"""An inconclusive gate with a smaller p-value is called suspicious."""
ALPHA_PASS = 0.05
"""Rate at which a suite that lost exactly the margin passes; with two stages, half of it at each."""
SCREEN = 0.20
"""A gate that does not pass the screening stage with a p-value of at most this is confirmed."""
CONFIRM_RUNS = 2
"""Fresh samples of each case and version in the confirmation stage."""
FEWEST_CASES = 20
"""With fewer cases there are no statistics: only assertions are checked."""
FEWEST_SESSIONS = 5
"""Accepted runs needed to measure the variance between runs."""
UNMATCHED_SHARE = 0.10
"""With a larger share of new cases, no gate passes."""
QUALITY_MARGIN = 0.05
"""Default margin of a 0..1 score: the smallest that 200 cases with one run, or 50 cases with three, can rule out."""
RATIO_MARGIN = 0.10
"""Default margin of seconds and tokens, as a ratio."""
POWER = 0.8
"""Rate at which the minimum detectable drop is detected."""
