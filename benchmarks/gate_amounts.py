"""Rows L and C: seconds and tokens."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import gate_data as data
import numpy as np
from gate_data import Floats, Rng
from gate_table import Check, Setting, at_least, at_most
from gate_trials import below, p_values, pairs_of, runs_of, seed_of, share

from evalharness.gate.cost import assess_cost, collect_cost_evidence, cost_rules
from evalharness.gate.evidence import GateResult
from evalharness.gate.latency import Calibration, assess_latency
from evalharness.gate.scores import collect_evidence
from evalharness.gate.stats.outliers import SLOW, outlier_rates


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
