"""The minimum detectable drop of a run, and the data that would settle a gate.

The drop is found by simulating the test on suites like this one, for two kinds of loss: all cases lose a little, or a
few lose everything. The one that is harder to detect counts. Textbook formulas use the variance under "no change" and
ignore that the p-value of an exact test moves in steps: their "80 %" is 60 to 74 % in simulations.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evalharness.gate.defaults import POWER
from evalharness.gate.stats.beta import beta_quantiles
from evalharness.gate.stats.bounds import Spread
from evalharness.gate.stats.distributions import normal_quantile
from evalharness.gate.stats.pairs import Floats
from evalharness.gate.stats.permutation import candidate_passes
from evalharness.gate.stats.ragged import Ragged

_SUITES = 600
"""Number of simulated suites for each drop: the standard error of the power is 1.6 points."""
_STEPS = 8
"""Steps of the bisection."""
_MOST_CASES = 200
"""Largest simulated suite of scores. For more cases, the drop is scaled by the root of the ratio."""
_GRID = 200
"""Number of quantiles that approximate a posterior."""
_UNKNOWN_ICC = 0.1
"""Assumed correlation of two runs of a case where every case has one run: with a higher one, a run detects more."""
_FEW_MOVING = 30.0
"""Below this variance of the statistic its distribution is computed exactly; above, by Edgeworth's expansion."""

Power = Callable[[float], float]
"""Returns the share of suites with a drop of this size that the test detects."""


def minimum_detectable_drop(known: Ragged, *, runs: tuple[int, int], alpha: float, seed: str) -> float | None:
    """The smallest drop of the mean score that is detected 80 % of the time.

    None if a total loss is not detected so often. `known` holds the known scores of each case, `runs` the number of
    runs in baseline and candidate. In points of a 0..1 score.
    """
    baseline = float(known.means.mean())
    if baseline <= 0:
        return None
    number = int.from_bytes(hashlib.sha256(f"power {seed}".encode()).digest()[:8], "big")
    passes = bool(((known.flat == 0) | (known.flat == 1)).all())
    power, scale = (_pass_fail(known, runs, alpha, number), 1.0) if passes else _scores(known, runs, alpha, number)
    if power(baseline) < POWER:
        return None
    low, high = 0.0, baseline
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return min(baseline, (low + high) / 2 * scale)


# Pass or fail: cases with equal numbers of passes share a posterior, so a suite is a few multinomial samples.


def _pass_fail(known: Ragged, runs: tuple[int, int], alpha: float, seed: int) -> Power:
    kb, kc = runs
    groups, rates = _posteriors(known)
    baseline = float(np.average([rate.mean() for rate in rates], weights=groups))
    test = _Steps(kb, kc)

    def detected(shares: Callable[[Floats], Floats]) -> float:
        rng = np.random.default_rng(seed)
        cells = np.zeros((_SUITES, (kb + 1) * (kc + 1)))
        for n, p in zip(groups, rates, strict=True):
            cells += rng.multinomial(n, shares(p), _SUITES)
        return float((test.p_values(cells.reshape(_SUITES, kb + 1, kc + 1)) <= alpha).mean())

    def power(drop: float) -> float:
        lost = min(1.0, drop / baseline)
        everywhere = detected(lambda p: _cells(p, p * (1 - lost), kb, kc))
        in_few = detected(lambda p: (1 - lost) * _cells(p, p, kb, kc) + lost * _cells(p, 0 * p, kb, kc))
        return min(everywhere, in_few)

    return power


def _posteriors(known: Ragged) -> tuple[list[int], list[Floats]]:
    """For each number of passes: the number of such cases, and quantiles of the posterior of their pass rate."""
    kinds = np.stack([known.sums.astype(int), known.sizes])
    pairs, first, counts = np.unique(kinds, axis=1, return_index=True, return_counts=True)
    order = np.argsort(first)  # by their first case: the order decides which random numbers a kind gets
    passes, runs = pairs[:, order].tolist()
    a, b = _prior(known)
    at = (np.arange(_GRID) + 0.5) / _GRID
    quantiles = beta_quantiles([a + x for x in passes], [b + k - x for x, k in zip(passes, runs, strict=True)], at)
    return counts[order].tolist(), list(quantiles)


