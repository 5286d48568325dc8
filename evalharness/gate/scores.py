"""Decides one gate from the runs of a baseline and a candidate. Pure arithmetic.

    PASS           the lower bound rules out a drop of the margin, and so few net failures are unlikely with one
    FAIL           no PASS, half of the margin is lost, and two tests are significant: within cases, and over cases
    INCONCLUSIVE   neither

docs/gate.md is the specification.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from evalharness.gate.clusters import clustered
from evalharness.gate.defaults import (
    ALPHA,
    ALPHA_PASS,
    FEWEST_SESSIONS,
    LEAST_LOSS,
    QUALITY_MARGIN,
    SCREEN,
    UNMATCHED_SHARE,
)
from evalharness.gate.evidence import Evidence, GateResult, Rules, Runs, Word
from evalharness.gate.numbers import means_of
from evalharness.gate.own_words import is_only_there
from evalharness.gate.paired_numbers import by_case, in_order, paired
from evalharness.gate.stats.bounds import Spread, Target, few_failures, spread_of
from evalharness.gate.stats.pairs import Block, Pairs, blocks
from evalharness.gate.stats.permutation import is_pass_fail, p_over_cases, p_worse, smallest_p
from evalharness.gate.stats.power import Needed, minimum_detectable_drop, needed
from evalharness.gate.stats.ragged import Ragged
from evalharness.gate.stats.sessions import corrected, overdispersion
from evalharness.gate.wording import reason_of


def assess_scores(
    baseline: Runs,
    candidate: Runs,
    *,
    kind: Literal["pass_fail", "score"] = "score",
    margin: float = QUALITY_MARGIN,
    alpha: float = ALPHA,
    alpha_pass: float = ALPHA_PASS,
    target: Target = "suite",
    clusters: Mapping[str, str] | None = None,
    sessions: bool = False,
    seed: str = "",
) -> GateResult:
    """Assess whether the candidate has lost `margin` points or more.

    Equal arguments give equal results.

    Args:
        baseline: Case id -> scores of its runs, in [0, 1].
        candidate: The same for the candidate. Cases may have different numbers of runs.
        kind: `pass_fail` allows only 0 and 1.
        margin: Points of a 0..1 score.
        alpha: False alarm rate.
        alpha_pass: Rate at which a drop of the margin passes.
        target: See `Target`.
        clusters: Case id -> what the case shares with others (a document, a conversation). Each cluster counts as one.
        sessions: Whether the n-th baseline runs of all cases belong to one session. With five sessions or more, the
            test accounts for the variance between sessions.
        seed: Of the permutations.

    Raises ValueError for scores outside of [0, 1], or other than 0 and 1 with `kind="pass_fail"`.

    """
    for runs in (*baseline.values(), *candidate.values()):
        _check(runs, kind)
    rules = Rules(margin, alpha, alpha_pass, target=target)
    evidence = collect_evidence(baseline, candidate, rules=rules, seed=seed, clusters=clusters, sessions=sessions)
    return conclude(evidence, evidence.p_value, rules, seed=seed)


def _check(runs: Sequence[float], kind: str) -> None:
    if not all(0 <= value <= 1 for value in runs):
        raise ValueError("expected scores in [0, 1]")
    if kind == "pass_fail" and not all(value in (0, 1) for value in runs):
        raise ValueError('kind="pass_fail": expected scores of 0 or 1')


def collect_evidence(
    baseline: Runs,
    candidate: Runs,
    *,
    rules: Rules,
    seed: str,
    clusters: Mapping[str, str] | None = None,
    sessions: bool = False,
    tested: bool = True,
) -> Evidence:
    """The evidence on the cases that both sides have.

    Without `tested`, only its bounds: the p-value is 1. Raises ValueError for values that are not finite.
    """
    sides = paired(baseline, candidate)
    if not all(np.isfinite(side).all() for block in blocks(sides) for side in block):
        raise ValueError("expected finite numbers")
    unmatched = _unmatched(baseline, candidate, len(sides))
    if not sides:
        nothing = Spread(0.0, math.inf)
        return Evidence((), 0, nothing, nothing, 1.0, 1.0, 1.0, blocked=unmatched)
    units = Pairs(clustered(by_case(baseline, candidate), clusters)) if clusters else sides
    factor, count = _sessions(units.blocks) if sessions else (1.0, 0)
    if rules.target == "population":
        units = Pairs.of_blocks((b.mean(axis=1, keepdims=True), c.mean(axis=1, keepdims=True)) for b, c in units.blocks)
    pairs = in_order(units)
    return Evidence(
        pairs=pairs,
        cases=len(sides),
        within=spread_of(pairs, span=rules.span),
        over=spread_of(pairs, target="population", span=rules.span),
        p_value=corrected(p_worse(pairs, seed), factor, count) if tested else 1.0,
        population_p=corrected(p_over_cases(pairs), factor, count),
        smallest_p=corrected(smallest_p(pairs), factor, count),
        factor=factor,
        blocked=unmatched,
    )


def _unmatched(baseline: Runs, candidate: Runs, common: int) -> str:
    lost = 0 if common == len(baseline) else sum(1 for case in baseline if not len(candidate.get(case, ())))
    if lost:
        return f"{lost} of {len(baseline)} cases of the baseline have no run to compare"
    new = len(candidate) - common
    return f"{new} of {len(candidate)} cases are not in the baseline" if new > UNMATCHED_SHARE * len(candidate) else ""


def _sessions(found: Sequence[Block]) -> tuple[float, int]:
    """The factor between runs, and the number of sessions it is measured on: the most common number of runs."""
    sizes: Counter[int] = Counter()
    for b, _ in found:
        sizes[b.shape[1]] += len(b)
    usual = max(sizes, key=lambda size: (sizes[size], size))
    if usual < FEWEST_SESSIONS:
        return 1.0, 0
    return overdispersion(np.concatenate([b for b, _ in found if b.shape[1] == usual])), usual


def decide(evidence: Evidence, p_value: float, rules: Rules) -> Word:
    """The verdict. `p_value` is the Holm-adjusted one if there are several gates."""
    if can_pass(evidence, rules) and deciding(evidence, rules).bounds(rules.alpha_pass)[0] > -rules.margin:
        return "PASS"
    return "FAIL" if is_loss(evidence.counted or evidence, rules) and p_value <= rules.alpha else "INCONCLUSIVE"


def deciding(evidence: Evidence, rules: Rules) -> Spread:
    """The bound that decides on a PASS: of these cases, or of cases like these."""
    return evidence.over if rules.target == "population" else evidence.within


def can_pass(evidence: Evidence, rules: Rules) -> bool:
    """Whether the number of runs, of net failures and of tokens in total allows a PASS."""
    if evidence.blocked or not evidence.pairs or evidence.candidate_runs < rules.runs_needed:
        return False
    if evidence.total is not None and evidence.total.at_most(rules.alpha_pass) >= math.expm1(rules.margin):
        return False
    if not rules.counts_failures or not is_pass_fail(blocks(evidence.pairs)):
        return True
    lost = -evidence.change * evidence.candidate_runs
    return few_failures(lost, evidence.candidate_runs, rules.margin, rules.alpha_pass)


def is_loss(evidence: Evidence, rules: Rules) -> bool:
    """Whether the observed loss is worth a failure, and shows over cases too."""
    return -evidence.change >= LEAST_LOSS * rules.margin and evidence.population_p <= rules.population


def conclude(evidence: Evidence, p_value: float, rules: Rules, *, seed: str, gates: int = 1) -> GateResult:
    """The result with its reason and, unless it is a PASS, the detectable drop.

    `gates` is the number of gates that share alpha.
    """
    verdict = decide(evidence, p_value, rules)
    if verdict == "FAIL":
        evidence = evidence.counted or evidence
    low, high = deciding(evidence, rules).bounds(rules.alpha_pass)
    up, down = evidence.moved
    before, after = means_of(evidence, rules)
    is_open = verdict == "INCONCLUSIVE" and bool(evidence.pairs)
    result = GateResult(
        verdict=verdict,
        reason="",
        p_value=p_value,
        change=evidence.change,
        lower_bound=low,
        upper_bound=high,
        cases=evidence.cases,
        suspicious=verdict != "PASS" and p_value <= SCREEN,
        open=is_open and not evidence.blocked,
        population_p=evidence.population_p,
        population=evidence.over.bounds(rules.alpha_pass),
        up=up,
        down=down,
        before=before,
        after=after,
    )
    if is_open and rules.alpha > 0:  # the last stage says what would decide
        result = _with_outlook(result, evidence, rules, seed, gates)
    return replace(result, reason=reason_of(result, evidence, rules))


def _with_outlook(result: GateResult, evidence: Evidence, rules: Rules, seed: str, gates: int) -> GateResult:
    """The result with the drop that it detects, and the data that it needs."""
    if rules.unit == "log ratio":  # a total that a few endless answers decide has no such forecast
        return result
    counted = evidence.counted or evidence
    drop = _detectable_drop(counted, rules.alpha / gates, seed) if counted.pairs else None
    result = replace(result, minimum_detectable_drop=drop)
    if is_only_there(evidence, rules):  # more answers do not settle a drop that comes from the golden answers
        return result
    more = _needed(evidence, rules)
    return replace(result, needed_cases=more.cases, needed_repeats=more.repeats)


def _detectable_drop(evidence: Evidence, alpha: float, seed: str) -> float | None:
    """Simulated from the baseline runs of each case, or from the runs of both sides if the baseline has only one."""
    known = Ragged.of_blocks([b if b.shape[1] > 1 else np.hstack([b, c]) for b, c in blocks(evidence.pairs)])
    return minimum_detectable_drop(known, runs=evidence.usual_runs, alpha=alpha, seed=seed)


def _needed(evidence: Evidence, rules: Rules) -> Needed:
    return needed(
        deciding(evidence, rules),
        margin=rules.margin,
        alpha=rules.alpha_pass,
        floor=rules.runs_needed,
        cases=len(evidence.pairs),
        runs=evidence.runs,
    )
