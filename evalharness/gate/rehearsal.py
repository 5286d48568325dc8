"""The whole procedure of one gate on drawn samples: what a run does, without a model.

    screening stage, then looks at fresh samples of both versions until PASS, FAIL or the last look

`evalharness calibrate` draws from real answers of an unchanged suite, `benchmarks/gate.py` from synthetic worlds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

import numpy as np

from evalharness.gate.defaults import FEWEST_SESSIONS, LOOKS
from evalharness.gate.evidence import Evidence, FreshEvidence, Rules, Runs, Staged, Word
from evalharness.gate.own_words import apart
from evalharness.gate.scores import collect_evidence, decide
from evalharness.gate.staged import last_look
from evalharness.gate.stats.pairs import Floats

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
    own_words: int = 0
    """Number of cases, the first ones, whose golden answers are the accepted version's own words."""


@dataclass
class Rehearsal:
    """One gate in the middle of its procedure."""

    world: World
    rules: Rules = field(default_factory=Rules)
    seed: str = ""
    """Of the permutations."""
    beside: bool = True
    """Whether the accepted version can run."""
    sessions: bool = False
    """Whether the screening stage accounts for the variance between accepted runs."""

    def __post_init__(self) -> None:
        self._first = self.world.after(1)
        self._theirs = self._mine = np.zeros((len(self._first), 0))
        screen = self._evidence(self.world.accepted, self._first, sessions=self.sessions)
        self.found = Staged(screen, alone=not self.beside)

    @property
    def verdict(self) -> Word:
        """The verdict so far."""
        return decide(*last_look(self.found, self.rules, "screen"))

    @property
    def samples(self) -> int:
        """Samples of each case so far, both versions together."""
        return 1 + self._theirs.shape[1] + self._mine.shape[1]

    @property
    def every(self) -> tuple[Floats, Floats]:
        """All samples so far: accepted version, version under test."""
        return np.hstack([self.world.accepted, self._theirs]), np.hstack([self._first, self._mine])

    def look(self) -> None:
        """Draw the fresh samples of the next look."""
        more = LOOKS[len(self.found.looks)].samples - self._mine.shape[1]
        self._mine = np.hstack([self._mine, self.world.after(more)])
        self._theirs = np.hstack([self._theirs, self.world.before(more)]) if self.beside else self._theirs
        self.found = replace(self.found, looks=(*self.found.looks, self._fresh()))

    def correct(self, p_values: tuple[float, ...]) -> None:
        """Set the p-values after the correction for several gates."""
        self.found = replace(self.found, adjusted=p_values)

    def _fresh(self) -> FreshEvidence:
        if not self.beside:
            alone = self._evidence(*self.every, sessions=self.world.accepted.shape[1] >= FEWEST_SESSIONS)
            return FreshEvidence(alone, alone)
        failing = self._evidence(self._theirs, self._mine)
        return FreshEvidence(failing, self._evidence(*self.every) if self.world.same_model else failing)

    def _evidence(self, before: Floats, after: Floats, *, sessions: bool = False) -> Evidence:
        collected = partial(collect_evidence, rules=self.rules, seed=self.seed, sessions=sessions)
        baseline = _runs(before)
        return apart(collected, baseline, _runs(after), set(islice(baseline, self.world.own_words)))


def rehearse(
    world: World,
    rules: Rules | None = None,
    *,
    seed: str = "",
    looks: int = 3,
    beside: bool = True,
    sessions: bool = False,
) -> Rehearsal:
    """A single gate at the end of its procedure. Default rules: those of a score. `looks`: most of them."""
    found = Rehearsal(world, rules or Rules(), seed, beside, sessions)
    while found.verdict == "INCONCLUSIVE" and len(found.found.looks) < looks:
        found.look()
    return found


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
