"""Gates on cost: the typical tokens, their total, and the share of expensive responses.

Tokens instead of dollars, so that a price change of the vendor is not a regression of the prompt. The typical change is
that of logarithms, so that a ratio counts the same for short and long cases. The total is the bill: a few endless
answers decide it, and the typical change does not show them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from evalharness.gate.case_numbers import CaseNumbers
from evalharness.gate.clusters import clustered
from evalharness.gate.defaults import ALPHA, ALPHA_PASS, RATIO_MARGIN
from evalharness.gate.evidence import Evidence, GateResult, Rules, Runs, Total
from evalharness.gate.scores import collect_evidence, conclude
from evalharness.gate.stats.bounds import spread_of
from evalharness.gate.stats.outliers import EXPENSIVE, outlier_rates
from evalharness.gate.stats.pairs import Pair, Pairs, blocks
from evalharness.gate.stats.permutation import holm

SPAN = math.log(2)
"""Log change of the pseudo-cases in the bound: one response with twice the tokens, one with half."""


def cost_rules(margin: float, *, alpha: float = ALPHA, alpha_pass: float = ALPHA_PASS) -> Rules:
    """The rules of a gate on -log(tokens).

    `margin` is a ratio: 0.10 means 10 % more tokens.
    """
    return Rules(math.log1p(margin), alpha, alpha_pass, unit="log ratio", span=SPAN, counts_failures=False)


def assess_cost(
    baseline: Runs,
    candidate: Runs,
    *,
    margin: float = RATIO_MARGIN,
    alpha: float = ALPHA,
    alpha_pass: float = ALPHA_PASS,
    longest: float | None = None,
    clusters: Mapping[str, str] | None = None,
    seed: str = "",
) -> GateResult:
    """Assess whether the candidate needs more tokens by `margin` (a ratio) or more.

    `baseline` and `candidate` map case ids to the tokens of each run (or dollars, if the prices are the same); one
    answer can take `longest` of them. `clusters` maps a case to what it shares with others (a conversation), and each
    cluster counts as one. Changes in the result are natural logarithms of ratios. Raises ValueError for
    values that are not above 0.
    """
    rules = cost_rules(margin, alpha=alpha, alpha_pass=alpha_pass)
    evidence = collect_cost_evidence(baseline, candidate, rules=rules, seed=seed, longest=longest, clusters=clusters)
    return conclude(evidence, evidence.p_value, rules, seed=seed)


def collect_cost_evidence(
    baseline: Runs,
    candidate: Runs,
    *,
    rules: Rules,
    seed: str,
    longest: float | None = None,
    clusters: Mapping[str, str] | None = None,
) -> Evidence:
    """The evidence on tokens, from two tests: the ratio, and expensive responses.

    The p-value is the smaller one of the two, Holm-adjusted. Raises ValueError for values that are not above 0.
    """
    for value in (*CaseNumbers.of(baseline).flat, *CaseNumbers.of(candidate).flat):
        if not 0 < value < math.inf:
            raise ValueError(f"expected tokens above 0, got {value}")
    evidence = collect_evidence(_logs(baseline), _logs(candidate), rules=rules, seed=seed, clusters=clusters)
    if not evidence.pairs:
        return evidence
    tokens = (
        Pairs(_tokens(baseline, candidate, clusters))
        if clusters
        else Pairs.of_blocks((np.exp(-b), np.exp(-c)) for b, c in blocks(evidence.pairs))
    )
    before, after, p_value = outlier_rates(tokens, EXPENSIVE)
    ratio, expensive = holm([evidence.p_value, p_value])
    remark = f"{after:.1%} of the answers took more than {EXPENSIVE:g} x their case's usual tokens, {before:.1%} before"
    return replace(
        evidence,
        p_value=min(ratio, expensive),
        blocked=evidence.blocked or (remark if expensive <= rules.alpha else ""),
        remark=remark if expensive < ratio else "",
        total=_total(tokens, longest),
    )


def _tokens(baseline: Runs, candidate: Runs, clusters: Mapping[str, str]) -> list[Pair]:
    """The mean tokens of each cluster."""
    common = (case for case in sorted(baseline) if len(baseline[case]) and len(candidate.get(case, ())))
    return clustered({case: (np.sort(baseline[case]), np.sort(candidate[case])) for case in common}, clusters)


def _total(tokens: Pairs, longest: float | None) -> Total:
    """The change of all tokens together. The cases count as a sample: an endless answer is not one of its case."""
    before = float(tokens.side(0, lambda runs: runs.mean(axis=1)).mean())
    rise = spread_of(tokens, target="population", span=before)
    return Total(before, rise, sum(c.size for _, c in tokens.blocks), longest)


def _logs(runs: Runs) -> Runs:
    """The negative logarithms: higher is better, as for scores."""
    return CaseNumbers.of(runs).mapped(lambda value: -math.log(value))
