"""Rows D: the drop and the numbers of cases and repeats that a verdict states."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import partial

import gate_data as data
import numpy as np
from gate_data import Floats, Rng, Shape
from gate_table import Check, Setting
from gate_trials import SHAPES, pairs_of, runs_of, share, verdict_of

from evalharness.gate.evidence import GateResult, Rules
from evalharness.gate.scores import assess_scores
from evalharness.gate.stats.permutation import p_worse


def assessed(baseline: Floats, candidate: Floats, margin: float = 0.05) -> GateResult:
    """The result of the public function."""
    return assess_scores(runs_of(baseline), runs_of(candidate), kind="pass_fail", margin=margin)


def d1(at: Setting) -> Iterator[Check]:
    """The minimum detectable drop: true for losses everywhere and in few cases, and whatever the correlation is."""
    baselines, fresh = 2 if at.ci else 12, at.size(400, 80)
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
    gates, fresh = 3 if at.ci else 60, at.size(60, 20)
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
