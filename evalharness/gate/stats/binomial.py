"""Bounds of a share that is counted: exact, by the binomial distribution (Clopper and Pearson 1934)."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from evalharness.gate.stats.beta import beta_quantiles
from evalharness.gate.stats.pairs import Floats


def share_bounds(hits: int, trials: int, *, alpha: float) -> tuple[float, float]:
    """One-sided (1 - alpha) lower and upper bounds of a share. Without trials they are 0 and 1."""
    misses = trials - hits
    low = 0.0 if hits == 0 else _quantile(hits, misses + 1, alpha)
    high = 1.0 if misses == 0 else _quantile(hits + 1, misses, 1 - alpha)
    return low, high


@lru_cache(maxsize=4096)
def _quantile(a: int, b: int, at: float) -> float:
    return float(beta_quantiles([a], [b], np.array([at]))[0, 0])


def p_below(hits: int, trials: int, share: float) -> float:
    """The exact p-value of "the share is smaller": the chance of at most so many hits.

    Raises ValueError for a share of 0 or 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"expected a share between 0 and 1, got {share}")
    return _at_most(hits, _log_choices(trials), share)


def p_above(hits: int, trials: int, share: float) -> float:
    """The exact p-value of "the share is larger": the chance of at least so many hits.

    It is at most alpha exactly if the lower (1 - alpha) bound is at least the share. Raises ValueError for a share of 0
    or 1.
    """
    return p_below(trials - hits, trials, 1 - share)


def _log_choices(trials: int) -> Floats:
    """The logarithm of the number of ways to choose k of the trials, for each k."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    choices: Floats = logs[-1] - logs - logs[::-1]
    return choices


def _at_most(most: int, choices: Floats, chance: float) -> float:
    """P(X <= most) for a binomial X, summed over the shorter tail."""
    trials = len(choices) - 1
    if most >= trials or chance >= 1:
        return float(most >= trials)
    is_lower = 2 * most < trials
    counts = np.arange(most + 1) if is_lower else np.arange(most + 1, trials + 1)
    chances = np.exp(choices[counts] + counts * math.log(chance) + (trials - counts) * math.log1p(-chance))
    total = float(chances.sum())
    return min(1.0, total) if is_lower else max(0.0, 1 - total)
