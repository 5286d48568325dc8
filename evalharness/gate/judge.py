"""One gate: runs of a baseline and a candidate in, PASS, FAIL or INCONCLUSIVE out. Pure arithmetic.

    PASS           the lower bound rules out a drop of the margin, and there are enough runs to say so
    FAIL           not PASS, and the permutation test is significant after Holm over the gates of the run
    INCONCLUSIVE   neither: the suite cannot tell

The specification, with simulated error rates, is the project's statistics page; the defaults are its §2.6.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evalharness.gate.bounds import change_bounds, runs_needed
from evalharness.gate.permutation import Floats, change, p_worse
from evalharness.records import Status

ALPHA = 0.01
"""False alarms of all gates of one run together: one red in a hundred innocent pull requests."""
ALPHA_PASS = 0.05
"""Chance to pass a suite that truly lost the margin."""
FEWEST_CASES = 20
"""With fewer cases no statistics are done: hard checks and a report only."""

Runs = Mapping[str, Sequence[float]]
"""Case id -> the values of its runs."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the data say about one metric, before the verdict (which needs Holm over all gates)."""

    cases: int
    candidate_runs: int
    change: float
    """Mean over cases of candidate - baseline; negative is worse."""
    low: float
    high: float
    """One-sided 95 % bounds of it."""
    p_value: float
    floor: int
    """Candidate runs that a PASS needs."""
    margin: float

    @property
    def rules_out_margin(self) -> bool:
        """Whether PASS is earned."""
        return self.low > -self.margin and self.candidate_runs >= self.floor and self.cases >= FEWEST_CASES


def weigh(
    baseline: Runs, candidate: Runs, *, margin: float, seed: str, span: float = 1.0, floor: bool = True
) -> Evidence:
    """The evidence on the cases that both sides have. `span` is the largest change that one case can make.

    Raises ValueError for a value that is not a finite number.
    """
    before, after = _paired(baseline, candidate)
    changes = change(before, after)
    low, high = change_bounds(before, after, alpha=ALPHA_PASS, span=span) if before else (-span, span)
    return Evidence(
        cases=len(before),
        candidate_runs=sum(map(len, after)),
        change=float(changes.mean()) if before else 0.0,
        low=low,
        high=high,
        p_value=p_worse(before, after, seed),
        floor=runs_needed(margin, alpha=ALPHA_PASS) if floor else 0,
        margin=margin,
    )


def _paired(baseline: Runs, candidate: Runs) -> tuple[list[Floats], list[Floats]]:
    """The runs of each common case, sorted by value: what cases are called, and in which order they and their runs
    came, then makes no difference to a bit.
    """
    pairs = sorted((sorted(baseline[case]), sorted(candidate[case])) for case in baseline.keys() & candidate.keys())
    if not all(math.isfinite(value) for pair in pairs for runs in pair for value in runs):
        raise ValueError("a gate weighs finite numbers")
    return [np.asarray(b, dtype=float) for b, _ in pairs], [np.asarray(c, dtype=float) for _, c in pairs]


def decide(evidence: Evidence, adjusted_p: float) -> Status:
    """The verdict, given the Holm-adjusted p-value."""
    if evidence.rules_out_margin:
        return "pass"
    if adjusted_p <= ALPHA and evidence.cases >= FEWEST_CASES:
        return "fail"
    return "inconclusive"
