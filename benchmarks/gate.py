"""The acceptance benchmark of the gate: simulated rates of false alarms, false passes and detected drops.

    python benchmarks/gate.py                 every row at full size: minutes
    python benchmarks/gate.py --ci            small sizes: under a minute
    python benchmarks/gate.py A3 P3           these rows only
    python benchmarks/gate.py --scale 0.25    a quarter of the suites
    python benchmarks/gate.py --write FILE    write the table to a file too
    python benchmarks/gate.py --jobs 8        number of rows at once

Rows: A false alarms, P power, N false passes, D the reported detectable drop and needed cases, S tags, U equal
answers, L latency, C cost, H stable assertions, O oracles, J `assess_scores` against its parts, W own words in golden
answers. Rows without a requirement are for information. The data are synthetic (gate_data.py), the code under test is
the real one. The exit status is 1 if a row fails.

A rate of false alarms may be three standard errors of the simulation above its nominal value, or at the required value
if that is larger. At smaller sizes, a power may be three standard errors below the required value.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import gate_data as data
from gate_data import Floats, Rng, Shape

from evalharness import testing
from evalharness.gate import decide_run
from evalharness.gate.cost import assess_cost, collect_cost_evidence, cost_rules
from evalharness.gate.evidence import Evidence, GateResult, Rules, Runs, Word
from evalharness.gate.families import each_look
from evalharness.gate.latency import Calibration, assess_latency
from evalharness.gate.rehearsal import Rehearsal, World, rehearse
from evalharness.gate.reruns import FAILS, RERUNS
from evalharness.gate.scores import assess_scores, collect_evidence, decide
from evalharness.gate.slices import slices_of, worst_of
from evalharness.gate.stats.outliers import SLOW, outlier_rates
from evalharness.gate.stats.permutation import Pair, holm, p_worse

SEED = 20260101
NOISY, STABLE, NEARLY_FIXED, LOOSE, ALWAYS = (0.85, 0.5), (0.95, 0.8), (0.95, 0.9), (0.85, 0.3), (0.999, 0.9)
"""Populations of cases: mean pass rate, correlation of two runs of a case."""
IDS = tuple(f"case-{number:04}" for number in range(3000))
CLUSTERS = {case: str(number // 5) for number, case in enumerate(IDS)}
SHAPES: tuple[Shape, ...] = ("diffuse", "break")


@dataclass(frozen=True, slots=True)
class Setting:
    """The number of a row, and whether to use the small sizes."""

    scenario: int
    ci: bool = False
    scale: float = 1.0
    """Share of the full number of suites."""

    def rng(self, cell: int) -> Rng:
        """The random numbers of a cell, independent of other cells and rows."""
        return np.random.default_rng([SEED, self.scenario, cell])

    def size(self, full: int, ci: int) -> int:
        """The number of simulated suites."""
        return ci if self.ci else max(ci, round(full * self.scale))

    def slack(self, rate: float, suites: int) -> float:
        """The tolerance of a power at the small size."""
        return three_errors(rate, suites) if self.ci or self.scale < 1 else 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table."""

    scenario: str
    measured: float
    suites: int
    low: float = -math.inf
    high: float = math.inf
    unit: str = " %"

    @property
    def ok(self) -> bool:
        """Whether the value meets the requirement; NaN does not."""
        return self.low <= self.measured <= self.high

    @property
    def requirement(self) -> str:
        """The requirement as text."""
        low, high = self.shown(self.low), self.shown(self.high)
        if math.isinf(self.low) and math.isinf(self.high):
            return "none"
        if math.isinf(self.low):
            return f"≤ {high}"
        return f"≥ {low}" if math.isinf(self.high) else f"{low} … {high}"

    def shown(self, value: float) -> str:
        """A value as text; a rate as a percentage."""
        return f"{100 * value:.1f} %" if self.unit == " %" else f"{value:.3g}{self.unit}"


def three_errors(rate: float, suites: int) -> float:
    """Three standard errors of a simulated rate."""
    return 3 * math.sqrt(rate * (1 - rate) / suites)


def at_most(scenario: str, measured: float, suites: int, nominal: float, page: float = 0.0) -> Check:
    """A rate of false alarms: at most its nominal value plus three standard errors, or `page` if that is larger."""
    return Check(scenario, measured, suites, high=max(page, nominal + three_errors(nominal, suites)))


def at_least(at: Setting, scenario: str, measured: float, suites: int, page: float) -> Check:
    """A power: at least `page`, the required value."""
    return Check(scenario, measured, suites, low=page - at.slack(page, suites))


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


# A: nothing has changed, and the gate should not fail


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


def a1(at: Setting) -> Iterator[Check]:
    """Pass/fail, p-values."""
    suites = at.size(4000, 80)
    designs = itertools.product((20, 50, 200, 1000), ((1, 1), (5, 1), (3, 3), (5, 5)), (LOOSE, NOISY, NEARLY_FIXED))
    found = [
        p_values(at.rng(cell), suites, partial(pass_fail_p, n=n, kb=kb, kc=kc, of=of))
        for cell, (n, (kb, kc), of) in enumerate(designs)
    ]
    for alpha, page, mean in ((0.05, 0.061, 0.05), (0.01, 0.015, 0.011)):
        rates, label = [below(values, alpha) for values in found], f"pass/fail, p ≤ {alpha:g}"
        yield at_most(f"{label}: worst of {len(found)} cells", max(rates), suites, alpha, page)
        yield Check(f"{label}: mean of the cells", float(np.mean(rates)), suites * len(found), high=mean)


def a2(at: Setting) -> Iterator[Check]:
    """Scores with ties, p-values."""
    suites = at.size(1000, 30)
    designs = enumerate(itertools.product((20, 50, 200), ((1, 1), (3, 3), (5, 1))))
    found = [p_values(at.rng(cell), suites, partial(scores_p, n=n, kb=kb, kc=kc)) for cell, (n, (kb, kc)) in designs]
    for alpha, page in ((0.05, 0.071), (0.01, 0.02)):
        worst = max(below(values, alpha) for values in found)
        yield at_most(f"scores with ties, p ≤ {alpha:g}: worst of {len(found)} cells", worst, suites, alpha, page)


