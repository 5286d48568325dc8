"""Where a history changed its level: hierarchical bisection, each cut with a within-case permutation test.

A row is a run, a column is a case. Nothing has changed: then the runs are draws of the same, and the values of a case
might as well stand in any other order. So each case's values are shuffled among the runs, and the largest CUSUM of the
run means must be beaten by at most 1 in 100 of the shuffled histories. A stretch with a change is cut there, and both
sides are looked at in the same way. With two runs it is the gate's own test; with one column it is the test of

    J. Antoch, M. Hušková: Permutation tests in change point analysis, Statistics & Probability Letters 53 (2001),

and the bisection with a permutation test at each cut is that of E-divisive,

    D. Matteson, N. James: A nonparametric approach for multiple change point analysis of multivariate data, JASA 109
    (2014).

Of histories without a change at most `alpha` get a mark, whatever the distribution of their values. A model that always
says the same gives copies, which are no new draws: runs in which a case has one answer are one block.

All cases of a run may share its luck: an endpoint has its days. Where there are enough runs to see how much they go up
and down, a jump must stand out from that as well, or every day would be a change.
"""

from __future__ import annotations

from math import ceil, comb, log
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ALPHA = 0.01
"""How many histories without a change get a mark."""
PERMUTATIONS = 1999
_LEAST_RUNS = 8
"""From here on the ups and downs of the runs can be seen."""
_STANDS_OUT = 4.0
"""So many spreads. Of series of 8 to 100 normal or uniform numbers about 1 in 100 has such a jump (simulated)."""
_CALM, _CALM_MEAN = 0.75, 0.514
"""The spread is that of the smaller changes from run to run, this share of them: a jump is none of them. And what their
mean is for normal numbers with the spread 1, divided by the root of two.
"""
_SEED = 20_014
_MOST_VALUES = 2_000_000
"""Shuffled at once."""

Values = NDArray[np.floating[Any]]
Blocks = NDArray[np.integer[Any]]


class ChangePoint(NamedTuple):
    """A new level."""

    run: int
    """The first one of it."""
    p_value: float


def can_tell(blocks: Blocks, alpha: float = ALPHA) -> bool:
    """Whether these runs and cases can get a mark at all: how rare is the clearest step among all their orders?"""
    numbers = blocks.max(axis=0, initial=-1) + 1
    orders = sum(log(comb(number, number // 2)) for number in map(int, numbers))
    return len(blocks) > 1 and orders >= log(2 / alpha)


def change_points(
    values: Values, blocks: Blocks, alpha: float = ALPHA, permutations: int = PERMUTATIONS
) -> list[ChangePoint]:
    """The first runs of new levels, in order. `values`: runs x cases, nothing missing; `blocks`, of the same shape: the
    number of each value's block in its column, from 0 upwards.
    """
    if 0 in values.shape:
        return []
    rng = np.random.default_rng(_SEED)
    found: list[ChangePoint] = []
    stretches = [(0, len(values))]
    least = _STANDS_OUT * _spread(values)
    while stretches:
        start, end = stretches.pop()
        if _jumps(values[start:end].mean(axis=1)).max(initial=0) < least:
            continue
        change = _largest(values[start:end], blocks[start:end], alpha, permutations, rng)
        if change:
            cut = start + change.run
            found.append(ChangePoint(cut, change.p_value))
            stretches += [(start, cut), (cut, end)]
    return sorted(found)


def each_its_own(values: Values) -> Blocks:
    """The blocks of values that are no copies."""
    return np.broadcast_to(np.arange(len(values))[:, None], values.shape)


def _spread(values: Values) -> float:
    """How much the mean of a run goes up and down from run to run, jumps left out; 0 where too few runs can say, or
    where a run is one number, whose ups and downs the permutation test sees itself.
    """
    if len(values) < _LEAST_RUNS or values.shape[1] < 2:
        return 0.0
    changes = np.sort(np.abs(np.diff(values.mean(axis=1))))
    return float(changes[: ceil(_CALM * len(changes))].mean()) / (_CALM_MEAN * 2**0.5)


def _largest(
    values: Values, blocks: Blocks, alpha: float, permutations: int, rng: np.random.Generator
) -> ChangePoint | None:
    """The likeliest change of a stretch; None where chance explains it."""
    if len(values) < 2:
        return None
    moving = np.ptp(values, axis=0) > 0
    values, blocks = values[:, moving], blocks[:, moving] - blocks[0, moving]
    if not can_tell(blocks, alpha):
        return None
    jumps = _jumps(values.mean(axis=1))
    cut = int(jumps.argmax())
    p_value = _p_value(values, blocks, float(jumps[cut]), alpha, permutations, rng)
    return ChangePoint(cut + 1, p_value) if p_value <= alpha else None


def _jumps(means: Values) -> Values:
    """The standardised CUSUM of the last axis: at each cut, how far the mean before it is from the mean after it."""
    runs = means.shape[-1]
    before = np.arange(1, runs)
    sums = np.cumsum(means - means.mean(axis=-1, keepdims=True), axis=-1)[..., :-1]
    jumps: Values = np.abs(sums) * np.sqrt(runs / (before * (runs - before)))
    return jumps


def _p_value(
    values: Values, blocks: Blocks, observed: float, alpha: float, permutations: int, rng: np.random.Generator
) -> float:
    """The share of shuffled histories with as large a jump, this one counted; given up once it is above alpha."""
    at_once = max(1, min(permutations, _MOST_VALUES // values.size, 200))
    least = observed * (1 - 1e-9)  # equal, but summed in another order
    beaten = done = 0
    while done < permutations and (1 + beaten) / (1 + permutations) <= alpha:
        number = min(at_once, permutations - done)
        means = _shuffled(values, blocks, number, rng).mean(axis=2)
        beaten += int((_jumps(means).max(axis=-1) >= least).sum())
        done += number
    return (1 + beaten) / (1 + permutations)


def _shuffled(values: Values, blocks: Blocks, number: int, rng: np.random.Generator) -> Values:
    """So many histories in which the blocks of each case have exchanged their values."""
    first = np.zeros_like(values)  # the value of each block, by its number
    np.put_along_axis(first, blocks, values, axis=0)
    exists = np.arange(len(values))[:, None] <= blocks.max(axis=0)
    order = np.where(exists, rng.random((number, *values.shape)), 2).argsort(axis=1)
    exchanged = np.take_along_axis(np.broadcast_to(first, order.shape), order, axis=1)
    return np.take_along_axis(exchanged, np.broadcast_to(blocks, order.shape), axis=1)
