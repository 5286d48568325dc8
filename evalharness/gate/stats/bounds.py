"""The PASS test: a lower bound of the change, and a minimum number of runs.

A suite in which no case changed has a variance of 0, and a naive bound would rule out any drop. Two guards prevent
this: one pseudo-case that fully won and one that fully lost are added (the adjustment of Bonett and Price, generalised
to scores), and a PASS needs so many runs that a drop of the margin would show at least one failure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evalharness.gate.stats.distributions import binomial_below, normal_quantile, t_quantile
from evalharness.gate.stats.pairs import Floats, Pair, blocks, change

_ROUNDING = 1e-9
Target = Literal["suite", "population"]
"""Whether a bound holds for the expected score on exactly these cases, or on cases like these."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A mean change, its standard error, and the degrees of freedom of its quantile.

    `degrees` is None for the normal quantile.
    """

    middle: float
    error: float
    degrees: int | None = None
    guard: float = 0.0
    """Part of the squared error that comes from the pseudo-cases: it shrinks with the square of the number of cases."""

    def reach(self, alpha: float) -> float:
        """The distance from the middle to either one-sided (1 - alpha) bound."""
        quantile = normal_quantile(1 - alpha) if self.degrees is None else t_quantile(1 - alpha, self.degrees)
        return quantile * self.error

    def bounds(self, alpha: float) -> tuple[float, float]:
        """One-sided (1 - alpha) lower and upper bounds."""
        return self.middle - self.reach(alpha), self.middle + self.reach(alpha)


def spread_of(pairs: Sequence[Pair], *, target: Target = "suite", span: float = 1.0) -> Spread:
    """The mean change with its standard error.

    `span` is the largest change that one case can make. With `target="suite"` and two or more runs of every case on
    both sides, the error comes from the variance within cases. In all other cases it is that of a paired t-test with
    pseudo-cases, which treats the cases as a sample.
    """
    if target == "suite" and min(side.shape[1] for block in blocks(pairs) for side in block) >= 2:
        return _repeated(pairs, span)
    return _pseudo_pair(change(pairs), span)


def _pseudo_pair(changes: Floats, span: float) -> Spread:
    """The paired t error after adding one case at +span and one at -span."""
    padded = np.append(changes, [span, -span])
    size = len(padded)
    error = math.sqrt(float(((padded - padded.mean()) ** 2).sum()) / ((size - 1) * size))
    return Spread(float(padded.mean()), error, size - 1, guard=2 * span**2 / ((size - 1) * size))


def _repeated(pairs: Sequence[Pair], span: float) -> Spread:
    n = len(pairs)
    kb, kc = (min(block[side].shape[1] for block in blocks(pairs)) for side in (0, 1))
    within = sum(float((side.var(axis=1, ddof=1) / side.shape[1]).sum()) for block in blocks(pairs) for side in block)
    guard = (span / (n * kb)) ** 2 + (span / (n * kc)) ** 2
    return Spread(float(change(pairs).mean()), math.sqrt(within / n**2 + guard), guard=guard)


def runs_needed(margin: float, *, alpha: float) -> int:
    """The smallest number of candidate runs that can rule out a drop of `margin`.

    It is ceil(ln alpha / ln(1 - margin)). With fewer runs, a suite that lost the margin shows no failure with a
    probability above alpha. 59 for 5 points at 5 %; 1 for a margin of 100 points or more.
    """
    return math.ceil(math.log(alpha) / math.log1p(-margin)) if margin < 1 else 1


def few_failures(lost: float, runs: int, margin: float, alpha: float) -> bool:
    """Whether so few net failures are unlikely for a suite that lost the margin.

    P(Binomial(`runs`, `margin`) <= `lost`) <= alpha. The bound alone is too short for suites that always passed: their
    failures are whole numbers, and its error rate would rise to 10 % at some sizes.
    """
    if margin >= 1 or lost > runs:
        return lost <= runs
    return binomial_below(math.ceil(max(0.0, lost) - _ROUNDING), runs, margin) <= alpha
