"""Measures the noise of a suite on several runs of it, and rehearses its gate on their answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evalharness.gate.defaults import ALPHA, QUALITY_MARGIN
from evalharness.gate.evidence import Rules
from evalharness.gate.rehearsal import Rehearsal, rehearse, resampled
from evalharness.gate.stats.pairs import Floats
from evalharness.gate.stats.power import minimum_detectable_drop
from evalharness.gate.stats.ragged import Ragged
from evalharness.gate.stats.sessions import overdispersion

FEWEST_RUNS = 3
REHEARSALS = 100


@dataclass(frozen=True, slots=True)
class Calibrated:
    """One metric of one model and prompt."""

    runs: int
    cases: int
    mean: float
    correlation: float
    """Correlation of two runs of the same case (intraclass, one-way): 1 for a deterministic model, 0 for pure noise."""
    between_runs: float
    """Factor by which the variance between runs exceeds the variance that the cases explain; at least 1."""
    margin: float
    """Of the rehearsed gate."""
    rehearsals: int
    """Number of rehearsals of each kind. A share of them has a standard error of at most 0.5 / sqrt(rehearsals)."""
    passes: float
    """Share of rehearsals without a change that end with PASS."""
    false_alarms: float
    """Share of rehearsals without a change that end with FAIL."""
    caught: float
    """Share of rehearsals with a loss of the margin that end with FAIL."""
    samples: float
    """Mean number of samples of a case in a rehearsal without a change, both versions together."""
    minimum_detectable_drop: float | None
    """Drop that one new run detects 80 % of the time against all of these runs but one."""
    own_words: int = 0
    """Number of cases that cannot fail the gate: their golden answers are this version's own words."""


def calibrate(
    runs: Mapping[str, Sequence[float]],
    *,
    margin: float = QUALITY_MARGIN,
    same_model: bool = False,
    rehearsals: int = REHEARSALS,
    own_words: Collection[str] = (),
    seed: str = "",
) -> Calibrated:
    """Noise of a metric, and the verdicts of its gate, from three or more runs of each case.

    A rehearsal is the whole procedure of a run, on answers drawn from these runs: one accepted run, one run, and fresh
    samples of both versions. Equal arguments give equal results.

    Args:
        runs: Case id -> scores in [0, 1].
        margin: Of the gate.
        same_model: Whether accepted answers count like fresh ones, as with a local model.
        rehearsals: Their number, without a change and with a loss of the margin each.
        own_words: The cases that cannot fail the gate, because their golden answers are this version's own words.
        seed: Of the draws.

    Raises ValueError for different numbers of runs, or fewer than three.

    """
    values = np.array([runs[case] for case in sorted(runs, key=lambda case: case not in own_words)], dtype=float)
    own = sum(case in own_words for case in runs)
    if values.ndim != 2 or values.shape[1] < FEWEST_RUNS:
        raise ValueError(f"expected the same number of runs for every case, {FEWEST_RUNS} or more")
    count = values.shape[1]

    def rehearsed(loss: float) -> list[Rehearsal]:
        rng = np.random.default_rng(list(f"{seed}|{loss}".encode()))
        worlds = (
            replace(resampled(values, rng, loss=loss, same_model=same_model), own_words=own) for _ in range(rehearsals)
        )
        return [rehearse(world, Rules(margin), seed=f"{seed}|{at}") for at, world in enumerate(worlds)]

    unchanged, worse = rehearsed(0.0), rehearsed(margin)
    return Calibrated(
        runs=count,
        cases=len(values),
        mean=float(values.mean()),
        correlation=intraclass(values),
        between_runs=overdispersion(list(values)),
        margin=margin,
        rehearsals=rehearsals,
        passes=_share(unchanged, "PASS"),
        false_alarms=_share(unchanged, "FAIL"),
        caught=_share(worse, "FAIL"),
        samples=float(np.mean([one.samples for one in unchanged])),
        minimum_detectable_drop=minimum_detectable_drop(
            Ragged.of(list(values[own:])), runs=(count - 1, 1), alpha=ALPHA, seed=seed
        )
        if own < len(values)
        else None,
        own_words=own,
    )


def _share(found: Sequence[Rehearsal], verdict: str) -> float:
    return sum(one.verdict == verdict for one in found) / len(found)


def intraclass(values: Floats) -> float:
    """The intraclass correlation of the runs of a case; 1.0 if all runs are equal.

    ICC(1) by one-way analysis of variance (Shrout and Fleiss 1979). `values`: cases x runs.
    """
    cases, runs = values.shape
    within = float(values.var(axis=1, ddof=1).mean())
    between = runs * float(values.mean(axis=1).var(ddof=1)) if cases > 1 else 0.0
    total = between + (runs - 1) * within
    return (between - within) / total if total > 0 else 1.0
