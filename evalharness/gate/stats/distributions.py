"""Probabilities and quantiles of the normal distribution, Student's t, and the binomial distribution.

Without scipy, whose import takes a fifth of the processor time of a short run. The tests compare with scipy.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

_MANY = 10_000
"""Above this number of degrees of freedom an expansion replaces the series, which would be slow."""
_NEWTON_STEPS = 60
"""Upper limit. Five steps are typical; few degrees of freedom far in the tail need more."""


def normal_below(value: float) -> float:
    """Return P(Z < value) for a standard normal Z."""
    return math.erfc(-value / math.sqrt(2)) / 2


def normal_quantile(probability: float) -> float:
    """Return the quantile of the standard normal distribution."""
    if not 0 < probability < 1:
        return math.copysign(math.inf, probability - 0.5)
    return NormalDist().inv_cdf(probability)


def binomial_below(most: int, trials: int, chance: float) -> float:
    """Return P(X <= most) for a binomial X, as the sum of its terms."""
    if most >= trials:
        return 1.0
    log_odds = math.log(chance) - math.log1p(-chance)
    term, total = trials * math.log1p(-chance), 0.0
    for count in range(most + 1):
        total += math.exp(term)
        term += math.log((trials - count) / (count + 1)) + log_odds
    return min(1.0, total)


def t_below(value: float, degrees: int) -> float:
    """Return P(T < value) for Student's t with integer degrees of freedom.

    The finite series of Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4. The absolute
    error is below 1e-12; far in the tail the result is 0.
    """
    if math.isinf(value):
        return float(value > 0)
    return max(0.0, (1 + math.copysign(_t_within(abs(value), degrees), value)) / 2)


def _t_within(value: float, degrees: int) -> float:
    """Return P(-value < T < value)."""
    angle = math.atan2(value, math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term = total = 0.0 if degrees == 1 else (cosine if odd else 1.0)
    for k in range(2 + odd, degrees - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    return (angle + sine * total) * 2 / math.pi if odd else sine * total


@lru_cache(maxsize=4096)
def t_quantile(probability: float, degrees: int) -> float:
    """Return the quantile of Student's t, by Newton's method."""
    if not 0 < probability < 1:
        return math.copysign(math.inf, probability - 0.5)
    if degrees == 1:
        return math.tan(math.pi * (probability - 0.5))
    if degrees > _MANY:
        return _expanded(normal_quantile(probability), degrees)
    tail, found = min(probability, 1 - probability), 0.0
    log_scale = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - math.log(degrees * math.pi) / 2
    for _ in range(_NEWTON_STEPS):  # the density falls from 0 outwards, so a step never overshoots
        density = math.exp(log_scale - (degrees + 1) / 2 * math.log1p(found * found / degrees))
        step = ((1 - _t_within(found, degrees)) / 2 - tail) / density
        found += step
        if abs(step) <= 1e-15 * found:
            break
    return math.copysign(found, probability - 0.5)


def _expanded(z: float, degrees: int) -> float:
    """Return the t quantile for a normal quantile (Abramowitz and Stegun 26.7.5). The next term is O(z**7 / n**3)."""
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
