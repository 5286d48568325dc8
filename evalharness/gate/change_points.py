"""Where a history changed its level: hierarchical bisection, each cut with a within-case permutation test.

A row is a run, a column is a case. Nothing has changed: then the runs are draws of the same, and the values of a case
might as well stand in any other order. So each case's values are shuffled among the runs, and the largest CUSUM of the
run means must be beaten by at most 1 in 100 of the shuffled histories. A stretch with a change is cut there, and both
sides are looked at in the same way. With two runs it is the gate's own test; with one column it is the test of

    J. Antoch, M. Hušková: Permutation tests in change point analysis, Statistics & Probability Letters 53 (2001),

and the bisection with a permutation test at each cut is that of E-divisive,

    D. Matteson, N. James: A nonparametric approach for multiple change point analysis of multivariate data, JASA 109
    (2014).

Of histories without a change at most `alpha` get a mark, whatever the values' distribution.
"""

from __future__ import annotations

from math import comb
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ALPHA = 0.01
"""How many histories without a change get a mark."""
PERMUTATIONS = 1999
_SEED = 20_014
_MOST_VALUES = 2_000_000
"""Shuffled at once."""

Values = NDArray[np.floating[Any]]


class ChangePoint(NamedTuple):
    """A new level."""

    run: int
    """The first one of it."""
    p_value: float


def can_tell(runs: int, cases: int, alpha: float = ALPHA) -> bool:
    """Whether so many runs of so many cases can get a mark at all: how rare is the clearest step among their orders?"""
    if runs < 2 or cases < 1:
        return False
    orders = float(comb(runs, runs // 2)) ** min(cases, 100)
    return 2 / orders <= alpha


def change_points(values: Values, alpha: float = ALPHA, permutations: int = PERMUTATIONS) -> list[ChangePoint]:
    """The first runs of new levels, in order. `values`: runs x cases, nothing missing."""
    rng = np.random.default_rng(_SEED)
    found: list[ChangePoint] = []
    stretches = [(0, len(values))]
    while stretches:
        start, end = stretches.pop()
        change = _largest(values[start:end], alpha, permutations, rng)
        if change:
            cut = start + change.run
            found.append(ChangePoint(cut, change.p_value))
            stretches += [(start, cut), (cut, end)]
    return sorted(found)


def _largest(values: Values, alpha: float, permutations: int, rng: np.random.Generator) -> ChangePoint | None:
    """The likeliest change of a stretch; None where chance explains it."""
    moving = values[:, np.ptp(values, axis=0) > 0] if len(values) else values
    if not can_tell(len(moving), moving.shape[1], alpha):
        return None
    jumps = _jumps(moving.mean(axis=1))
    index = int(jumps.argmax())
    p_value = _p_value(moving, float(jumps[index]), alpha, permutations, rng)
    return ChangePoint(index + 1, p_value) if p_value <= alpha else None


def _jumps(means: Values) -> Values:
    """The standardised CUSUM of the last axis: at each cut, how far the mean before it is from the mean after it."""
    runs = means.shape[-1]
    before = np.arange(1, runs)
    sums = np.cumsum(means - means.mean(axis=-1, keepdims=True), axis=-1)[..., :-1]
    jumps: Values = np.abs(sums) * np.sqrt(runs / (before * (runs - before)))
    return jumps


def _p_value(values: Values, observed: float, alpha: float, permutations: int, rng: np.random.Generator) -> float:
    """The share of shuffled histories with as large a jump, this one counted; given up once it is above alpha."""
    at_once = max(1, min(permutations, _MOST_VALUES // values.size, 200))
    least = observed * (1 - 1e-9)  # equal, but summed in another order
    beaten = done = 0
    while done < permutations and (1 + beaten) / (1 + permutations) <= alpha:
        number = min(at_once, permutations - done)
        shuffled = rng.permuted(np.broadcast_to(values, (number, *values.shape)), axis=1)
        beaten += int((_jumps(shuffled.mean(axis=2)).max(axis=-1) >= least).sum())
        done += number
    return (1 + beaten) / (1 + permutations)
