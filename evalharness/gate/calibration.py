"""Measures noise and false alarms of a gate on several runs of an unchanged suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evalharness.gate.defaults import ALPHA, ALPHA_WARN
from evalharness.gate.evidence import Rules
from evalharness.gate.scores import collect_evidence
from evalharness.gate.stats.permutation import Floats
from evalharness.gate.stats.power import minimum_detectable_drop
from evalharness.gate.stats.sessions import overdispersion

FEWEST_RUNS = 3


@dataclass(frozen=True, slots=True)
class Calibrated:
    """One metric of one model and prompt."""

    runs: int
    cases: int
    mean: float
    comparisons: int
    """Comparisons of one run with all other runs: one for each run."""
    warnings: int
    """Comparisons with p at most 0.05."""
    alarms: int
    """Comparisons with p at most 0.01."""
    correlation: float
    """Correlation of two runs of the same case (intraclass, one-way): 1 for a deterministic model, 0 for pure noise."""
    between_runs: float
    """Factor by which the variance between runs exceeds the variance that the cases explain; at least 1."""
    minimum_detectable_drop: float | None
    """Drop that one new run detects 80 % of the time against all of these runs but one."""


def calibrate(runs: Mapping[str, Sequence[float]], *, seed: str = "") -> Calibrated:
    """Noise and false alarms of a metric, from three or more runs of each case.

    `runs` maps case ids to scores in [0, 1]. Raises ValueError for different numbers of runs, or fewer than three.
    """
    values = np.array(list(runs.values()), dtype=float)
    if values.ndim != 2 or values.shape[1] < FEWEST_RUNS:
        raise ValueError(f"expected the same number of runs for every case, {FEWEST_RUNS} or more")
    count = values.shape[1]
    p_values = [_p_of_one(runs, number, seed) for number in range(count)]
    return Calibrated(
        runs=count,
        cases=len(values),
        mean=float(values.mean()),
        comparisons=count,
        warnings=sum(p <= ALPHA_WARN for p in p_values),
        alarms=sum(p <= ALPHA for p in p_values),
        correlation=intraclass(values),
        between_runs=overdispersion(list(values)),
        minimum_detectable_drop=minimum_detectable_drop(list(values), runs=(count - 1, 1), alpha=ALPHA, seed=seed),
    )


def _p_of_one(runs: Mapping[str, Sequence[float]], number: int, seed: str) -> float:
    """The p-value of one run as the candidate and the others as its baseline."""
    others = {case: [value for at, value in enumerate(values) if at != number] for case, values in runs.items()}
    one = {case: [values[number]] for case, values in runs.items()}
    return collect_evidence(others, one, rules=Rules(), seed=f"{seed}|{number}", sessions=True).p_value


def intraclass(values: Floats) -> float:
    """The intraclass correlation of the runs of a case; 1.0 if all runs are equal.

    ICC(1) by one-way analysis of variance (Shrout and Fleiss 1979). `values`: cases x runs.
    """
    cases, runs = values.shape
    within = float(values.var(axis=1, ddof=1).mean())
    between = runs * float(values.mean(axis=1).var(ddof=1)) if cases > 1 else 0.0
    total = between + (runs - 1) * within
    return (between - within) / total if total > 0 else 1.0