def a3(at: Setting) -> Iterator[Check]:
    """The default procedure."""
    suites = at.size(2000, 40)
    for cell, (n, kb) in enumerate(itertools.product((20, 50, 86, 200), (1, 5))):
        found = verdicts(at.rng(cell), suites, partial(data.unchanged, n=n, kb=kb))
        label = f"unchanged, n = {n}, {kb} accepted"
        yield at_most(f"{label}: FAIL", found.fail, suites, 0.008, 0.01)
        yield Check(f"{label}: PASS", found.passed, suites)
        yield Check(f"{label}: PASS without fresh samples", found.at_once, suites)
        yield Check(f"{label}: runs of a case, both versions", found.runs, suites, unit="")


def f2(at: Setting) -> Iterator[Check]:
    """Worlds in which the accepted runs are not like those of today."""
    suites = at.size(2000, 25)
    worlds: dict[str, tuple[Callable[[Rng], World], float]] = {
        **{
            f"both versions {100 * loss:g} % worse from the second round on": (partial(data.drifting, loss=loss), 0.016)
            for loss in (0.05, 0.1, 0.2)
        },
        **{
            f"sessions, deviation {100 * sd:g} pts": (partial(data.in_sessions, deviation=sd), 0.016)
            for sd in (0.017, 0.03, 0.05)
        },
        **{
            f"accepted in one session, deviation {100 * sd:g} pts": (
                partial(data.in_sessions, deviation=sd, one_day=True),
                0.016,
            )
            for sd in (0.017, 0.03)
        },
        "accepted only if not lower": (data.chosen, 0.02),
        **{f"storms lose {100 * lost:g} %": (partial(data.stormy, lost=lost), 0.016) for lost in (0.1, 0.2)},
        **{
            f"another backend, {100 * s:g} % differ": (partial(data.other_backend, share=s), 0.016)
            for s in (0.07, 0.13)
        },
    }
    for cell, (label, (world, page)) in enumerate(worlds.items()):
        found = verdicts(at.rng(cell), suites, partial(world, n=200, kb=5))
        yield at_most(f"{label}, n = 200: FAIL", found.fail, suites, 0.008, page)


def f3(at: Setting) -> Iterator[Check]:
    """Innocent edits: cases move by their own amounts, the mean stays."""
    suites = at.size(2000, 25)
    designs = itertools.product((50, 86, 200), (0.07, 0.13))
    for cell, (n, share) in enumerate(designs):
        for number, (label, world) in enumerate(
            (("remote at temperature 0", data.edited), ("sampled", data.edited_sampled))
        ):
            made = partial(world, n=n, kb=5, share=share if number == 0 else 2 * share)
            found = verdicts(at.rng(10 * cell + number), suites, made)
            yield at_most(f"innocent edit, {label}, {100 * share:g} %, n = {n}: FAIL", found.fail, suites, 0.03, 0.05)


def f4(at: Setting) -> Iterator[Check]:
    """The same where the old version cannot run."""
    suites = at.size(1000, 25)
    for cell, (n, share) in enumerate(itertools.product((50, 86, 200), (0.07, 0.13))):
        found = verdicts(at.rng(cell), suites, partial(data.edited, n=n, kb=5, share=share), beside=False)
        label = f"innocent edit, old version cannot run, {100 * share:g} %, n = {n}"
        yield at_most(f"{label}: FAIL", found.fail, suites, 0.05, 0.08)


def a4(at: Setting) -> Iterator[Check]:
    """Clusters that fail together."""
    suites = at.size(4000, 100)
    for cell, flake in enumerate((0.0, 0.03, 0.10)):
        rate = below(p_values(at.rng(cell), suites, partial(clustered_p, flake=flake)), 0.05)
        yield at_most(f"40 clusters of 5, {100 * flake:g} % shared flakes, p ≤ 0.05", rate, suites, 0.05, 0.061)


def clustered_p(rng: Rng, flake: float) -> float:
    """The p-value of an unchanged suite with clusters."""
    rates = data.pass_rates(rng, 200)
    before, after = (runs_of(data.clustered(rng, rates, k, 5, flake)) for k in (5, 1))
    return collect_evidence(before, after, rules=Rules(), seed=seed_of(rng), clusters=CLUSTERS).p_value


def a5(at: Setting) -> Iterator[Check]:
    """Sessions that differ."""
    suites = at.size(1500, 150)
    flips, shifts = partial(data.with_flips, share=0.03), partial(data.with_shifts, deviation=0.017)
    worlds = (("flips 3 % of the cases", 200, flips), ("shifts all by 1.7 pts", 200, shifts))
    for cell, (label, n, generate) in enumerate((*worlds, ("shifts all by 1.7 pts", 1000, shifts))):
        rate = below(p_values(at.rng(cell), suites, partial(sessions_p, n=n, generate=generate)), 0.05)
        yield at_most(f"a session {label}, n = {n}, 5 sessions, p ≤ 0.05", rate, suites, 0.05, 0.07)


def sessions_p(rng: Rng, n: int, generate: Callable[[Rng, Floats, int], Floats]) -> float:
    """The p-value of an unchanged suite with a baseline of five sessions."""
    rates = data.pass_rates(rng, n)
    return evidence_of(generate(rng, rates, 5), generate(rng, rates, 1), Rules(), sessions=True).p_value


