"""The statistics against independent implementations: scipy, statsmodels, and slow but simple code."""

from __future__ import annotations

import gc
import math
import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from itertools import combinations, combinations_with_replacement, product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from evalharness.gate.latency import hodges_lehmann, wilcoxon_p
from evalharness.gate.scores import assess_scores
from evalharness.gate.stats.beta import beta_quantiles
from evalharness.gate.stats.distributions import normal_below, normal_quantile, t_below
from evalharness.gate.stats.permutation import holm, p_worse, smallest_p
from evalharness.gate.stats.sessions import corrected, overdispersion

Case = tuple[Sequence[float], Sequence[float]]
PASS_FAIL = st.sampled_from([0.0, 1.0])
TENTHS = st.integers(0, 10).map(lambda tenth: tenth / 10)


def cases_of(value: st.SearchStrategy[float], most: int) -> st.SearchStrategy[list[Case]]:
    """Some cases with one to three runs on each side."""
    runs = st.lists(value, min_size=1, max_size=3)
    return st.lists(st.tuples(runs, runs), min_size=1, max_size=most)


def pairs_of(cases: Sequence[Case]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The cases in the format of the gate."""
    return [(np.array(b, float), np.array(c, float)) for b, c in cases]


def p_of(cases: Sequence[Case], seed: str = "seed") -> float:
    """The p-value of cases given as (baseline runs, candidate runs)."""
    return p_worse(pairs_of(cases), seed)


def flips(better: int, worse: int, same: int = 0) -> list[Case]:
    """Cases with one pass/fail run a side: numbers that got better, got worse, and stayed."""
    return [([0], [1])] * better + [([1], [0])] * worse + [([1], [1])] * same


def labellings(b: Sequence[float], c: Sequence[float]) -> list[Case]:
    """All labellings of the runs of a case with as many candidate runs."""
    pool = [*b, *c]
    chosen = [set(indices) for indices in combinations(range(len(pool)), len(c))]
    return [([x for i, x in enumerate(pool) if i not in c], [x for i, x in enumerate(pool) if i in c]) for c in chosen]


def total_change(cases: Sequence[Case]) -> float:
    """The test statistic."""
    return sum(float(np.mean(c) - np.mean(b)) for b, c in cases)


def by_enumeration(cases: Sequence[Case]) -> float:
    """The mid-p by enumeration of all labellings of all cases."""
    if all(len({*b, *c}) == 1 for b, c in cases):
        return 1.0
    totals = np.array([total_change(labelling) for labelling in product(*(labellings(b, c) for b, c in cases))])
    observed = total_change(cases)
    return float((totals < observed - 1e-9).mean() + (np.abs(totals - observed) <= 1e-9).mean() / 2)


@pytest.mark.parametrize(
    ("better", "worse", "same"),
    [(0, 1, 5), (0, 8, 3), (3, 9, 40), (12, 2, 0), (1, 1, 1), (40, 70, 200), (5, 0, 9), (300, 340, 360), (0, 1000, 0)],
)
def test_one_run_a_side_is_mcnemar(better: int, worse: int, same: int) -> None:
    """With one pass/fail run a side, the p-value is the mid-p of McNemar's test, a binomial test of the changes."""
    changed = better + worse
    # P(X <= better) - P(X = better) / 2
    expected = stats.binomtest(better, changed, alternative="less").pvalue - stats.binom.pmf(better, changed, 0.5) / 2
    assert p_of(flips(better, worse, same)) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=60)
