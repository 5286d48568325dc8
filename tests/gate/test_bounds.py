"""The PASS test: bounds that never collapse, a minimum number of runs, and simulated false passes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evalharness.gate.evidence import Rules
from evalharness.gate.scores import collect_evidence, decide
from evalharness.gate.stats.bounds import runs_needed, spread_of
from evalharness.gate.stats.distributions import normal_quantile, t_quantile

Side = Sequence[np.ndarray]


def change_bounds(before: Side, after: Side, *, alpha: float) -> tuple[float, float]:
    """Lower and upper bound of the mean change of cases, given as their runs."""
    return spread_of(list(zip(before, after, strict=True))).bounds(alpha)


@pytest.mark.parametrize(
    ("margin", "alpha", "runs"),
    [
        (0.05, 0.05, 59),  # statistics §2.6: ceil(ln alpha / ln(1 - margin))
        (0.03, 0.05, 99),
        (0.02, 0.05, 149),
        (0.10, 0.05, 29),
        (0.05, 0.025, 72),
        (0.96, 0.05, 1),
        (1.0, 0.05, 1),  # a margin of 100 points allows everything; ln 0 raised ValueError
        (1e-17, 0.05, 299573227355399040),  # ln(1 - 1e-17) was 0, which raised ZeroDivisionError
    ],
)
def test_floor(margin: float, alpha: float, runs: int) -> None:
    """The smallest number of runs that can rule out a margin."""
    assert runs_needed(margin, alpha=alpha) == runs


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 10, 21, 60, 999, 10_000, 10_001, 1_000_000])
def test_quantiles(degrees: int) -> None:
    """The quantiles without scipy equal those of scipy.stats, far into the tails."""
    for probability in (1e-6, 0.05, 0.3, 0.5, 0.9, 0.95, 0.975, 0.9999):
        assert t_quantile(probability, degrees) == pytest.approx(stats.t.ppf(probability, degrees), rel=1e-9)
        assert normal_quantile(probability) == pytest.approx(stats.norm.ppf(probability), rel=1e-12)


def test_quantiles_of_certainty() -> None:
    """The quantiles of probabilities 0 and 1 are infinite."""
    assert (t_quantile(1.0, 5), t_quantile(0.0, 5)) == (math.inf, -math.inf)
    assert (normal_quantile(1.0), normal_quantile(0.0)) == (math.inf, -math.inf)


def test_one_run_a_side() -> None:
    """With one run a side, the bounds are those of Student's t over the changes and two pseudo-cases."""
    changes = [-0.2, 0.0, 0.1, -0.1]
    low, high = change_bounds([np.array([0.5])] * 4, [np.array([0.5 + d]) for d in changes], alpha=0.05)
    # scipy oracle on the six padded changes
    interval = stats.ttest_1samp([*changes, 1.0, -1.0], 0).confidence_interval(0.90)
    assert (low, high) == pytest.approx((interval.low, interval.high))


def test_repeats_on_both_sides() -> None:
    """With repeats on both sides, the bounds are normal and hold for the expected score on these cases."""
    before = [np.array([1.0, 0.0]), np.array([1.0, 1.0])]
    after = [np.array([0.0, 0.0, 1.0]), np.array([1.0, 1.0, 1.0])]
    low, high = change_bounds(before, after, alpha=0.05)
    # by hand: variances .5 and 1/3; (.5 / 2 + (1 / 3) / 3) / 4 + (1 / (2 * 2)) ** 2 + (1 / (2 * 3)) ** 2
    error = math.sqrt((0.25 + 1 / 9) / 4 + 1 / 16 + 1 / 36)
    mean = (1 / 3 - 1 / 2) / 2
    assert (low, high) == pytest.approx((mean - 1.6448536 * error, mean + 1.6448536 * error), abs=1e-7)


@pytest.mark.parametrize(("kb", "kc"), [(1, 1), (5, 1), (1, 3), (2, 2), (5, 5)])
@pytest.mark.parametrize("n", [1, 20, 200])
def test_never_collapses(n: int, kb: int, kc: int) -> None:
    """Constant data have an interval of positive length, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        low, high = change_bounds([np.ones(kb)] * n, [np.ones(kc)] * n, alpha=0.05)
    assert low < -0.5 / (n * max(kb, kc))
    assert high == pytest.approx(-low)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=50))
def test_bounds_enclose(pairs: list[tuple[float, float]]) -> None:
    """The lower bound lies below the upper one."""
    low, high = change_bounds([np.array([b]) for b, _ in pairs], [np.array([c]) for _, c in pairs], alpha=0.05)
    assert low < high


def suite_exact(rng: np.random.Generator, n: int, shape: str) -> tuple[np.ndarray, np.ndarray]:
    """Pass rates of a suite (Beta, mean .85, ICC .5: statistics §4) before and after it lost exactly 5 points."""
    rate = rng.beta(0.85, 0.15, n)
    if shape == "diffuse":
        return rate, rate * (1 - 0.05 / rate.mean())
    order = rng.permutation(n)
    gone = np.clip(0.05 * n - (np.cumsum(rate[order]) - rate[order]), 0, rate[order])
    after = rate.copy()
    after[order] -= gone
    return rate, after


def share_passed(n: int, kb: int, kc: int, shape: str, suites: int) -> float:
    """The share of suites that lost the margin and pass."""
    rng = np.random.default_rng([20260101, 3, n, kb, kc])
    passed = 0
    for _ in range(suites):
        before, after = suite_exact(rng, n, shape)
        then = (rng.random((n, kb)) < before[:, None]).astype(float)
        now = (rng.random((n, kc)) < after[:, None]).astype(float)
        low, _ = change_bounds(list(then), list(now), alpha=0.05)
        passed += low > -0.05 and n * kc >= runs_needed(0.05, alpha=0.05)
    return passed / suites


@pytest.mark.parametrize("shape", ["diffuse", "break"])
@pytest.mark.parametrize(("n", "kb", "kc"), [(100, 1, 1), (200, 1, 1), (200, 5, 1), (50, 3, 3), (100, 5, 3)])
def test_false_pass(n: int, kb: int, kc: int, shape: str) -> None:
    """A suite that lost 5 points passes a gate of 5 points in at most 7.5 % of the runs (row N1)."""
    assert share_passed(n, kb, kc, shape, suites=500) <= 0.075


@pytest.mark.parametrize(("n", "kb", "kc"), [(20, 1, 1), (58, 1, 1), (58, 5, 1), (29, 5, 2)])
def test_too_few_runs_never_pass(n: int, kb: int, kc: int) -> None:
    """With fewer than 59 runs nothing passes, even with identical responses (row N1)."""
    before, after = ({f"case-{number}": [1.0] * k for number in range(n)} for k in (kb, kc))
    assert decide(collect_evidence(before, after, rules=Rules(), seed=""), 1.0, Rules()) == "INCONCLUSIVE"
    assert share_passed(n, kb, kc, "break", suites=50) == 0


@pytest.mark.parametrize(("n", "k"), [(59, 1), (20, 3)])
def test_just_enough_runs_can_pass(n: int, k: int) -> None:
    """With the minimum number of runs, identical responses can pass."""
    same = {f"case-{number}": [1.0] * k for number in range(n)}
    evidence = collect_evidence(same, same, rules=Rules(), seed="")
    assert evidence.candidate_runs >= Rules().runs_needed == 59
    # 59 cases are enough runs, and the bound of one run a side is 1.67 * sqrt(2 / (60 * 61)) = 3.9 points away
    assert decide(evidence, 1.0, Rules()) == "PASS"
