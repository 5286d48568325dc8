"""Simulated runs of changed and unchanged suites, for benchmarks/gate.py.

Each function generates one suite of n cases. Pass/fail runs are 0 or 1, `(cases, runs)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from evalharness.gate.rehearsal import Draw, World

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator
Shape = Literal["diffuse", "break"]
"""How a suite loses points: `diffuse` shrinks all rates by one factor, `break` sets the rates of some cases to 0."""


def pass_rates(rng: Rng, n: int, mean: float = 0.85, icc: float = 0.5) -> Floats:
    """The true pass rate of each case: Beta, with this mean; two runs of a case correlate by `icc` = 1 / (a + b + 1).

    Mean 0.85 and ICC 0.5 are a noisy suite, 0.95 and 0.8 a stable one, 0.95 and 0.9 a nearly deterministic one.
    """
    strength = 1 / icc - 1
    return rng.beta(mean * strength, (1 - mean) * strength, n)


def fallen(rng: Rng, rates: Floats, drop: float, shape: Shape, mean: float = 0.85) -> Floats:
    """The rates after a change whose expected drop is `drop`. `mean` is the mean of `pass_rates`."""
    if shape == "diffuse":
        return rates * (1 - drop / mean)
    return np.where(rng.random(len(rates)) < drop / mean, 0.0, rates)


def fallen_exactly(rng: Rng, rates: Floats, drop: float, shape: Shape) -> Floats:
    """Rates whose mean is lower by exactly `drop` on these cases, to measure false passes.

    With `break`, cases in random order drop to 0 until the drop is reached, the last one in part.
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
    """`k` independent pass/fail runs of each case."""
    return (rng.random((len(rates), k)) < rates[:, None]).astype(float)


def correlated(rng: Rng, rates: Floats, k: int, metrics: int) -> Floats:
    """(metrics, cases, k) pass/fail runs of metrics on the same responses.

    All metrics have the same rates. In each run, a metric follows the luck of the response half of the time, and its
    own in the other half.
    """
    shape = (metrics, len(rates), k)
    luck = np.where(rng.random(shape) < 0.5, rng.random(shape[1:]), rng.random(shape))
    return (luck < rates[:, None]).astype(float)