def a6(at: Setting) -> Iterator[Check]:
    """An unlucky baseline."""
    baselines, candidates = (8, 40) if at.ci else (200, 200)
    failed = []
    for cell in range(baselines):
        rng = at.rng(cell)
        world = data.unchanged(rng, 200, 5)
        failed.append(sum(rehearse(world).verdict == "FAIL" for _ in range(candidates)) / candidates)
    label = f"default procedure, n = 200, {baselines} baselines x {candidates} candidates: 95th percentile of FAIL"
    high = 0.05 + at.slack(0.05, candidates)
    yield Check(label, float(np.percentile(failed, 95)), baselines * candidates, high=high)


def a7(at: Setting) -> Iterator[Check]:
    """A family of gates."""
    suites, rng = at.size(3000, 100), at.rng(0)
    every, split = [], []
    for _ in range(suites):
        rates = data.pass_rates(rng, 200)
        before, after = data.correlated(rng, rates, 5, 4), data.correlated(rng, rates, 1, 4)
        overall = [p_worse(pairs_of(b, c), "") for b, c in zip(before, after, strict=True)]
        slices = [p_worse(pairs_of(b[i::6], c[i::6]), "") for b, c in zip(before, after, strict=True) for i in range(6)]
        every.append(min(holm([*overall, *slices])) <= 0.05)
        split.append(min(holm(overall)) <= 0.04 or min(holm(slices)) <= 0.01)
    label = "4 correlated metrics and 24 slices, alpha 5 %, FAIL of any"
    yield at_most(f"{label}: Holm over all 28", float(np.mean(every)), suites, 0.05, 0.062)
    yield at_most(f"{label}: 80 % of alpha for metrics, 20 % for slices", float(np.mean(split)), suites, 0.05, 0.062)


# P: the suite has lost 5 points, and the gate should fail


def p1(at: Setting) -> Iterator[Check]:
    """Diffuse loss."""
    suites = at.size(2000, 400)
    found = p_values(at.rng(0), suites, partial(pass_fail_p, n=200, kb=5, kc=1, of=NOISY, drop=0.05))
    for alpha, page in ((0.05, 0.69), (0.01, 0.46)):
        yield at_least(at, f"n = 200, 5/1 runs, 5 pts diffuse, p ≤ {alpha:g}", below(found, alpha), suites, page)


def p2(at: Setting) -> Iterator[Check]:
    """Breakage of a nearly deterministic suite."""
    suites = at.size(3000, 400)
    for cell, (kb, kc, page) in enumerate(((5, 1, 0.62), (5, 5, 0.85))):
        trial = partial(pass_fail_p, n=50, kb=kb, kc=kc, of=NEARLY_FIXED, shape="break", drop=0.05)
        found = below(p_values(at.rng(cell), suites, trial), 0.05)
        yield at_least(at, f"n = 50, mean .95, ICC .9, {kb}/{kc} runs, 5 pts break, p ≤ 0.05", found, suites, page)


def p3(at: Setting) -> Iterator[Check]:
    """The default procedure."""
    suites = at.size(2000, 50)
    designs = ((200, 0.05, "diffuse", 0.82), (200, 0.05, "break", 0.84), (86, 0.10, "diffuse", 0.9))
    for cell, (n, drop, shape, page) in enumerate(designs):
        found = verdicts(at.rng(cell), suites, partial(data.worse, n=n, kb=5, drop=drop, shape=shape))
        label = f"default procedure, n = {n}, {100 * drop:g} pts {shape}"
        yield at_least(at, f"{label}: FAIL", found.fail, suites, page)
        yield at_most(f"{label}: false PASS", found.passed, suites, 0.05, 0.055)


def p5(at: Setting) -> Iterator[Check]:
    """One of several gates has lost 5 points."""
    suites = at.size(1000, 12)
    for cell, (gates, page) in enumerate(((4, 0.75), (16, 0.62))):
        rng, lost, unchanged = at.rng(cell), 0, 0
        for _ in range(suites):
            others = (data.unchanged(rng, 200, 5) for _ in range(gates - 1))
            words = rehearse_together([data.worse(rng, 200, 5, 0.05, "diffuse"), *others])
            lost += words[0] == "FAIL"
            unchanged += "FAIL" in words[1:]
        label = f"n = 200, 5 pts diffuse in one of {gates} gates"
        yield at_least(at, f"{label}: FAIL of it", lost / suites, suites, page)
        yield at_most(f"{label}: FAIL of another", unchanged / suites, suites, 0.01, 0.016)


def p6(at: Setting) -> Iterator[Check]:
    """What fifty cases detect."""
    suites = at.size(2000, 60)
    for cell, (kb, drop, page) in enumerate(((1, 0.10, 0.76), (5, 0.10, 0.76), (5, 0.05, 0.0))):
        found = verdicts(at.rng(cell), suites, partial(data.worse, n=50, kb=kb, drop=drop, shape="diffuse"))
        label = f"default procedure, n = 50, {kb} accepted, {100 * drop:g} pts diffuse: FAIL"
        yield at_least(at, label, found.fail, suites, page)
    for cell, (kb, drop) in enumerate(((1, 0.25), (5, 0.16))):
        trial = partial(pass_fail_p, n=50, kb=kb, kc=1, of=NOISY, drop=drop)
        found_p = below(p_values(at.rng(10 + cell), suites, trial), 0.01)
        label = f"without fresh samples, n = 50, {kb}/1 runs, {100 * drop:g} pts diffuse, p ≤ 0.01"
        yield at_least(at, label, found_p, suites, 0.74)


def w1(at: Setting) -> Iterator[Check]:
    """Golden answers that are the accepted version's own words."""
    suites = at.size(2000, 25)
    for cell, share in enumerate((0.1, 0.2, 0.4)):
        label = f"{100 * share:g} % own words, equal quality, n = 86"
        found = verdicts(at.rng(cell), suites, partial(data.own_words, n=86, kb=5, share=share))
        yield at_most(f"{label}: FAIL", found.fail, suites, 0.008, 0.01)
        blind = verdicts(at.rng(cell), suites, partial(data.own_words, n=86, kb=5, share=share, known=False))
        yield Check(f"{label}, origin unknown: FAIL", blind.fail, suites)
    found = verdicts(at.rng(3), suites, partial(data.own_words, n=86, kb=5, share=0.2, drop=0.1))
    yield at_least(at, "20 % own words, 10 pts lost in the other 69 cases: FAIL", found.fail, suites, 0.85)


