"""Compares every two sides of a comparison report, case by case.

For reading only: no gate uses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from evalharness.gate.clusters import clustered
from evalharness.gate.evidence import Runs
from evalharness.gate.stats.bounds import spread_of
from evalharness.gate.stats.distributions import normal_below
from evalharness.gate.stats.pairs import TOLERANCE, Pair, change
from evalharness.gate.stats.permutation import holm, p_worse

LEVEL = 0.05
"""Two-sided error rate of the intervals."""
MANY_CASES = 2_000
"""With this many cases or more, the p-value comes from the normal approximation, because permutations take too long."""


@dataclass(frozen=True, slots=True)
class Pairwise:
    """The change of one metric from one side to another."""

    first: int
    second: int
    """Numbers of the sides, from 0."""
    metric: str
    cases: int
    """Cases that both sides have."""
    before: float
    after: float
    """Mean over these cases of the first and of the second side."""
    change: float
    """Mean over cases of second - first; minus is worse."""
    low: float
    high: float
    """95 % interval of the change, not corrected for the number of comparisons."""
    p_value: float
    """Two-sided, Holm-adjusted over all comparisons of the report."""


def pairwise(sides: Sequence[Mapping[str, Runs]], clusters: Mapping[str, str] | None = None) -> list[Pairwise]:
    """The comparison of every two sides, for every metric that both have.

    `sides[i][metric][case]` are the scores of the runs, in [0, 1]. The p-value is that of the permutation test of the
    gate, in both directions; 1 if no case differs. Each of `clusters` (case -> cluster) counts as one.
    """
    found = [
        one
        for (first, then), (second, now) in combinations(enumerate(sides), 2)
        for one in _metrics(first, then, second, now, clusters or {})
    ]
    adjusted = holm([one.p_value for one in found])
    return [replace(one, p_value=p_value) for one, p_value in zip(found, adjusted, strict=True)]


def _metrics(
    first: int, then: Mapping[str, Runs], second: int, now: Mapping[str, Runs], clusters: Mapping[str, str]
) -> Iterator[Pairwise]:
    for metric in (name for name in then if name in now):
        cases = sorted(then[metric].keys() & now[metric].keys())
        if cases:
            sides = {
                case: (np.array(sorted(then[metric][case])), np.array(sorted(now[metric][case]))) for case in cases
            }
            yield replace(_one(first, second, metric, clustered(sides, clusters)), cases=len(cases))


def _one(first: int, second: int, metric: str, pairs: Sequence[Pair]) -> Pairwise:
    spread = spread_of(pairs)
    low, high = spread.bounds(LEVEL / 2)
    mean = float(change(pairs).mean())
    if len(pairs) >= MANY_CASES:
        worse = normal_below(spread.middle / spread.error)
    else:
        worse = p_worse(pairs, f"pairwise|{metric}")
    differs = any(np.ptp(np.concatenate(pair)) > TOLERANCE for pair in pairs)
    p_value = min(1.0, 2 * min(worse, 1 - worse)) if differs else 1.0
    before, after = (float(np.mean([pair[side].mean() for pair in pairs])) for side in (0, 1))
    return Pairwise(first, second, metric, len(pairs), before, after, mean, low, high, p_value)
