"""Finds level changes in a series of runs.

Hierarchical bisection with a within-case permutation test at each cut. A row is a run, a column is a case. If nothing
has changed, the values of a case are exchangeable between runs. So the values of each case are shuffled among the runs,
and the largest CUSUM of the run means is a change point if at most 1 in 100 shuffled series has one as large. The
series is then cut there, and both parts are tested in the same way. With two runs this is the test of the gate; with
one column it is the test of

    J. Antoch, M. Hušková: Permutation tests in change point analysis, Statistics & Probability Letters 53 (2001),

and the bisection with a permutation test at each cut is that of E-divisive,

    D. Matteson, N. James: A nonparametric approach for multiple change point analysis of multivariate data, JASA 109
    (2014).

At most a share of `alpha` of the series without a change gets a change point, for any distribution of their values. A
deterministic model repeats its responses, and copies are not new samples: consecutive runs in which a case has the same
response are one block.

All cases of a run can be better or worse together, because an endpoint has good and bad days. With enough runs to
measure this noise, a jump must also be several times as large as the noise.
"""

from __future__ import annotations

from math import ceil, comb, log
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ALPHA = 0.01
"""Share of the series without a change that get a change point."""
PERMUTATIONS = 1999
_LEAST_RUNS = 8
"""Runs needed to measure the noise between runs."""
_STANDS_OUT = 4.0
"""Smallest jump in units of the noise. About 1 in 100 series of 8 to 100 random numbers has one (simulated)."""
_CALM, _CALM_MEAN = 0.75, 0.514
"""The noise is the mean of this share of the changes from run to run, the smallest ones, which contain no jump. The
second number is this mean for normal numbers with the standard deviation 1, divided by the root of two.
"""
_SEED = 20_014
_MOST_VALUES = 2_000_000
"""Number of values that are shuffled at once."""

Values = NDArray[np.floating[Any]]
Blocks = NDArray[np.integer[Any]]


class ChangePoint(NamedTuple):
    """The start of a new level."""

    run: int
    """Row of the first run of the new level."""
    p_value: float


def can_tell(blocks: Blocks, alpha: float = ALPHA) -> bool:
    """Whether there are enough runs and cases for a change point.

    That is, whether the clearest step has a p-value of at most alpha.
    """
    numbers = blocks.max(axis=0, initial=-1) + 1
    orders = sum(log(comb(number, number // 2)) for number in map(int, numbers))
    return len(blocks) > 1 and orders >= log(2 / alpha)


def change_points(
    values: Values, blocks: Blocks, alpha: float = ALPHA, permutations: int = PERMUTATIONS
) -> list[ChangePoint]:
    """The change points, in order.

    `values`: runs x cases, without missing values. `blocks`, of the same shape: for each value the number of its block
    in its column, from 0.
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
    """Blocks for values without copies: each value is a block."""
    return np.broadcast_to(np.arange(len(values))[:, None], values.shape)


def _spread(values: Values) -> float:
    """The noise of the run means from run to run, without jumps.

    0 with too few runs. Also 0 for runs of one case, because the permutation test accounts for the noise of a case.
    """
    if len(values) < _LEAST_RUNS or values.shape[1] < 2:
        return 0.0
    changes = np.sort(np.abs(np.diff(values.mean(axis=1))))
    return float(changes[: ceil(_CALM * len(changes))].mean()) / (_CALM_MEAN * 2**0.5)


def _largest(
    values: Values, blocks: Blocks, alpha: float, permutations: int, rng: np.random.Generator
) -> ChangePoint | None:
    """The most likely change point of a part of the series; None if chance explains it."""
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
    """The standardised CUSUM of the last axis: for each cut, the difference of the means before and after it."""
    runs = means.shape[-1]
    before = np.arange(1, runs)
    sums = np.cumsum(means - means.mean(axis=-1, keepdims=True), axis=-1)[..., :-1]
    jumps: Values = np.abs(sums) * np.sqrt(runs / (before * (runs - before)))
    return jumps


def _p_value(
    values: Values, blocks: Blocks, observed: float, alpha: float, permutations: int, rng: np.random.Generator
) -> float:
    """The share of shuffled series with as large a jump, including the original. Stops when it is above alpha."""
    at_once = max(1, min(permutations, _MOST_VALUES // values.size, 200))
    least = observed * (1 - 1e-9)  # equal jumps differ in the last bit, because of the order of their sums
    beaten = done = 0
    while done < permutations and (1 + beaten) / (1 + permutations) <= alpha:
        number = min(at_once, permutations - done)
        means = _shuffled(values, blocks, number, rng).mean(axis=2)
        beaten += int((_jumps(means).max(axis=-1) >= least).sum())
        done += number
    return (1 + beaten) / (1 + permutations)


def _shuffled(values: Values, blocks: Blocks, number: int, rng: np.random.Generator) -> Values:
    """`number` series in which the blocks of each case have exchanged their values."""
    first = np.zeros_like(values)  # block number -> value
    np.put_along_axis(first, blocks, values, axis=0)
    exists = np.arange(len(values))[:, None] <= blocks.max(axis=0)
    order = np.where(exists, rng.random((number, *values.shape)), 2).argsort(axis=1)
    exchanged = np.take_along_axis(np.broadcast_to(first, order.shape), order, axis=1)
    return np.take_along_axis(exchanged, np.broadcast_to(blocks, order.shape), axis=1)