def _prior(known: Ragged) -> tuple[float, float]:
    """The parameters of the Beta prior, from the mean and the correlation of two runs of a case (method of moments)."""
    total = int(known.sizes.sum())
    mean = (float(known.flat.sum()) + 0.5) / (total + 1)
    size = total / len(known)
    if size > 1:
        between = float(np.var(known.means))
        icc = (size * between / (mean * (1 - mean)) - 1) / (size - 1)
    else:
        icc = _UNKNOWN_ICC
    strength = 1 / min(0.98, max(0.02, icc)) - 1
    return mean * strength, (1 - mean) * strength


def _cells(before: Floats, after: Floats, kb: int, kc: int) -> Floats:
    """P(x of kb and y of kc runs pass), averaged over the rates before and after."""
    cells = np.einsum("gx,gy->xy", _binomial(before, kb), _binomial(after, kc)).ravel()
    total: Floats = cells / cells.sum()
    return total


def _binomial(rates: Floats, k: int) -> Floats:
    """Binomial probabilities of 0 to k passes, (rates, k + 1)."""
    x = np.arange(k + 1)
    choose = np.array([math.comb(k, i) for i in x])
    probabilities: Floats = choose * rates[:, None] ** x * (1 - rates[:, None]) ** (k - x)
    return probabilities


class _Steps:
    """The permutation test on many suites at once, all of whose cases have kb and kc runs."""

    def __init__(self, kb: int, kc: int) -> None:
        self._kb, self._kc = kb, kc
        self._spread = np.array([candidate_passes(kb, kc, m) for m in range(kb + kc + 1)])
        x = np.arange(kc + 1)
        self._mean = self._spread @ x
        centred = x - self._mean[:, None]
        self._variance, self._skew = ((self._spread * centred**power).sum(axis=1) for power in (2, 3))

    def p_values(self, cells: Floats) -> Floats:
        """The p-value of each suite.

        `cells` counts the cases by their passes, (suites, kb + 1, kc + 1).
        """
        suites = len(cells)
        by_total = np.zeros((suites, self._kb + self._kc + 1))
        for x in range(self._kb + 1):
            by_total[:, x : x + self._kc + 1] += cells[:, x, :]
        observed = (cells.sum(axis=1) @ np.arange(self._kc + 1)).astype(int)
        variance = by_total @ self._variance
        p = self._edgeworth(observed - by_total @ self._mean, variance, by_total @ self._skew)
        few = np.flatnonzero(variance < _FEW_MOVING)
        if len(few):
            p[few] = self._exact(by_total[few], observed[few])
        return p

    @staticmethod
    def _edgeworth(distance: Floats, variance: Floats, skew: Floats) -> Floats:
        deviation = np.sqrt(np.maximum(variance, 1e-12))
        z = distance / deviation
        density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
        below = np.array([math.erfc(value) for value in -z / math.sqrt(2)]) / 2  # P(Z < z)
        p: Floats = np.where(variance > 0, below - density * (z**2 - 1) * skew / deviation**3 / 6, 1.0)
        return p

    def _exact(self, by_total: Floats, observed: Floats) -> Floats:
        """Exact p-values by Fourier transform: the characteristic functions of the cases multiply."""
        moving = by_total[:, 1:-1]
        size = int(moving.sum(axis=1).max()) * self._kc + 1
        observed = observed - (by_total[:, -1] * self._kc).astype(int)  # a case that always passes adds kc every time
        points = 1 << size.bit_length()
        waves = np.fft.rfft(self._spread[1:-1], points, axis=1)
        logs = np.log(np.where(np.abs(waves) < 1e-300, 1e-300, waves))
        density = np.fft.irfft(np.exp(moving @ logs), points, axis=1)[:, :size]
        below = np.concatenate([np.zeros((len(observed), 1)), np.cumsum(density, axis=1)], axis=1)
        rows, at = np.arange(len(observed)), np.clip(observed.astype(int), 0, size - 1)
        p: Floats = np.clip(below[rows, at] + density[rows, at] / 2, 0, 1)
        return p