def clustered(rng: Rng, rates: Floats, k: int, size: int, flake: float) -> Floats:
    """`k` runs of cases in clusters of `size` neighbours, which share a document, for example.

    In a run, a cluster fails as a whole at the rate `flake`. If it does not, each case passes at its own rate.
    """
    spoiled = np.repeat(rng.random((len(rates) // size, k)) < flake, size, axis=0)
    return np.where(spoiled, 0.0, pass_fail(rng, rates, k))


def with_flips(rng: Rng, rates: Floats, sessions: int, share: float) -> Floats:
    """One run in each session. In a session, a `share` of the cases has the rate 1 - p instead of p."""
    flipped = rng.random((len(rates), sessions)) < share
    return _one_each(rng, np.where(flipped, 1 - rates[:, None], rates[:, None]))


def with_shifts(rng: Rng, rates: Floats, sessions: int, deviation: float) -> Floats:
    """One run in each session. A session shifts all rates by one normal deviate, cut at 0 and 1."""
    return _one_each(rng, np.clip(rates[:, None] + rng.normal(0, deviation, sessions), 0, 1))


def _one_each(rng: Rng, rates: Floats) -> Floats:
    return (rng.random(rates.shape) < rates).astype(float)


def score_levels(rng: Rng, n: int) -> Floats:
    """The level of each case without noise: N(0.05, 0.15) for 8 % of the cases, N(0.88, 0.25) for the others."""
    return np.where(rng.random(n) < 0.08, rng.normal(0.05, 0.15, n), rng.normal(0.88, 0.25, n))


def scores(rng: Rng, levels: Floats, k: int, drop: float = 0.0) -> Floats:
    """`k` scores of each case in steps of 0.1: level + N(0, 0.2), cut at 0 and 1. About 40 % of them are 1.

    The levels are shifted so that the mean score is lower by `drop`.
    """
    noisy = levels[:, None] - _level_drop(drop) + rng.normal(0, 0.2, (len(levels), k))
    return np.clip(np.round(noisy, 1), 0, 1)


@lru_cache
def _level_drop(drop: float) -> float:
    """The drop of the levels for a drop of the mean score, by bisection on 200,000 cases. The cut makes it larger."""
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
    """The usual log seconds of each case: N(0, 0.6)."""
    return rng.normal(0, 0.6, n)


def session_seconds(rng: Rng, cases: Floats, arms: int, machine: float) -> tuple[list[Floats], float]:
    """Seconds of one session on one machine, `arms` calls of each case in turns, and its calibration seconds.

    Log seconds are the sum of case, machine N(0, `machine`), a random walk within the session with steps of deviation
    0.05 / sqrt(n), call noise N(0, 0.25), and for 5 % of the calls an exponential delay of mean 0.8. The calibration
    contains 0.8 of the machine, with noise N(0, 0.02).
    """
    n = len(cases)
    state = rng.normal(0, machine)
    common = cases + state + np.cumsum(rng.normal(0, 0.05 / np.sqrt(n), n))
    calls = [np.exp(common + _call_noise(rng, n)) for _ in range(arms)]
    return calls, float(np.exp(0.8 * state + rng.normal(0, 0.02)))


def _call_noise(rng: Rng, n: int) -> Floats:
    return rng.normal(0, 0.25, n) + np.where(rng.random(n) < 0.05, rng.exponential(0.8, n), 0.0)


def asked_first(seconds: tuple[Floats, Floats], slower: float) -> tuple[Floats, Floats]:
    """The seconds of both versions in turns, where the version that is asked first takes longer by this factor.

    The order alternates from case to case, as in a run.
    """
    first = np.arange(len(seconds[0])) % 2 == 0
    return np.where(first, slower, 1.0) * seconds[0], np.where(first, 1.0, slower) * seconds[1]


def with_tail(rng: Rng, seconds: Floats, share: float = 0.1, factor: float = 3.0) -> Floats:
    """The seconds with a `share` of the calls `factor` times as long."""
    return seconds * np.where(rng.random(seconds.shape) < share, factor, 1.0)


def case_tokens(rng: Rng, n: int) -> Floats:
    """The usual tokens of each case: lognormal around 300, log deviation 1."""
    return 300 * np.exp(rng.normal(0, 1, n))


def tokens(rng: Rng, cases: Floats, k: int, factor: float = 1.0, loops: float = 0.0) -> Floats:
    """Tokens of k runs of each case: lognormal, log deviation 0.25. A share of `loops` has 8 times as many."""
    cost = factor * cases[:, None] * np.exp(rng.normal(0, 0.25, (len(cases), k)))
    return np.where(rng.random(cost.shape) < loops, cost * 8, cost)


def side_by_side(*parts: Floats) -> Floats:
    """Runs of the same cases in one array."""
    return np.concatenate(parts, axis=1)


def columns(parts: Sequence[Floats]) -> Floats:
    """One run of all cases per part, as `(cases, runs)`."""
    return np.stack(parts, axis=1)


# Worlds: an accepted baseline, and today's samples of both versions. Most were not in the mind of the gate's author.


def at_rates(rng: Rng, rates: Floats) -> Draw:
    """Pass/fail samples at these rates."""
    return lambda k: pass_fail(rng, rates, k)


def unchanged(rng: Rng, n: int, kb: int, *, of: tuple[float, float] = (0.85, 0.5)) -> World:
    """Nothing has changed, with a local model."""
    rates = pass_rates(rng, n, *of)
    return World(pass_fail(rng, rates, kb), at_rates(rng, rates), at_rates(rng, rates), same_model=True)


def worse(rng: Rng, n: int, kb: int, drop: float, shape: Shape, *, of: tuple[float, float] = (0.85, 0.5)) -> World:
    """The new version has lost exactly `drop` on these cases."""
    rates = pass_rates(rng, n, *of)
    after = fallen_exactly(rng, rates, drop, shape)
    return World(pass_fail(rng, rates, kb), at_rates(rng, rates), at_rates(rng, after), same_model=True)


def drifting(rng: Rng, n: int, kb: int, loss: float) -> World:
    """From the second round of samples on, an endpoint answers worse by the factor `loss`, with both versions."""
    rates = pass_rates(rng, n)
    rounds = iter([rates])

    def after(k: int) -> Floats:
        return pass_fail(rng, next(rounds, rates * (1 - loss)), k)

    return World(pass_fail(rng, rates, kb), at_rates(rng, rates * (1 - loss)), after)


def edited(rng: Rng, n: int, kb: int, share: float, *, flips: float = 0.02) -> World:
    """An innocent edit: this share of cases changes its outcome, in either direction, the mean stays.

    A remote model at temperature 0 whose answers flip from run to run at the rate `flips`.
    """
    mean = 0.85
    outcome = rng.random(n) < mean
    redrawn = rng.random(n) < share / (2 * mean * (1 - mean))  # a redrawn outcome differs this often
    changed = np.where(redrawn, rng.random(n) < mean, outcome)
    before, after = (np.where(side, 1 - flips, flips) for side in (outcome, changed))
    return World(pass_fail(rng, before, kb), at_rates(rng, before), at_rates(rng, after))


def edited_sampled(rng: Rng, n: int, kb: int, share: float) -> World:
    """The same for a sampled model: this share of cases exchanges its rates."""
    rates = pass_rates(rng, n)
    moved = np.flatnonzero(rng.random(n) < share)
    after = rates.copy()
    after[moved] = rates[rng.permutation(moved)]
    return World(pass_fail(rng, rates, kb), at_rates(rng, rates), at_rates(rng, after), same_model=True)


def in_sessions(rng: Rng, n: int, kb: int, deviation: float, *, one_day: bool = False) -> World:
    """Sessions that differ: each accepted run is one, and today is one. With `one_day`, all accepted runs share one."""
    rates = pass_rates(rng, n)
    shifts = np.repeat(rng.normal(0, deviation), kb) if one_day else rng.normal(0, deviation, kb)
    today = np.clip(rates + rng.normal(0, deviation), 0, 1)
    accepted = _one_each(rng, np.clip(rates[:, None] + shifts, 0, 1))
    return World(accepted, at_rates(rng, today), at_rates(rng, today))


def chosen(rng: Rng, n: int, kb: int) -> World:
    """A winner's curse: a run was accepted only if its mean was not lower than that of the run before."""
    rates = pass_rates(rng, n)
    kept = [pass_fail(rng, rates, 1)]
    while len(kept) < kb:
        run = pass_fail(rng, rates, 1)
        if run.mean() >= kept[-1].mean() or rng.random() < 0.02:  # the author accepts in the end
            kept.append(run)
    return World(side_by_side(*kept), at_rates(rng, rates), at_rates(rng, rates))


def stormy(rng: Rng, n: int, kb: int, lost: float) -> World:
    """15 % of all rounds lose a block of neighbouring answers: of both versions, which are sampled in turns."""
    rates = pass_rates(rng, n)
    blocks: list[int | None] = []

    def runs(first: int, k: int) -> Floats:
        made = pass_fail(rng, rates, k)
        while len(blocks) < first + k:
            blocks.append(int(rng.integers(0, n)) if rng.random() < 0.15 else None)
        for run, start in enumerate(blocks[first : first + k]):
            if start is not None:
                made[np.arange(start, start + int(lost * n)) % n, run] = 0
        return made

    def side(first: int) -> Draw:
        reached = [first]

        def draw(k: int) -> Floats:
            reached[0] += k
            return runs(reached[0] - k, k)

        return draw

    return World(runs(0, kb), side(kb + 1), side(kb))


def other_backend(rng: Rng, n: int, kb: int, share: float) -> World:
    """The endpoint has changed since the runs were accepted: this share of cases differs, the mean stays."""
    world = edited(rng, n, kb, share)
    return World(world.accepted, world.after, world.after)


def with_tag(rng: Rng, n: int, kb: int, tagged: int, *, of: tuple[float, float] = (0.95, 0.8)) -> World:
    """The first `tagged` cases fail completely in the new version, the others are unchanged."""
    rates = pass_rates(rng, n, *of)
    after = rates.copy()
    after[:tagged] = 0
    return World(pass_fail(rng, rates, kb), at_rates(rng, rates), at_rates(rng, after), same_model=True)


def own_words(rng: Rng, n: int, kb: int, share: float, *, drop: float = 0.0, known: bool = True) -> World:
    """A share of the golden answers is the accepted version's own words; the new version answers in other words.

    There the accepted version always passes, and the new one half as often as with a golden answer that a person wrote,
    although its answers are as good. In the other cases it has lost exactly `drop`. `known`: the gate knows the origin.
    """
    own, rates = round(share * n), pass_rates(rng, n)
    after = np.concatenate([rates[:own] / 2, fallen_exactly(rng, rates[own:], drop, "diffuse")])
    before = np.concatenate([np.ones(own), rates[own:]])
    accepted, sides = pass_fail(rng, before, kb), (at_rates(rng, before), at_rates(rng, after))
    return World(accepted, *sides, same_model=True, own_words=own if known else 0)