@given(st.integers(0, 40), st.integers(1, 40), st.integers(0, 5))
def test_mid_p_and_exact_test(better: int, worse: int, same: int) -> None:
    """The mid-p plus half the probability of the outcome is half of the two-sided exact McNemar test."""
    assume(better < worse)
    table = [[same, better], [worse, 0]]
    exact = p_of(flips(better, worse, same)) + stats.binom.pmf(better, better + worse, 0.5) / 2
    assert exact == pytest.approx(mcnemar(table, exact=True).pvalue / 2, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_one_score_a_side_is_the_sign_flip_test(seed: int) -> None:
    """With one score a side, the p-value is that of scipy's permutation test of paired samples, up to half a tie."""
    rng = np.random.default_rng(seed)
    before = rng.random(13)  # scipy enumerates all 2 ** 13 labellings
    after = np.clip(before - 0.06 + rng.normal(0, 0.1, 13), 0, 1)
    oracle = stats.permutation_test(
        (after, before),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        alternative="less",
        vectorized=True,
    )
    # 0.01: two standard errors of 9,999 permutations at p = 0.5
    assert p_of([([b], [a]) for b, a in zip(before, after, strict=True)]) == pytest.approx(oracle.pvalue, abs=0.01)


@settings(max_examples=30)
@given(cases_of(PASS_FAIL, most=4))
def test_pass_fail_is_exact(cases: list[Case]) -> None:
    """Pass/fail runs in any numbers a side give the p-value of a full enumeration."""
    assert p_of(cases) == pytest.approx(by_enumeration(cases), abs=1e-9)


@settings(max_examples=15)
@given(cases_of(TENTHS, most=4))
def test_scores_are_near_exact(cases: list[Case]) -> None:
    """Scores with unequal numbers of runs give the enumerated p-value within the error of 9,999 permutations."""
    assert p_of(cases) == pytest.approx(by_enumeration(cases), abs=0.025)  # 5 s.e. of 0.005


@pytest.mark.parametrize(("kb", "kc"), [(1, 1), (5, 1), (1, 5), (3, 3), (5, 3), (7, 3)])
@pytest.mark.parametrize("n", [20, 200])
def test_exact_and_monte_carlo_agree(n: int, kb: int, kc: int) -> None:
    """The exact p-value of pass/fail runs equals the Monte Carlo p-value of the same runs with half the values."""
    rng = np.random.default_rng([n, kb, kc])
    rates = rng.beta(0.85, 0.15, (n, 1))
    runs = (rng.random((n, kb + kc)) < rates - 0.03 * (np.arange(kb + kc) >= kb)).astype(float)
    exact, monte_carlo = (p_of([(r[:kb], r[kb:]) for r in scale * runs]) for scale in (1, 0.5))
    # five standard errors, and the observed labelling, which counts as a permutation
    assert monte_carlo == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / 9_999) + 1e-4)


@settings(max_examples=30)
@given(cases_of(PASS_FAIL, most=3) | cases_of(TENTHS, most=3))
def test_smallest_p_is_the_smallest(cases: list[Case]) -> None:
    """`smallest_p` is the smallest p-value of all labellings of the runs."""
    assume(math.prod(len(labellings(b, c)) for b, c in cases) <= 500)
    totals = sorted(total_change(labelling) for labelling in product(*(labellings(b, c) for b, c in cases)))
    lowest = sum(total <= totals[0] + 1e-9 for total in totals) / len(totals) / 2
    varies = any(len({*b, *c}) > 1 for b, c in cases)
    assert smallest_p(pairs_of(cases)) == pytest.approx(lowest if varies else 1.0, rel=1e-9)
    assert smallest_p(pairs_of(cases)) <= by_enumeration(cases) + 1e-12


