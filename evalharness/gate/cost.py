"""Cost: the paired log ratio of tokens, and the share of runs that cost far more than usual.

Tokens at one price table, not dollars: a vendor's new prices are no regression of the prompt. On the log scale a ratio
means the same for a short case as for a long one; the total of a skewed suite would be that of its three longest cases.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from evalharness.gate.comparison import Stage
from evalharness.gate.defaults import ALPHA, ALPHA_PASS, RATIO_MARGIN
from evalharness.gate.evidence import Evidence, GateResult, Rules, Runs
from evalharness.gate.scores import collect_evidence, conclude
from evalharness.gate.stats.outliers import EXPENSIVE, outlier_rates
from evalharness.gate.stats.permutation import holm

SPAN = math.log(2)
"""The pseudo-cases of the bound: one answer of twice the tokens, one of half."""


def cost_rules(
    margin: float, *, alpha: float = ALPHA, alpha_pass: float = ALPHA_PASS, stage: Stage = "single"
) -> Rules:
    """The rules of a gate whose runs are -log(tokens); `margin` is a ratio, 0.10 meaning 10 % more."""
    return Rules(math.log1p(margin), alpha, alpha_pass, stage=stage, unit="log ratio", span=SPAN, floor=False)


def assess_cost(
    baseline: Runs,
    candidate: Runs,
    *,
    margin: float = RATIO_MARGIN,
    alpha: float = ALPHA,
    alpha_pass: float = ALPHA_PASS,
    stage: Stage = "single",
    seed: str = "",
) -> GateResult:
    """Has the candidate become dearer by `margin` (a ratio)?

    `baseline` and `candidate` map case ids to the tokens (or dollars at one price table) of each run. All changes in
    the result are natural logarithms of ratios. Raises ValueError for a value that is not above 0.
    """
    rules = cost_rules(margin, alpha=alpha, alpha_pass=alpha_pass, stage=stage)
    evidence = collect_cost_evidence(baseline, candidate, rules=rules, seed=seed)
    return conclude(evidence, evidence.p_value, rules, seed=seed)


def collect_cost_evidence(baseline: Runs, candidate: Runs, *, rules: Rules, seed: str) -> Evidence:
    """The evidence on tokens; by Holm its p-value is the smaller one of ratio and expensive runs. Raises ValueError."""
    for runs in (*baseline.values(), *candidate.values()):
        if not all(0 < value < math.inf for value in runs):
            raise ValueError("tokens are numbers above 0")
    evidence = collect_evidence(_logs(baseline), _logs(candidate), rules=rules, seed=seed)
    if not evidence.pairs:
        return evidence
    before, after, p_value = outlier_rates([(np.exp(-b), np.exp(-c)) for b, c in evidence.pairs], EXPENSIVE)
    ratio, expensive = holm([evidence.p_value, p_value])
    told = f"{after:.1%} of the answers took more than {EXPENSIVE:g} x their case's usual tokens, {before:.1%} before"
    return replace(
        evidence,
        p_value=min(ratio, expensive),
        blocked=evidence.blocked or (told if expensive <= rules.alpha else ""),
        remark=told if expensive < ratio else "",
    )


def _logs(runs: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Higher is better."""
    return {case: [-math.log(value) for value in values] for case, values in runs.items()}