def rehearse_together(worlds: Sequence[World]) -> list[Word]:
    """The verdicts of gates that share alpha: the procedure of `rehearse`, with Holm's correction at each look."""
    rehearsals = [Rehearsal(world) for world in worlds]
    for _ in range(3):
        undecided = [one for one in rehearsals if one.verdict == "INCONCLUSIVE"]
        for one in undecided:
            one.look()
        for one, p_values in zip(rehearsals, each_look([one.found.p_values for one in rehearsals]), strict=True):
            one.correct(p_values)
    return [one.verdict for one in rehearsals]


def p4(at: Setting) -> Iterator[Check]:
    """Scores."""
    suites = at.size(1000, 60)
    found = below(p_values(at.rng(0), suites, partial(scores_p, n=50, kb=3, kc=3, drop=0.05)), 0.05)
    yield at_least(at, "n = 50 scores, 3/3 runs, 5 pts, p ≤ 0.05", found, suites, 0.80)


# N: passes


def passes(rng: Rng, n: int, kb: int, kc: int, of: tuple[float, float], shape: Shape | None = None) -> bool:
    """Whether a suite that lost exactly 5 points, or nothing, passes."""
    rates = data.pass_rates(rng, n, *of)
    after = data.fallen_exactly(rng, rates, 0.05, shape) if shape else rates
    return verdict_of(data.pass_fail(rng, rates, kb), data.pass_fail(rng, after, kc), Rules()) == "PASS"


def false_passes(at: Setting, of: tuple[float, float], suites: int, first_cell: int) -> tuple[list[float], list[float]]:
    """The shares of false passes: in cells with enough runs to pass, and in the other cells."""
    layouts = ((1, 1), (5, 1), (3, 3), (5, 5), (5, 3))
    enough, too_few = list[float](), list[float]()
    for cell, (n, (kb, kc), shape) in enumerate(itertools.product((20, 50, 100, 200), layouts, SHAPES)):
        passed = share(at.rng(first_cell + cell), suites, partial(passes, n=n, kb=kb, kc=kc, of=of, shape=shape))
        (enough if n * kc >= 59 else too_few).append(passed)
    return enough, too_few


def n1(at: Setting) -> Iterator[Check]:
    """False passes."""
    suites = at.size(4000, 50)
    enough, too_few = false_passes(at, NOISY, suites, 0)
    label = "false PASS at exactly 5 pts"
    yield at_most(f"{label}: worst of {len(enough)} cells", max(enough), suites, 0.05, 0.075)
    yield Check(f"{label}, fewer than 59 runs: worst of {len(too_few)} cells", max(too_few), suites, high=0.0)
    fewer = at.size(2000, 10)
    stable, _ = false_passes(at, STABLE, fewer, 100)
    yield Check(f"{label}, stable suites: worst of {len(stable)} cells", max(stable), fewer)


def n2(at: Setting) -> Iterator[Check]:
    """Passes of unchanged suites."""
    suites = at.size(40_000, 200)  # the third design is close to its bound and needs many
    designs = ((200, 3, 3, NOISY, 0.92), (50, 5, 5, NOISY, 0.67), (50, 3, 3, STABLE, 0.93))
    for cell, (n, kb, kc, of, page) in enumerate(designs):
        passed = share(at.rng(cell), suites, partial(passes, n=n, kb=kb, kc=kc, of=of))
        name = "noisy" if of == NOISY else "stable"
        yield at_least(at, f"PASS without a change: n = {n}, {kb}/{kc} runs, {name}", passed, suites, page)


def n3(at: Setting) -> Iterator[Check]:
    """False passes at every size, and through all looks."""
    suites, sizes = at.size(400, 10), range(20, 401, 40 if at.ci else 4)
    for cell, (kb, kc) in enumerate(((1, 1), (5, 1), (5, 2), (5, 5))):
        found = [
            share(at.rng(1000 * cell + n), suites, partial(passes, n=n, kb=kb, kc=kc, of=of, shape="diffuse"))
            for n in sizes
            for of in (STABLE, ALWAYS)
        ]
        label = f"false PASS at exactly 5 pts, {kb}/{kc} runs, {len(found)} cells from n = 20 to 400"
        yield at_most(f"{label}: mean", float(np.mean(found)), suites * len(found), 0.05)
        yield Check(f"{label}: worst", max(found), suites, high=0.05 + 4.5 * math.sqrt(0.05 * 0.95 / suites))
    for cell, n in enumerate((50, 86, 132, 200)):
        made = partial(data.worse, n=n, kb=5, drop=0.05, shape="diffuse", of=ALWAYS)
        found_all = verdicts(at.rng(9000 + cell), at.size(2000, 40), made, looks=6)
        label = f"false PASS at exactly 5 pts, all stages and 6 looks, n = {n}"
        yield at_most(label, found_all.passed, at.size(2000, 40), 0.05, 0.055)


# D: the reported detectable drop and needed cases


def assessed(baseline: Floats, candidate: Floats, margin: float = 0.05) -> GateResult:
    """The result of the public function."""
    return assess_scores(runs_of(baseline), runs_of(candidate), kind="pass_fail", margin=margin)