@settings(max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_statsmodels(p_values: list[float]) -> None:
    """Holm's adjusted p-values equal those of statsmodels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda: 0)  # statsmodels collects garbage at each call, which is slow
        adjusted = multipletests(p_values, method="holm")[1].tolist()
    assert holm(p_values) == pytest.approx(adjusted, abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ties", [False, True])
def test_wilcoxon_is_scipy(seed: int, *, ties: bool) -> None:
    """The signed-rank test equals scipy's normal approximation, with ties and zeros too."""
    values = np.random.default_rng(seed).normal(0.1, 1, 60)
    values = np.round(values, 0 if ties else 9)
    oracle = stats.wilcoxon(values, alternative="greater", method="asymptotic", correction=False)
    assert wilcoxon_p(values) == pytest.approx(oracle.pvalue, abs=1e-9)


def test_wilcoxon_of_nothing() -> None:
    """Without a change p is 1."""
    assert wilcoxon_p(np.zeros(5)) == 1.0


@settings(max_examples=60)
@given(st.lists(st.integers(-20, 20).map(lambda tenth: tenth / 10), min_size=1, max_size=40))
def test_hodges_lehmann_by_hand(values: list[float]) -> None:
    """The estimate is the median of the Walsh averages; Wilcoxon's quantile selects its bounds among them."""
    averages = sorted((x + y) / 2 for x, y in combinations_with_replacement(values, 2))
    n = len(values)
    quantile = stats.norm.ppf(0.95) * math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    outside = min(max(0, math.floor(n * (n + 1) / 4 - quantile)), len(averages) // 2)
    expected = (float(np.median(averages)), averages[outside], averages[-1 - outside])
    assert hodges_lehmann(values, alpha=0.05) == pytest.approx(expected, abs=1e-9)


def slow_overdispersion(runs: Sequence[Sequence[float]]) -> float:
    """Mean squared z-value of each session against the others, in plain Python."""
    sessions, squares = len(runs[0]), []
    for one in range(sessions):
        change = variance = 0.0
        for values in runs:
            mean = sum(values) / sessions
            others = [value for session, value in enumerate(values) if session != one]
            change += values[one] - sum(others) / len(others)
            # a random run less the mean of the others is (x - mean) R / (R - 1), whose variance is that of the pool
            variance += sum((x - mean) ** 2 for x in values) / sessions * (sessions / (sessions - 1)) ** 2
        squares.append(change**2 / variance if variance > 0 else 0.0)
    return max(1.0, sum(squares) / sessions)


@settings(max_examples=60)
@given(st.integers(5, 8).flatmap(lambda k: st.lists(st.lists(TENTHS, min_size=k, max_size=k), min_size=1, max_size=8)))
def test_overdispersion_by_hand(runs: list[list[float]]) -> None:
    """The factor between sessions equals the slow computation."""
    assert overdispersion([np.array(values) for values in runs]) == pytest.approx(slow_overdispersion(runs), rel=1e-9)


def test_a_factor_of_one_corrects_nothing() -> None:
    """With a factor of 1 the p-value stays; with 4 it is that of half the z-value by Student's t."""
    assert corrected(0.01, 1.0, 5) == 0.01
    # scipy oracle: z = -2.326 / sqrt(4), Student's t with 4 degrees of freedom
    assert corrected(0.01, 4.0, 5) == pytest.approx(stats.t.cdf(stats.norm.ppf(0.01) / 2, 4), abs=1e-12)


@pytest.mark.parametrize("value", [-30.0, -3.0, -0.5, 0.0, 1.7, 6.0])
def test_distributions(value: float) -> None:
    """The distribution functions without scipy equal those of scipy.stats."""
    for degrees in (1, 2, 3, 4, 7, 30, 1001):
        assert t_below(value, degrees) == pytest.approx(stats.t.cdf(value, degrees), abs=1e-12)
    assert normal_below(value) == pytest.approx(stats.norm.cdf(value), abs=1e-12)
    assert normal_quantile(normal_below(-abs(value))) == pytest.approx(-abs(value), abs=1e-9)


@given(st.lists(st.tuples(*[st.floats(-2, 2).map(lambda exponent: 10**exponent)] * 2), min_size=1, max_size=4))
def test_beta_quantiles(parameters: list[tuple[float, float]]) -> None:
    """The quantiles of beta distributions equal those of scipy.stats, also for densities with a pole at either end."""
    at = (np.arange(50) + 0.5) / 50
    found = beta_quantiles([a for a, _ in parameters], [b for _, b in parameters], at)
    expected = [stats.beta.ppf(at, a, b) for a, b in parameters]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(("kb", "kc"), [(1, 1), (5, 1), (3, 3), (7, 3)])
@pytest.mark.parametrize("sessions", [False, True])
def test_identical_runs_prove_nothing(value: float, kb: int, kc: int, *, sessions: bool) -> None:
    """If nothing varies, p is 1 and the gate passes, without NaN or warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same = {side: {f"case-{n}": [value] * k for n in range(100)} for side, k in (("b", kb), ("c", kc))}
        result = assess_scores(same["b"], same["c"], sessions=sessions)
    assert (result.p_value, result.change, result.verdict) == (1.0, 0.0, "PASS")
    assert math.isfinite(result.lower_bound)


@settings(max_examples=25)
@given(cases_of(PASS_FAIL, most=30) | cases_of(TENTHS, most=25), st.randoms())
def test_names_and_order_do_not_matter(cases: list[Case], random: object) -> None:
    """Renaming and shuffling cases and runs does not change a bit of a result."""
    shuffled = [(list(b), list(c)) for b, c in cases]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for runs in (runs for pair in shuffled for runs in pair):
        random.shuffle(runs)  # type: ignore[attr-defined]

    def result(rows: Sequence[Case], name: str) -> str:
        sides = ({f"{name}-{n}": row[side] for n, row in enumerate(rows)} for side in (0, 1))
        return repr(assess_scores(*sides, seed="seed"))

    assert result(shuffled, "other") == result(cases, "case")


ONE_RESULT = """
import numpy as np
from evalharness.gate.scores import assess_scores
rng = np.random.default_rng(3)
b, c = ({f"case-{n}": np.round(rng.random(k), 1).tolist() for n in range(40)} for k in (5, 1))
print(assess_scores(b, c, clusters={case: case[-1] for case in b}, seed="seed"), assess_scores(b, c, seed="seed"))
"""


def test_same_seed_same_bytes() -> None:
    """In another process, with other string hashes, the same runs give the same result."""
    results = {
        subprocess.run(
            [sys.executable, "-c", ONE_RESULT],
            env=os.environ | {"PYTHONHASHSEED": hashes},
            capture_output=True,
            check=True,
        ).stdout
        for hashes in ("1", "2")
    }
    assert len(results) == 1
    assert b"p_value" in results.pop()
