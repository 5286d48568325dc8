"""Runs of suites that are known to have changed, or not: what benchmarks/gate.py feeds to the gate.

Each function draws one suite of n cases. Pass/fail runs are 0 or 1, `(cases, runs)`; the distributions are those that
the rates on the statistics page belong to, §4 and §6.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator
Shape = Literal["diffuse", "break"]
"""How a suite loses points: every rate shrinks by one factor, or some cases never pass again."""


def pass_rates(rng: Rng, n: int, mean: float = 0.85, icc: float = 0.5) -> Floats:
    """The true pass rate of each case: Beta, with this mean; two runs of a case correlate by `icc` = 1 / (a + b + 1).

    Mean 0.85 and ICC 0.5 are a noisy suite, 0.95 and 0.8 a stable one, 0.95 and 0.9 a nearly deterministic one.
    """
    strength = 1 / icc - 1
    return rng.beta(mean * strength, (1 - mean) * strength, n)


def fallen(rng: Rng, rates: Floats, drop: float, shape: Shape, mean: float = 0.85) -> Floats:
    """Rates from `pass_rates` of this mean after a change whose expected fall is `drop`."""
    if shape == "diffuse":
        return rates * (1 - drop / mean)
    return np.where(rng.random(len(rates)) < drop / mean, 0.0, rates)


def fallen_exactly(rng: Rng, rates: Floats, drop: float, shape: Shape) -> Floats:
    """Rates whose mean is lower by `drop` on these very cases: what a false PASS is measured on.

    "break": cases in random order fall to 0 until the drop is reached, the last one in part.
    """
    if shape == "diffuse":
        return np.clip(rates * (1 - drop / max(float(rates.mean()), 1e-9)), 0, 1)
    order = rng.permutation(len(rates))
    shuffled = rates[order]
    left_to_lose = drop * len(rates) - (np.cumsum(shuffled) - shuffled)
    after = rates.copy()
    after[order] -= np.clip(left_to_lose, 0, shuffled)
    return after


def pass_fail(rng: Rng, rates: Floats, k: int) -> Floats:
    """`k` independent runs of each case: Bernoulli."""
    return (rng.random((len(rates), k)) < rates[:, None]).astype(float)


def correlated(rng: Rng, rates: Floats, k: int, metrics: int) -> Floats:
    """(metrics, cases, k) pass/fail runs of metrics that look at the same answers.

    Every metric has the same rates; in each run it follows the luck of the answer half of the time, else its own.
    """
    shape = (metrics, len(rates), k)
    luck = np.where(rng.random(shape) < 0.5, rng.random(shape[1:]), rng.random(shape))
    return (luck < rates[:, None]).astype(float)


def clustered(rng: Rng, rates: Floats, k: int, size: int, flake: float) -> Floats:
    """`k` runs of cases that share something, `size` neighbours each: in a run, with chance `flake`, a cluster fails
    as a whole (its document was not found, say); else each case passes with its own rate.
    """
    spoiled = np.repeat(rng.random((len(rates) // size, k)) < flake, size, axis=0)
    return np.where(spoiled, 0.0, pass_fail(rng, rates, k))


def with_flips(rng: Rng, rates: Floats, sessions: int, share: float) -> Floats:
    """One run in each session; in a session a `share` of the cases has the rate 1 - p instead of p."""
    flipped = rng.random((len(rates), sessions)) < share
    return _one_each(rng, np.where(flipped, 1 - rates[:, None], rates[:, None]))


def with_shifts(rng: Rng, rates: Floats, sessions: int, deviation: float) -> Floats:
    """One run in each session; a session shifts all rates by one normal deviate, cut at 0 and 1."""
    return _one_each(rng, np.clip(rates[:, None] + rng.normal(0, deviation, sessions), 0, 1))


def _one_each(rng: Rng, rates: Floats) -> Floats:
    return (rng.random(rates.shape) < rates).astype(float)


def score_levels(rng: Rng, n: int) -> Floats:
    """What a case is worth before noise: 8 % hopeless ones, N(0.05, 0.15), the others N(0.88, 0.25)."""
    return np.where(rng.random(n) < 0.08, rng.normal(0.05, 0.15, n), rng.normal(0.88, 0.25, n))


def scores(rng: Rng, levels: Floats, k: int, drop: float = 0.0) -> Floats:
    """`k` scores of each case in steps of 0.1: level + N(0, 0.2), cut at 0 and 1, so about 40 % of them are 1.

    The levels fall so far that the mean score falls by `drop`.
    """
    noisy = levels[:, None] - _level_drop(drop) + rng.normal(0, 0.2, (len(levels), k))
    return np.clip(np.round(noisy, 1), 0, 1)


@lru_cache
def _level_drop(drop: float) -> float:
    """By bisection on 200,000 cases; with the cut, a level's fall is larger than the score's."""
    if drop == 0:
        return 0.0
    noisy = score_levels(np.random.default_rng(7), 200_000) + np.random.default_rng(8).normal(0, 0.2, 200_000)

    def mean(fall: float) -> float:
        return float(np.clip(np.round(noisy - fall, 1), 0, 1).mean())

    low, high, before = 0.0, 0.6, mean(0.0)
    for _ in range(22):
        middle = (low + high) / 2
        low, high = (middle, high) if before - mean(middle) < drop else (low, middle)
    return (low + high) / 2


def case_seconds(rng: Rng, n: int) -> Floats:
    """Log seconds that each case usually takes: N(0, 0.6)."""
    return rng.normal(0, 0.6, n)


def session_seconds(rng: Rng, cases: Floats, arms: int, machine: float) -> tuple[list[Floats], float]:
    """Seconds of one session on one machine, `arms` calls of each case in turns, and its calibration seconds.

    Log seconds are case + machine, N(0, `machine`) + a random walk within the session, whose steps have the deviation
    0.05 / sqrt(n) + call noise, N(0, 0.25), and for 5 % of the calls an exponential delay of mean 0.8 on top.
    The calibration sees 0.8 of the machine, with noise N(0, 0.02).
    """
    n = len(cases)
    state = rng.normal(0, machine)
    common = cases + state + np.cumsum(rng.normal(0, 0.05 / np.sqrt(n), n))
    calls = [np.exp(common + _call_noise(rng, n)) for _ in range(arms)]
    return calls, float(np.exp(0.8 * state + rng.normal(0, 0.02)))


def _call_noise(rng: Rng, n: int) -> Floats:
    return rng.normal(0, 0.25, n) + np.where(rng.random(n) < 0.05, rng.exponential(0.8, n), 0.0)


def with_tail(rng: Rng, seconds: Floats, share: float = 0.1, factor: float = 3.0) -> Floats:
    """A `share` of the calls takes `factor` times as long."""
    return seconds * np.where(rng.random(seconds.shape) < share, factor, 1.0)


def case_tokens(rng: Rng, n: int) -> Floats:
    """Tokens that each case usually takes: lognormal around 300, log deviation 1."""
    return 300 * np.exp(rng.normal(0, 1, n))


def tokens(rng: Rng, cases: Floats, k: int, factor: float = 1.0, loops: float = 0.0) -> Floats:
    """Tokens of k runs of each case: lognormal, log deviation 0.25; a share of `loops` costs 8 times as much."""
    cost = factor * cases[:, None] * np.exp(rng.normal(0, 0.25, (len(cases), k)))
    return np.where(rng.random(cost.shape) < loops, cost * 8, cost)


def side_by_side(*parts: Floats) -> Floats:
    """Runs of the same cases, one after another."""
    return np.concatenate(parts, axis=1)


def columns(parts: Sequence[Floats]) -> Floats:
    """One run of each case after another, as `(cases, runs)`."""
    return np.stack(parts, axis=1)