def d1(at: Setting) -> Iterator[Check]:
    """The minimum detectable drop: true for losses everywhere and in few cases, and whatever the correlation is."""
    baselines, fresh = (2, 80) if at.ci else (12, 400)
    designs = (
        (50, 5, 5, 0.5),
        (200, 1, 1, 0.1),
        (200, 1, 1, 0.5),
        (200, 1, 1, 0.95),
        (200, 5, 1, 0.5),
        (200, 5, 3, 0.5),
        (1000, 1, 1, 0.5),
    )
    for number, (design, shape) in enumerate(itertools.product(designs[: 3 if at.ci else None], SHAPES)):
        n, kb, kc, icc = design
        found = [stated_power(at.rng(100 * number + cell), design, shape, fresh) for cell in range(baselines)]
        label = (
            f"power at the drop stated as 80 %: n = {n}, {kb}/{kc} runs, ICC {icc:g}, {shape}, {baselines} baselines"
        )
        slack = at.slack(0.8, baselines * fresh) + (0.04 if at.ci else 0)  # the spread of few baselines
        known = kb + kc > 2 or icc == 0.1  # a single run does not tell the correlation: the lowest one is assumed
        yield Check(label, float(np.mean(found)), baselines * fresh, 0.74 - slack, 0.95 + slack if known else math.inf)


def stated_power(rng: Rng, design: tuple[int, int, int, float], shape: Shape, fresh: int) -> float:
    """The true power at the drop that one run states."""
    n, kb, kc, icc = design
    rates = data.pass_rates(rng, n, 0.85, icc)
    # a tiny margin prevents a PASS, which has no detectable drop
    result = assessed(data.pass_fail(rng, rates, kb), data.pass_fail(rng, rates, kc), margin=0.001)
    after = data.fallen_exactly(rng, rates, result.minimum_detectable_drop or 1.0, shape)
    return share(rng, fresh, partial(detected, before=rates, after=after, kb=kb, kc=kc))


def detected(rng: Rng, before: Floats, after: Floats, kb: int, kc: int) -> bool:
    """Whether the test detects the drop of a fresh suite at 1 %."""
    return p_worse(pairs_of(data.pass_fail(rng, before, kb), data.pass_fail(rng, after, kc)), "") <= 0.01


def d2(at: Setting) -> Iterator[Check]:
    """The needed cases or repeats."""
    gates, fresh = (3, 20) if at.ci else (60, 60)
    designs = ((50, 5, 1, "cases"), (100, 1, 1, "cases"), (50, 3, 3, "cases"), (50, 3, 3, "repeats"))
    for number, (n, kb, kc, what) in enumerate(designs):
        passed = []
        for cell in range(gates):
            rng = at.rng(100 * number + cell)
            rates, result = first_inconclusive(rng, n, kb, kc)
            passed.append(share(rng, fresh, partial(settled, rates=rates, result=result, kb=kb, kc=kc, what=what)))
        label = f"PASS with the needed {what}: n = {n}, {kb}/{kc} runs, {gates} gates"
        slack = at.slack(0.8, gates * fresh) + (0.04 if at.ci else 0)
        yield Check(label, float(np.mean(passed)), gates * fresh, 0.76 - slack, 0.85 + slack)


def first_inconclusive(rng: Rng, n: int, kb: int, kc: int) -> tuple[Floats, GateResult]:
    """An unchanged suite whose gate is inconclusive, and its result."""
    while True:
        rates = data.pass_rates(rng, n)
        result = assessed(data.pass_fail(rng, rates, kb), data.pass_fail(rng, rates, kc))
        if result.verdict == "INCONCLUSIVE":
            return rates, result


def settled(rng: Rng, rates: Floats, result: GateResult, kb: int, kc: int, what: str) -> bool:
    """Whether a fresh, unchanged suite with the needed cases or repeats passes."""
    if what == "cases":
        rates, more = data.pass_rates(rng, len(rates) + (result.needed_cases or 0)), 0
    else:
        more = result.needed_repeats or 0
    return verdict_of(data.pass_fail(rng, rates, kb + more), data.pass_fail(rng, rates, kc + more), Rules()) == "PASS"


# S: tags


def s1(at: Setting) -> Iterator[Check]:
    """One tag fails completely, and each verdict names it."""
    suites = at.size(1000, 20)
    designs = itertools.product(((86, 8), (200, 8), (200, 20))[: 1 if at.ci else 3], (1, 5), (STABLE, NOISY))
    for cell, ((n, tagged), kb, of) in enumerate(designs):
        rng = at.rng(cell)
        found = [tag_is_named(rng, n, kb, tagged, of) for _ in range(suites)]
        label = f"a tag of {tagged} of {n} cases fails completely, {kb} accepted, mean {of[0]:g}: named"
        weak = kb == 1 and of == NOISY  # a run in which several of the eight cases fail cannot show that they fail now
        yield at_least(at, label, float(np.mean(found)), suites, 0.95 if weak else 0.99)
    rng = at.rng(100)
    found = [tag_is_named(rng, 200, 5, 0, NOISY) for _ in range(suites)]
    yield at_most("no tag of 200 cases has changed: any named", float(np.mean(found)), suites, 0.01)


def tag_is_named(rng: Rng, n: int, kb: int, tagged: int, of: tuple[float, float]) -> bool:
    """Whether the verdict names the tag that fails; any tag if none does."""
    ended = rehearse(data.with_tag(rng, n, kb, tagged, of=of), seed=seed_of(rng))
    size = tagged or 20
    tags = {case: (f"tag-{number // size}",) for number, case in enumerate(IDS[:n])}
    before, after = (runs_of(side) for side in ended.every)
    reason = worst_of(slices_of(before, after, tags, seed=seed_of(rng)))
    return "tag-0 " in reason if tagged else bool(reason)


# U: the same answers


def u1(at: Setting) -> Iterator[Check]:
    """Answers that are byte for byte accepted ones pass, whatever their scores and their number."""
    sizes = range(1, 41 if at.ci else 401)
    passed = [unchanged_passes(at.rng(n), n) for n in sizes]
    yield Check(f"answers equal to accepted ones, n = 1 to {len(sizes)}: PASS", float(np.mean(passed)), len(sizes), 1.0)


