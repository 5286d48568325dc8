"""Decides a gate from the accepted runs and, where they leave it open, from fresh samples of both versions.

    screening stage   the planned samples against the accepted ones; fails nothing while fresh samples can follow
    looks             fresh samples of both versions, taken in turns; only these can fail a gate

An endpoint may answer worse today, with both versions. The accepted runs cannot tell this from the change, the fresh
samples can.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from heapq import nsmallest
from statistics import fmean
from typing import Protocol

import numpy as np

from evalharness.gate.case_numbers import CaseNumbers
from evalharness.gate.context import GateContext, Stage, Value, Values
from evalharness.gate.defaults import ALPHA, LOOKS, SCREEN, SCREEN_PASS, Look
from evalharness.gate.evidence import Evidence, FreshEvidence, GateResult, Rules, Runs, Staged
from evalharness.gate.numbers import unscaled
from evalharness.gate.paired_numbers import sorted_pairs
from evalharness.gate.scores import conclude, decide
from evalharness.gate.stats.bounds import Spread
from evalharness.gate.stats.pairs import TOLERANCE
from evalharness.gate.stats.permutation import p_worse
from evalharness.gate.wording import count, staged_reason
from evalharness.records import BaselineSample

MOST_NAMED = 2
"""Cases named in a verdict."""


class Collect(Protocol):
    """Returns the evidence in the numbers of both sides."""

    def __call__(self, baseline: Values, candidate: Values, *, stored: bool, tested: bool = True) -> Evidence:
        """Return the evidence."""


def staged(
    context: GateContext, value: Value, first: tuple[Values, Values], collect: Collect, scale: Callable[[float], float]
) -> Staged:
    """The evidence of all stages. `scale` returns a number whose differences are changes; higher is better."""
    if _is_unchanged(context, value):
        return Staged(_no_evidence(len(context.cases)), unchanged=True, mean=_mean(first[1], scale))
    alone = not context.is_same_model and not any(context.versions.fresh_beside.values())
    screen = collect(*first, stored=not context.run.header.against)
    found = Staged(screen, alone=alone, one_day=context.pairing.one_day if alone else "")
    if not context.versions.most_fresh:
        return replace(found, worst=_worst(context, first, scale))
    looks = tuple(_look(context, value, first, look, collect) for look in _looks(context))
    theirs, _ = context.fresh_values(value, LOOKS[-1].samples)
    drift = _drift(_scaled(first[0], scale), _scaled(theirs, scale), context.seed)
    every = _joined(first, context.fresh_values(value, LOOKS[-1].samples))
    return replace(found, looks=looks, worst=_worst(context, every, scale), drift=drift)


def _looks(context: GateContext) -> Iterator[Look]:
    """The looks that the fresh samples reach."""
    reached = 0
    for look in LOOKS:
        if reached < context.versions.most_fresh:
            yield look
        reached = look.samples


def _look(
    context: GateContext, value: Value, first: tuple[Values, Values], look: Look, collect: Collect
) -> FreshEvidence:
    fresh = context.fresh_values(value, look.samples)
    every = _joined(first, fresh)
    if not any(fresh[0].values()):
        alone = collect(*every, stored=True)
        return FreshEvidence(alone, alone)
    failing = collect(*fresh, stored=False)
    return FreshEvidence(failing, collect(*every, stored=False, tested=False) if context.is_same_model else failing)


def _joined(one: tuple[Values, Values], other: tuple[Values, Values]) -> tuple[Values, Values]:
    before, after = map(_with_more, one, other)
    return before, after


def _with_more(side: Values, more: Values) -> Values:
    return CaseNumbers.collected(list(side), lambda case: [*side[case], *more.get(case, ())])


def _mean(values: Values, scale: Callable[[float], float]) -> float:
    """The mean over cases on the scale of the gate."""
    means = array("d", (fmean(runs) for runs in _scaled(values, scale).runs() if len(runs)))
    return fmean(means) if means else 0.0


def _no_evidence(cases: int) -> Evidence:
    """The evidence of equal answers, which needs no test."""
    equal = Spread(0.0, 0.0)
    return Evidence((), cases, equal, equal, 1.0, 1.0, 1.0)


def _is_unchanged(context: GateContext, value: Value) -> bool:
    """Whether each answer of the run equals an accepted answer of its case, with its number."""

    def key(sample: BaselineSample) -> tuple[int, float | None]:
        return sample.text_hash, value(sample)

    return all(
        {key(sample) for sample in context.candidate[case]} <= {key(sample) for sample in context.baseline[case]}
        for case in context.cases
    )


def _scaled(values: Values, scale: Callable[[float], float]) -> CaseNumbers:
    return CaseNumbers.of(values).mapped(scale)


def _drift(accepted: Runs, today: Runs, seed: str) -> float:
    """The change of the accepted version since it was accepted; 0 if chance explains it."""
    pairs = sorted_pairs(accepted, today)
    if not pairs or p_worse(pairs, f"{seed}|drift") > ALPHA:
        return 0.0
    return float(pairs.change.mean())


def _worst(
    context: GateContext, sides: tuple[Values, Values], scale: Callable[[float], float]
) -> tuple[tuple[str, float], ...]:
    """The cases that lost most, of those that can fail the gate."""
    before, after = (_scaled(side, scale) for side in sides)
    changes = (
        (_mean_of(now) - _mean_of(runs), case)
        for case, runs in zip(before, before.runs(), strict=True)
        if len(runs) and len(now := after.get(case, ())) and case not in context.own_words
    )
    return tuple((case, change) for change, case in nsmallest(MOST_NAMED, changes) if change < -TOLERANCE)


def _mean_of(runs: Sequence[float]) -> float:
    return runs[0] if len(runs) == 1 else float(np.mean(runs))  # as most cases have


def conclude_staged(context: GateContext, evidence: Staged, rules: Rules, gates: int) -> GateResult:
    """The result at the first look that decides, or at the last one."""
    if evidence.unchanged:
        return _unchanged(evidence, rules)
    deciding, p_value, spent = last_look(evidence, rules, context.stage)
    result = conclude(deciding, p_value, spent, seed=context.seed, gates=gates)
    suspicious = result.verdict != "PASS" and evidence.screen.p_value <= SCREEN
    result = replace(result, suspicious=suspicious, worst=evidence.worst)
    return replace(result, reason=staged_reason(result, evidence, rules))


def last_look(evidence: Staged, rules: Rules, stage: Stage) -> tuple[Evidence, float, Rules]:
    """The evidence of the first look that decides, or of the last one, with its p-value and rules."""
    p_values = evidence.adjusted or evidence.p_values
    if stage == "single":
        return evidence.screen, p_values[0], rules
    first = _screening(rules, can_fail=stage == "confirm" and not evidence.looks)
    if not evidence.looks or decide(evidence.screen, 1.0, first) == "PASS":
        return evidence.screen, evidence.screen.p_value if evidence.looks else p_values[0], first
    suspicious = evidence.screen.p_value <= SCREEN
    for look, fresh, p_value in zip(LOOKS, evidence.looks, p_values, strict=False):
        spent = spent_at(rules, look, suspicious=suspicious)
        if decide(fresh.passing, 1.0, spent) == "PASS":
            break
        if decide(fresh.failing, p_value, spent) == "FAIL":
            return fresh.failing, p_value, spent
    return fresh.passing, p_value, spent


def _screening(rules: Rules, *, can_fail: bool) -> Rules:
    """The rules of the screening stage. It fails only where no fresh samples follow."""
    alpha = rules.alpha if can_fail else -1.0
    return replace(rules, alpha=alpha, alpha_pass=SCREEN_PASS, promised=rules.alpha_pass)


def spent_at(rules: Rules, look: Look, *, suspicious: bool) -> Rules:
    """The rules at a look."""
    alpha = look.alpha if suspicious else look.alpha_clear
    return replace(
        rules, alpha=alpha, alpha_pass=look.alpha_pass, population=look.population, promised=rules.alpha_pass
    )


def _unchanged(evidence: Staged, rules: Rules) -> GateResult:
    cases, mean = evidence.screen.cases, unscaled(evidence.mean, rules)
    reason = f"unchanged: each answer equals an accepted one, {count(cases, 'case')}"
    return GateResult("PASS", reason, 1.0, 0.0, 0.0, 0.0, cases, before=mean, after=mean)
