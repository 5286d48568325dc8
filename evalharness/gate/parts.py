"""A suite asked in parts, looked at after each: it ends early when nothing has changed, or much has.

Looking several times at the nominal error rates would be wrong more often than they say; here each look gets its share
of them. The shares are those of Lan and DeMets (1983): for FAIL as O'Brien and Fleming spend them, next to nothing at
first, so that the last look is nearly as sharp as a single one; for PASS as Pocock, evenly, so that most unchanged
suites end early. The bounds follow from the joint normal distribution of the looks (Armitage, McPherson and Rowe 1969).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import numpy as np

from evalharness.gate.defaults import ALPHA, ALPHA_PASS, QUALITY_MARGIN
from evalharness.gate.distributions import normal_below, normal_quantile
from evalharness.gate.evidence import Judgement, Rules, Runs
from evalharness.gate.judge import judge
from evalharness.gate.permutation import Floats

PARTS = 4
Spending = Callable[[float, float], float]
"""The share of alpha that is spent when a share of the cases has been asked."""
_STEPS = 600
_LOWEST = -12.0
"""No z-value lies further down."""


def judge_part(
    baseline: Runs,
    candidate: Runs,
    *,
    part: int,
    parts: int = PARTS,
    kind: Literal["pass_fail", "score"] = "score",
    margin: float = QUALITY_MARGIN,
    alpha: float = ALPHA,
    alpha_pass: float = ALPHA_PASS,
    seed: str = "",
) -> Judgement:
    """Has the candidate lost `margin` points, as far as the first `part` of `parts` equal parts of its cases tell?

    For suites of 200 cases or more, split at random. INCONCLUSIVE before the last part means: ask the next one.
    `candidate` has all cases that were asked so far, the earlier parts' too; with fewer than the part should
    have it is no PASS. With both alphas at 5 % an unchanged suite of 400 cases is asked two thirds of them (row S1 of
    docs/gate-table.md).

    Raises ValueError for values that `judge` does not take, and for a part that is not one of the parts.
    """
    rules = part_rules(part, parts, margin=margin, alpha=alpha, alpha_pass=alpha_pass)
    so_far = _so_far(baseline, candidate, part / parts)
    return judge(so_far, candidate, kind=kind, margin=margin, alpha=rules.alpha, alpha_pass=rules.alpha_pass, seed=seed)


def _so_far(baseline: Runs, candidate: Runs, share: float) -> Runs:
    """The baseline of the cases that have been asked; where there are fewer than there should be by now, others beside
    them: they count as lost.
    """
    asked = [case for case in baseline if case in candidate]
    lost = [case for case in baseline if case not in candidate][: max(0, int(share * len(baseline)) - len(asked))]
    return {case: baseline[case] for case in [*asked, *lost]}


def part_rules(part: int, parts: int, *, margin: float, alpha: float, alpha_pass: float) -> Rules:
    """The error rates of one look. Raises ValueError for a part that is not one of the parts."""
    if not 1 <= part <= parts:
        raise ValueError(f"part {part} of {parts}: parts are counted from 1")
    return Rules(
        margin=margin,
        alpha=1 - normal_below(bounds_of(obrien_fleming, alpha, parts)[part - 1]),
        alpha_pass=1 - normal_below(bounds_of(pocock, alpha_pass, parts)[part - 1]),
    )


def obrien_fleming(alpha: float, share: float) -> float:
    """Lan and DeMets' spending function of that kind."""
    return 2 - 2 * normal_below(normal_quantile(1 - alpha / 2) / math.sqrt(share))


def pocock(alpha: float, share: float) -> float:
    """Lan and DeMets' spending function of that kind."""
    return alpha * math.log1p((math.e - 1) * share)


@lru_cache
def bounds_of(spending: Spending, alpha: float, parts: int) -> tuple[float, ...]:
    """The z-value at each of `parts` equally spaced looks that a process without drift exceeds, first there, with the
    probability that is spent there.
    """
    bounds: list[float] = []
    spent, alive = 0.0, None
    for look in range(1, parts + 1):
        now = spending(alpha, look / parts)
        bounds.append(_bound(alive, now - spent, look))
        alive, spent = _survivors(alive, bounds[-1], look), now
    return tuple(bounds)


_Density = tuple[Floats, Floats]
"""Values of the sum so far, and the probability of each among those that have not ended."""


def _bound(alive: _Density | None, spend: float, look: int) -> float:
    """By bisection, on the scale of z."""
    low, high = -1.0, 12.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _beyond(alive, middle, look) > spend else (low, middle)
    return (low + high) / 2


def _beyond(alive: _Density | None, bound: float, look: int) -> float:
    """The probability of exceeding the bound at this look, not before."""
    if alive is None:
        return 1 - normal_below(bound)
    from scipy.special import ndtr

    sums, chances = alive
    return float((chances * ndtr(sums - bound * math.sqrt(look))).sum())


def _survivors(alive: _Density | None, bound: float, look: int) -> _Density:
    """Each look adds one standard normal step to the sum; who is above the bound has ended."""
    root = math.sqrt(look)
    edges = np.linspace(_LOWEST * root, bound * root, _STEPS + 1)
    sums, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    if alive is None:
        return sums, _normal(sums) * width
    before, chances = alive
    return sums, _normal(sums[:, None] - before[None, :]) @ chances * width


def _normal(values: Floats) -> Floats:
    density: Floats = np.exp(-(values**2) / 2) / math.sqrt(2 * math.pi)
    return density