def unchanged_passes(rng: Rng, n: int) -> bool:
    """Whether the gate on n equal answers passes as unchanged."""
    samples = [testing.sample(case, scores={"chrf": float(rng.random())}) for case in IDS[:n]]
    run = testing.run(samples, gates={"chrf": 0.05})
    known = {(samples[0].key.model, samples[0].key.prompt): testing.baseline(run)}
    (verdict,) = decide_run(run, known, accept_command="")
    return verdict.status == "pass" and verdict.reason.startswith("unchanged")


# L: seconds. C: tokens.


def interleaved(rng: Rng, n: int, machine: float, factor: float = 1.0) -> GateResult:
    """The result for both versions in turns on one machine, at 5 %."""
    (before, after), _ = data.session_seconds(rng, data.case_seconds(rng, n), 2, machine)
    sides = [runs_of(side[:, None]) for side in (before, after * factor)]
    return assess_latency(*sides, mode="interleaved", alpha=0.05)


def history(rng: Rng, n: int, machine: float, sessions: int, factor: float = 1.0) -> GateResult:
    """The result for accepted runs and a new one, each on another machine, with calibration, at 5 %."""
    cases = data.case_seconds(rng, n)
    each = [data.session_seconds(rng, cases, 1, machine) for _ in range(sessions + 1)]
    calls = [arms[0] for arms, _ in each]
    calibration = Calibration([seconds for _, seconds in each[:-1]], each[-1][1])
    before, after = data.columns(calls[:-1]), data.columns([calls[-1] * factor])
    return assess_latency(runs_of(before), runs_of(after), mode="history", alpha=0.05, calibration=calibration)


def in_turns(rng: Rng, n: int, machine: float) -> GateResult:
    """The result for both versions in turns, where the version that is asked first is 10 % slower."""
    (before, after), _ = data.session_seconds(rng, data.case_seconds(rng, n), 2, machine)
    sides = data.asked_first((before, after), 1.1)
    return assess_latency(*(runs_of(side[:, None]) for side in sides), mode="interleaved", alpha=0.01)


def uncalibrated(rng: Rng, n: int, factor: float) -> GateResult:
    """The result for five accepted runs and a new one on an endpoint, which has no calibration."""
    cases = data.case_seconds(rng, n)
    calls = [data.session_seconds(rng, cases, 1, 0.05)[0][0] for _ in range(6)]
    before, after = data.columns(calls[:-1]), data.columns([calls[-1] * factor])
    return assess_latency(runs_of(before), runs_of(after), mode="history")


MODES: dict[str, Callable[..., GateResult]] = {
    "interleaved": interleaved,
    "5 sessions, calibrated": partial(history, sessions=5),
    "8 sessions, calibrated": partial(history, sessions=8),
}


def slower_p(rng: Rng, mode: str, machine: float) -> float:
    """The p-value of 50 unchanged cases."""
    return MODES[mode](rng, n=50, machine=machine).p_value


def l1(at: Setting) -> Iterator[Check]:
    """No change."""
    suites, machines = at.size(600, 50), (0.0, 0.05, 0.1, 0.2)
    for number, mode in enumerate(MODES):
        rates = [
            below(p_values(at.rng(10 * number + cell), suites, partial(slower_p, mode=mode, machine=machine)), 0.05)
            for cell, machine in enumerate(machines)
        ]
        yield at_most(f"latency, n = 50, {mode}, p ≤ 0.05: worst of 4 machine noises", max(rates), suites, 0.05, 0.08)
    for cell, n in enumerate((50, 200)):
        red = share(at.rng(100 + cell), suites, lambda rng, n=n: in_turns(rng, n, 0.1).verdict == "FAIL")  # type: ignore[misc]
        label = f"latency, n = {n}, in turns, the version asked first is 10 % slower: FAIL"
        yield at_most(label, red, suites, 0.01, 0.016)
    for cell, factor in enumerate((1.25, 2.0)):
        words = [uncalibrated(at.rng(200 + cell), 50, factor).verdict for _ in range(suites)]
        label = f"latency, n = 50, 5 sessions without calibration, the endpoint takes {factor:g} x: FAIL"
        yield Check(label, words.count("FAIL") / suites, suites, high=0.0)


def l2(at: Setting) -> Iterator[Check]:
    """A fifth slower."""
    suites = at.size(600, 150)
    for cell, (mode, page) in enumerate((("interleaved", 0.88), ("8 sessions, calibrated", 0.75))):
        rng = at.rng(cell)
        words = [MODES[mode](rng, n=50, machine=0.1, factor=1.2).verdict for _ in range(suites)]
        yield at_least(at, f"latency +20 %, n = 50, {mode}: FAIL at 5 %", words.count("FAIL") / suites, suites, page)


def l3(at: Setting) -> Iterator[Check]:
    """A slow tail."""
    suites = at.size(4000, 150)
    for number, (kb, kc) in enumerate(((5, 1), (1, 1))):
        same, slow = (
            below(p_values(at.rng(2 * number + cell), suites, partial(slow_calls_p, kb=kb, kc=kc, tail=tail)), 0.05)
            for cell, tail in enumerate((0.0, 0.1))
        )
        label = f"slow calls, n = 200, {kb}/{kc} runs, p ≤ 0.05"
        yield at_most(f"{label}: no change", same, suites, 0.05, 0.065)
        tail = f"{label}: 10 % of the calls take 3 x"
        yield at_least(at, tail, slow, suites, 0.88) if kb > 1 else Check(tail, slow, suites)


def slow_calls_p(rng: Rng, kb: int, kc: int, tail: float) -> float:
    """The p-value of "more slow calls", on one machine."""
    calls, _ = data.session_seconds(rng, data.case_seconds(rng, 200), kb + kc, 0.1)
    before, after = data.columns(calls[:kb]), data.with_tail(rng, data.columns(calls[kb:]), tail)
    return outlier_rates(pairs_of(before, after), SLOW)[2]


