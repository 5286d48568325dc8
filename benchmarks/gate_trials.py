"""What the rows of benchmarks/gate.py share: populations of cases, trials and rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gate_data as data
import numpy as np
from gate_data import Floats, Rng, Shape

from evalharness.gate.evidence import Evidence, Rules, Runs, Word
from evalharness.gate.families import each_look
from evalharness.gate.rehearsal import Rehearsal, World, rehearse
from evalharness.gate.scores import collect_evidence, decide
from evalharness.gate.stats.pairs import Pair
from evalharness.gate.stats.permutation import p_worse

NOISY, STABLE, NEARLY_FIXED, LOOSE, ALWAYS = (0.85, 0.5), (0.95, 0.8), (0.95, 0.9), (0.85, 0.3), (0.999, 0.9)
"""Populations of cases: mean pass rate, correlation of two runs of a case."""
IDS = tuple(f"case-{number:04}" for number in range(3000))
CLUSTERS = {case: str(number // 5) for number, case in enumerate(IDS)}
SHAPES: tuple[Shape, ...] = ("diffuse", "break")


def share(rng: Rng, suites: int, trial: Callable[[Rng], bool]) -> float:
    """The share of suites for which the trial is true."""
    return float(np.mean([trial(rng) for _ in range(suites)]))


def p_values(rng: Rng, suites: int, trial: Callable[[Rng], float]) -> Floats:
    """The p-value of each suite."""
    return np.array([trial(rng) for _ in range(suites)])


def below(found: Floats, alpha: float) -> float:
    """Share of p-values at or below alpha."""
    return float((found <= alpha).mean())


def runs_of(side: Floats) -> Runs:
    """The runs in the format of the gate."""
    return dict(zip(IDS, side.tolist(), strict=False))


def pairs_of(baseline: Floats, candidate: Floats) -> list[Pair]:
    """The runs in the format of the test."""
    return list(zip(baseline, candidate, strict=True))


def seed_of(rng: Rng) -> str:
    """A seed for one suite. With the same seed for all suites, their Monte Carlo errors would be equal."""
    return str(rng.integers(2**32))


def evidence_of(baseline: Floats, candidate: Floats, rules: Rules, *, sessions: bool = False) -> Evidence:
    """The evidence on pass/fail runs, whose test is exact and needs no seed."""
    return collect_evidence(runs_of(baseline), runs_of(candidate), rules=rules, seed="", sessions=sessions)


def verdict_of(baseline: Floats, candidate: Floats, rules: Rules) -> Word:
    """The verdict of one stage of a single gate."""
    evidence = evidence_of(baseline, candidate, rules)
    return decide(evidence, evidence.p_value, rules)


def verdicts(rng: Rng, suites: int, make: Callable[[Rng], World], **options: Any) -> Verdicts:
    """The shares of the verdicts over simulated suites."""
    found = [rehearse(make(rng), seed=seed_of(rng), **options) for _ in range(suites)]
    words = [one.verdict for one in found]
    samples = float(np.mean([one.samples for one in found]))
    at_once = sum(one.verdict == "PASS" and not one.found.looks for one in found)
    return Verdicts(words.count("FAIL") / suites, words.count("PASS") / suites, samples, at_once / suites)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Shares of verdicts, and the mean number of runs of a case, both versions together."""

    fail: float
    passed: float
    runs: float
    at_once: float
    """PASS in the screening stage."""


def pass_fail_p(
    rng: Rng, n: int, kb: int, kc: int, of: tuple[float, float], shape: Shape = "diffuse", drop: float = 0.0
) -> float:
    """The p-value of a suite whose expected loss is `drop`."""
    rates = data.pass_rates(rng, n, *of)
    after = data.fallen(rng, rates, drop, shape, of[0])
    return p_worse(pairs_of(data.pass_fail(rng, rates, kb), data.pass_fail(rng, after, kc)), "")


def scores_p(rng: Rng, n: int, kb: int, kc: int, drop: float = 0.0) -> float:
    """The p-value of a suite of scores whose expected loss is `drop`."""
    levels = data.score_levels(rng, n)
    return p_worse(pairs_of(data.scores(rng, levels, kb), data.scores(rng, levels, kc, drop)), seed_of(rng))


def rehearse_together(worlds: Sequence[World]) -> list[Rehearsal]:
    """Gates that share alpha: the procedure of `rehearse`, with Holm's correction at each look."""
    rehearsals = [Rehearsal(world) for world in worlds]
    for _ in range(3):
        undecided = [one for one in rehearsals if one.verdict == "INCONCLUSIVE"]
        for one in undecided:
            one.look()
        for one, p_values in zip(rehearsals, each_look([one.found.p_values for one in rehearsals]), strict=True):
            one.correct(p_values)
    return rehearsals
