"""The whole procedure of one gate on drawn samples: what a run does, without a model.

    screening stage, then looks at fresh samples of both versions until PASS, FAIL or the last look

`evalharness calibrate` draws from real answers of an unchanged suite, `benchmarks/gate.py` from synthetic worlds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from evalharness.gate.defaults import FEWEST_SESSIONS, LOOKS
from evalharness.gate.evidence import Evidence, FreshEvidence, Rules, Runs, Staged, Word
from evalharness.gate.scores import collect_evidence, decide
from evalharness.gate.staged import last_look
from evalharness.gate.stats.permutation import Floats

Draw = Callable[[int], Floats]
"""Draws k samples of each case: cases x k."""


@dataclass(frozen=True, slots=True)
class World:
    """A suite with its accepted runs and both versions of today."""

    accepted: Floats
    """Cases x runs."""
    before: Draw
    """The accepted version."""
    after: Draw
    """The version under test."""
    same_model: bool = False
    """Whether the weights are those of the accepted runs, as with a local model."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """The end of one rehearsal."""

    verdict: Word
    samples: int
    """Samples of each case, both versions together."""


def rehearse(
    world: World,
    rules: Rules | None = None,
    *,
    seed: str = "",
    looks: int = 3,
    beside: bool = True,
    sessions: bool = False,
) -> Rehearsed:
    """The verdict of a single gate.

    Args:
        world: The samples.
        rules: Margin and error rates. Default: those of a score.
        seed: Of the permutations.
        looks: Most looks at fresh samples.
        beside: Whether the accepted version can run.
        sessions: Whether the screening stage accounts for the variance between accepted runs.

    """
    rules, first = rules or Rules(), world.after(1)
    screen = _evidence(world.accepted, first, rules, seed, sessions=sessions)
    found, size = Staged(screen, alone=not beside), len(first)
    theirs = mine = np.zeros((size, 0))
    while (word := decide(*last_look(found, rules, "screen"))) == "INCONCLUSIVE" and len(found.looks) < looks:
        more = LOOKS[len(found.looks)].samples - mine.shape[1]
        mine = np.hstack([mine, world.after(more)])
        theirs = np.hstack([theirs, world.before(more)]) if beside else theirs
        found = replace(found, looks=(*found.looks, _look(world, first, theirs, mine, rules, seed)))
    return Rehearsed(word, 1 + theirs.shape[1] + mine.shape[1])


def _look(world: World, first: Floats, theirs: Floats, mine: Floats, rules: Rules, seed: str) -> FreshEvidence:
    every = np.hstack([world.accepted, theirs]), np.hstack([first, mine])
    if not theirs.size:
        alone = _evidence(*every, rules, seed, sessions=world.accepted.shape[1] >= FEWEST_SESSIONS)
        return FreshEvidence(alone, alone)
    failing = _evidence(theirs, mine, rules, seed)
    return FreshEvidence(failing, _evidence(*every, rules, seed) if world.same_model else failing)


def _evidence(before: Floats, after: Floats, rules: Rules, seed: str, *, sessions: bool = False) -> Evidence:
    return collect_evidence(_runs(before), _runs(after), rules=rules, seed=seed, sessions=sessions)


def _runs(side: Floats) -> Runs:
    return {f"{number:06}": values for number, values in enumerate(side.tolist())}


def resampled(
    values: Floats, rng: np.random.Generator, *, loss: float = 0.0, accepted: int = 1, same_model: bool = False
) -> World:
    """A world like these answers: cases x runs of an unchanged suite, the runs on different days.

    Each sample is drawn from the runs of its case. Each accepted run and today have a shift of their own, with the
    variance between the runs that chance within the cases does not explain. The version under test has lost `loss`:
    cases in random order drop to 0 until it is reached.
    """
    deviation = _between_runs(values)
    shifts = rng.normal(0, deviation, accepted + 1)

    def draw(k: int, shift: float, known: Floats = values) -> Floats:
        chosen = rng.integers(0, known.shape[1], (len(known), k))
        return _shifted(np.take_along_axis(known, chosen, axis=1), shift, rng)

    fallen, today = _fallen(values, loss, rng), shifts[-1]
    return World(
        np.hstack([draw(1, shift) for shift in shifts[:-1]]),
        lambda k: draw(k, today),
        lambda k: draw(k, today, fallen),
        same_model,
    )


def _between_runs(values: Floats) -> float:
    """The standard deviation of the runs' means beyond that of independent samples of the cases."""
    cases, runs = values.shape
    within = float(values.var(axis=1, ddof=1).mean()) / cases
    return float(np.sqrt(max(0.0, values.mean(axis=0).var(ddof=1) - within))) if runs > 1 else 0.0


def _shifted(drawn: Floats, shift: float, rng: np.random.Generator) -> Floats:
    """The samples with a mean that is about `shift` higher: whole answers fail or recover, as in a bad hour."""
    room = float(drawn.mean()) if shift < 0 else 1 - float(drawn.mean())
    hit = rng.random(drawn.shape) < min(1.0, abs(shift) / room if room > 0 else 0.0)
    return np.where(hit, 0.0 if shift < 0 else 1.0, drawn)


def _fallen(values: Floats, loss: float, rng: np.random.Generator) -> Floats:
    order = rng.permutation(len(values))
    means = values[order].mean(axis=1)
    left = loss * len(values) - (np.cumsum(means) - means)
    share = np.clip(left / np.maximum(means, 1e-9), 0, 1)
    after = values.copy()
    after[order] = np.where(rng.random(len(values))[:, None] < share[:, None], 0.0, values[order])
    return after