def c1(at: Setting) -> Iterator[Check]:
    """Tokens."""
    suites = at.size(1000, 25)
    cells = ((50, 0.0, 1.0, 0.0), (200, 0.01, 1.0, 0.0), (50, 0.0, 1.1, 0.54), (200, 0.01, 1.1, 0.84))
    for number, (kb, kc) in enumerate(((1, 1), (5, 1))):
        for cell, (n, loops, factor, page) in enumerate(cells):
            rng = at.rng(10 * number + cell)
            sides = [token_runs(rng, n, kb, kc, factor, loops) for _ in range(suites)]
            label = f"tokens +{100 * (factor - 1):.0f} %, n = {n}, {100 * loops:g} % loops, {kb}/{kc} runs, p ≤ 0.05"
            gate = below(np.array([cost_p(rng, *both) for both in sides]), 0.05)
            if factor == 1:
                yield at_most(f"{label}: ratio and expensive runs", gate, suites, 0.05, 0.065)
            else:
                ratio = below(np.array([ratio_p(rng, *both) for both in sides]), 0.05)
                yield at_least(at, f"{label}: ratio alone", ratio, suites, page)
                yield Check(f"{label}: ratio and expensive runs", gate, suites)


def c2(at: Setting) -> Iterator[Check]:
    """The bill: rare answers that loop to the longest length, and unchanged suites."""
    suites = at.size(500, 20)
    designs = itertools.product((86,) if at.ci else (50, 86, 200), ((1, 1), (5, 5)))
    loops = ((0.01, 30), (0.004, 30), (0.05, 3))
    for cell, (n, (kb, kc)) in enumerate(designs):
        for number, (rate, times) in enumerate(loops):
            passed = bill_passes(at.rng(10 * cell + number), suites, n, (kb, kc), rate, times)
            label = f"n = {n}, {kb}/{kc} runs: {100 * rate:g} % of the answers take {times} x the tokens: PASS"
            yield at_most(label, passed, suites, 0.05)
        passed = bill_passes(at.rng(10 * cell + 9), suites, n, (kb, kc), 0.0, 1)
        yield Check(f"n = {n}, {kb}/{kc} runs: unchanged, an answer is a tenth of its prompt: PASS", passed, suites)


def bill_passes(rng: Rng, suites: int, n: int, runs: tuple[int, int], rate: float, times: float) -> float:
    """The share of suites that pass at a margin of 10 %. A prompt has ten times the tokens of the longest answer."""
    kb, kc = runs

    def passes_bill(rng: Rng) -> bool:
        usual = rng.lognormal(np.log(300), 0.4, n)[:, None]
        before, after = (usual * rng.lognormal(0, 0.1, (n, k)) for k in (kb, kc))
        after = np.where(rng.random(after.shape) < rate, times * after, after)
        longest = 300.0 * times if rate else 30.0
        return assess_cost(runs_of(before), runs_of(after), longest=longest, seed=seed_of(rng)).verdict == "PASS"

    return share(rng, suites, passes_bill)


def token_runs(rng: Rng, n: int, kb: int, kc: int, factor: float, loops: float) -> tuple[Floats, Floats]:
    """The tokens of a suite whose cost has risen by a factor."""
    cases = data.case_tokens(rng, n)
    return data.tokens(rng, cases, kb, loops=loops), data.tokens(rng, cases, kc, factor, loops)


def cost_p(rng: Rng, before: Floats, after: Floats) -> float:
    """The p-value of the gate: the smaller one of ratio and expensive runs, by Holm."""
    return collect_cost_evidence(runs_of(before), runs_of(after), rules=cost_rules(0.10), seed=seed_of(rng)).p_value


def ratio_p(rng: Rng, before: Floats, after: Floats) -> float:
    """The p-value of the ratio alone."""
    logs = [runs_of(-np.log(side)) for side in (before, after)]
    return collect_evidence(*logs, rules=cost_rules(0.10), seed=seed_of(rng)).p_value


# H: stable assertions. O, J: the code against oracles, and against its parts.


def must_pass_fails(rng: Rng, chances: Sequence[float]) -> bool:
    """Whether any case fails: a broken sample is followed by `RERUNS` more, of which `FAILS` break it too."""
    return any(rng.random() < chance and rng.binomial(RERUNS, chance) >= FAILS for chance in chances)


def h1(at: Setting) -> Iterator[Check]:
    """Stable assertions."""
    suites = at.size(20_000, 2000)
    red = share(at.rng(0), suites, partial(must_pass_fails, chances=[0.02] * 50))
    yield at_most("50 must-pass cases that flake 2 % of the time: FAIL", red, suites, 0.0023, 0.006)
    found = share(at.rng(1), suites, partial(must_pass_fails, chances=[*[0.02] * 49, 1.0]))
    yield Check("one of them is broken: FAIL", found, suites, low=1.0)
    mostly = share(at.rng(2), suites, partial(must_pass_fails, chances=[0.8]))
    yield Check("a case that fails 80 % of the time: FAIL", mostly, suites)


def o1(at: Setting) -> Iterator[Check]:
    """Largest distance from oracles. tests/gate/test_oracles.py has more of them."""
    from scipy import stats

    suites = at.size(500, 50)
    mcnemar, enumerated = [0.0], [0.0]
    rng = at.rng(0)
    for _ in range(suites):
        rates = data.pass_rates(rng, 60)
        b, c = (data.pass_fail(rng, rates, 1) for _ in range(2))
        better, worse = int((c > b).sum()), int((c < b).sum())
        if better + worse:
            oracle = stats.binomtest(better, better + worse, alternative="less").pvalue
            oracle -= stats.binom.pmf(better, better + worse, 0.5) / 2
            mcnemar.append(abs(p_worse(pairs_of(b, c), "") - oracle))
        few = [data.pass_fail(rng, rates[:4], int(rng.integers(1, 4))) for _ in range(2)]
        enumerated.append(abs(p_worse(pairs_of(*few), "") - by_enumeration(pairs_of(*few))))
    yield Check("p of 1/1 runs and McNemar's mid-p, largest distance", max(mcnemar), suites, high=1e-9, unit="")
    yield Check("exact p and all labellings, largest distance", max(enumerated), suites, high=1e-9, unit="")