# Scores: runs are simulated around the mean of each case, and tested with the normal approximation.


def _scores(known: Ragged, runs: tuple[int, int], alpha: float, seed: int) -> tuple[Power, float]:
    """The power of a suite with at most `_MOST_CASES` cases, and the factor for its drops."""
    rng = np.random.default_rng(seed)
    kb, kc = runs
    means, deviations = _levels(known)
    baseline, n = float(means.mean()), len(means)
    if n > _MOST_CASES:
        chosen = np.linspace(0, n - 1, _MOST_CASES).astype(int)
        order = np.argsort(means, kind="stable")[chosen]
        means, deviations = means[order], deviations[order]
    noise = rng.normal(0, 1, (kb + kc, _SUITES, len(means))) * deviations
    before = _Moments(np.clip(means + noise[:kb], 0, 1))
    threshold = normal_quantile(alpha)

    order = rng.random((_SUITES, len(means)), dtype=np.float32)

    def detected(after: Floats) -> float:
        return float((_z_values(before, _Moments(np.clip(after, 0, 1, out=after))) <= threshold).mean())

    def power(drop: float) -> float:
        lost = min(1.0, drop / baseline)
        everywhere = detected(means * (1 - lost) + noise[kb:])
        in_few = means + noise[kb:]
        np.subtract(in_few, means, out=in_few, where=order < lost)
        return min(everywhere, detected(in_few))

    return power, math.sqrt(len(means) / n)


def _levels(known: Ragged) -> tuple[Floats, Floats]:
    """The mean of each case, and the standard deviation of its runs, shrunk towards that of all cases."""
    means, freedom = known.means, known.sizes - 1
    squares = known.each(lambda runs: ((runs - runs.mean(axis=1, keepdims=True)) ** 2).sum(axis=1))
    common = squares.sum() / max(1, freedom.sum()) if freedom.sum() else float(means.var()) * (1 - _UNKNOWN_ICC)
    return means, np.sqrt((squares + 2 * common) / (freedom + 2))


class _Moments:
    """Sums over the runs of one side, (runs, suites, cases). Those of the baseline are the same for every drop."""

    def __init__(self, runs: Floats) -> None:
        self.size = len(runs)
        self.sums = runs.sum(axis=0)
        self.square = np.einsum("ksn,ksn->s", runs, runs)


def _z_values(before: _Moments, after: _Moments) -> Floats:
    """The z-value of each suite's change under shuffled labels."""
    kb, kc, k = before.size, after.size, before.size + after.size
    change = (after.sums / kc - before.sums / kb).sum(axis=1)
    every = before.sums + after.sums
    around_means = before.square + after.square - np.einsum("sn,sn->s", every, every) / k
    variance = around_means / (k - 1) * k / (kb * kc)
    z: Floats = change / np.sqrt(np.maximum(variance, 1e-12))
    return z


@dataclass(frozen=True, slots=True)
class Needed:
    """The data that would settle an inconclusive gate 80 % of the time.

    Assumes that nothing has changed.
    """

    cases: int
    """Number of additional cases like these."""
    repeats: int | None
    """Number of additional runs of each case; None with a single run on a side, because repeats change the test."""


def needed(spread: Spread, *, margin: float, alpha: float, floor: int, cases: int, runs: tuple[int, int]) -> Needed:
    """The number of cases or repeats with which a PASS has a power of 80 %.

    The squared error of the bound shrinks with the number of cases or runs, its guard with the square of that number.
    """
    wanted = (margin / (normal_quantile(1 - alpha) + normal_quantile(POWER))) ** 2
    rest = max(0.0, spread.error**2 - spread.guard)
    factor = (rest + math.sqrt(rest**2 + 4 * wanted * spread.guard)) / (2 * wanted)
    more_cases = max(math.ceil(cases * factor), math.ceil(floor / runs[1])) - cases
    more_runs = max(math.ceil(runs[1] * factor), math.ceil(floor / max(1, cases))) - runs[1]
    return Needed(max(1, more_cases), max(1, more_runs) if min(runs) >= 2 else None)