def by_enumeration(pairs: Sequence[Pair]) -> float:
    """The mid-p by enumeration of all labellings of all cases."""
    if all(np.ptp(np.concatenate(pair)) == 0 for pair in pairs):
        return 1.0

    def changes(b: Floats, c: Floats) -> list[float]:
        pool = np.concatenate([b, c])
        chosen = (list(one) for one in itertools.combinations(range(len(pool)), len(c)))
        return [float(pool[one].mean() - np.delete(pool, one).mean()) for one in chosen]

    observed = sum(float(c.mean() - b.mean()) for b, c in pairs)
    totals = np.array([0.0])
    for b, c in pairs:
        totals = (totals[:, None] + changes(b, c)).ravel()
    return float((totals < observed - 1e-9).mean() + (np.abs(totals - observed) <= 1e-9).mean() / 2)


def j1(at: Setting) -> Iterator[Check]:
    """`assess_scores` and `assess_cost` agree with `collect_evidence` and `decide`."""
    suites, rng = at.size(300, 16), at.rng(0)
    agreed = []
    for number in range(suites):
        n, (kb, kc) = (25, 60, 200)[number % 3], ((1, 1), (5, 1), (3, 3), (7, 3))[number % 4]
        rates = data.pass_rates(rng, n)
        fell = data.fallen(rng, rates, 0.1, "break")
        before, after = data.pass_fail(rng, rates, kb), data.pass_fail(rng, fell, kc)
        seed, rules = seed_of(rng), (Rules(), Rules(target="population"))[number // 4 % 2]
        whole = assess_scores(runs_of(before), runs_of(after), target=rules.target, seed=seed)
        part = collect_evidence(runs_of(before), runs_of(after), rules=rules, seed=seed)
        dear = [runs_of(100.0 * 2 ** (1 - side)) for side in (before, after)]
        tokens = collect_cost_evidence(*dear, rules=cost_rules(0.10), seed=seed)
        agreed += [
            (whole.verdict, whole.p_value) == (decide(part, part.p_value, rules), part.p_value),
            assess_cost(*dear, seed=seed).verdict == decide(tokens, tokens.p_value, cost_rules(0.10)),
        ]
    yield Check("assess_scores and assess_cost agree with their parts", float(np.mean(agreed)), suites, low=1.0)


ROWS: dict[str, Callable[[Setting], Iterator[Check]]] = {
    row.__name__.upper(): row
    for row in (
        a1,
        a2,
        a3,
        a4,
        a5,
        a6,
        a7,
        f2,
        f3,
        f4,
        p1,
        p2,
        p3,
        p4,
        n1,
        n2,
        d1,
        d2,
        l1,
        l2,
        l3,
        c1,
        h1,
        o1,
        j1,
        p5,
        n3,
        c2,
        p6,
        s1,
        u1,
        w1,
    )
}


def measured(row: str, *, ci: bool, scale: float = 1.0) -> list[Check]:
    """The lines of a row of the table."""
    return list(ROWS[row](Setting(list(ROWS).index(row), ci, scale)))


def timed(row: str, *, ci: bool, scale: float) -> tuple[float, list[Check]]:
    """The lines of a row, with the seconds that they took."""
    start = time.perf_counter()
    checks = measured(row, ci=ci, scale=scale)
    return time.perf_counter() - start, checks


HEAD = "| id | scenario | required | measured | S | |"
LINE = "|---|---|---|---|---|---|"


def line(row: str, check: Check) -> str:
    """A line of the table, without the seconds, which differ from run to run."""
    verdict = "ok" if check.ok else "NOT OK"
    cells = (row, check.scenario, check.requirement, check.shown(check.measured), f"{check.suites:,}", verdict)
    return f"| {' | '.join(cells)} |"


def page(lines: Sequence[str], scale: float) -> str:
    """The page that --write writes."""
    option = f"--scale {scale:g} " if scale != 1 else ""
    head = (
        "# The gate's measured error rates\n\n"
        f"Written by `python benchmarks/gate.py {option}--write docs/gate-table.md`; seeds `[{SEED}, row, cell]`.\n"
        "A rate is a share of S simulated suites. `benchmarks/gate.py` explains the rows,\n"
        "`benchmarks/gate_data.py` the data.\n"
    )
    return "\n".join([head, HEAD, LINE, *lines, ""])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Simulate the error rates of the gate.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=" ".join(ROWS))
    parser.add_argument("--ci", action="store_true", help="use small sizes")
    parser.add_argument("--scale", type=float, default=1.0, metavar="SHARE", help="share of the full number of suites")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="number of rows at once")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table to a file, without seconds")
    chosen = parser.parse_args()
    if unknown := set(chosen.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    return chosen


def main() -> int:
    chosen = arguments()
    lines, ok = list[str](), True
    print(f"{HEAD} seconds |\n{LINE}---|")
    names = chosen.rows or list(ROWS)
    with ProcessPoolExecutor(chosen.jobs) as pool:
        for row, (seconds, checks) in zip(
            names, pool.map(partial(timed, ci=chosen.ci, scale=chosen.scale), names), strict=True
        ):
            new = [line(row, check) for check in checks]
            print(
                *(f"{one} {seconds:.1f} |" for one in new[:1]), *(f"{one} |" for one in new[1:]), sep="\n", flush=True
            )
            lines += new
            ok = ok and all(check.ok for check in checks)
    if chosen.write:
        chosen.write.write_text(page(lines, chosen.scale), encoding="utf-8")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
