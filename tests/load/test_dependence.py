"""Intervals of shares of dependent requests, and the comparison by pairs of blocks."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from evalharness.load.dependence import exact_bounds, independent_requests, normal_scores, share_of, times_more
from evalharness.load.pairs import compare_pairs, sign_flip
from evalharness.records.load_result import BlockPair, Interval


def pair(candidate: int, baseline: int, counted: int = 20) -> BlockPair:
    """A pair of blocks."""
    return BlockPair(0, counted, candidate, baseline, candidate_first=True)


@pytest.mark.parametrize(("met", "count"), [(0, 10), (10, 10), (90, 100), (1, 7)])
def test_exact_bounds_are_those_of_clopper_and_pearson(met: int, count: int) -> None:
    """The oracle is statsmodels."""
    expected = proportion_confint(met, count, alpha=0.01, method="beta")
    assert exact_bounds(met / count, count, 0.005) == pytest.approx(expected, abs=1e-9)


def test_equal_latencies_are_independent() -> None:
    """A server with constant latencies has no variance, and so no dependence: each request counts."""
    met, latencies = np.ones(300, dtype=bool), np.full(300, 0.2)
    assert independent_requests(met, latencies) == 300
    assert share_of(met, met, latencies).interval.low == pytest.approx(0.001 ** (1 / 300))


def test_dependent_requests_tell_less() -> None:
    """In an AR(1) process with rho = 0.9, 19 requests tell as much as one independent one."""
    rng = np.random.default_rng(1)
    noise, value, series = rng.normal(size=20_000), 0.0, []
    for one in noise:
        value = 0.9 * value + one
        series.append(value)
    latencies = np.exp(np.array(series))
    found = independent_requests(latencies < np.quantile(latencies, 0.95), latencies)
    assert 20_000 / 19 * 0.6 < found < 20_000 / 19 * 1.05


def test_few_requests_in_one_bad_stretch_decide_nothing() -> None:
    """One excursion of a queue is one observation, however many requests it makes late."""
    met = np.ones(400, dtype=bool)
    met[150:190] = False
    latencies = np.where(met, 0.1, 1.0)
    interval = share_of(met, met, latencies).interval
    assert interval.low < 0.8
    assert interval.high > 0.95


def test_a_server_that_falls_behind_is_below_any_target() -> None:
    """Latencies that grow for ever have no finite dependence; the means of batches show it."""
    latencies = np.linspace(0.1, 20.0, 300)
    met = latencies < 2.0
    assert share_of(met, met, latencies).interval.high < 0.9


def test_unknown_requests_widen_both_ways() -> None:
    """A request that never left counts as missed below and as met above."""
    surely = np.ones(500, dtype=bool)
    surely[::5] = False
    latencies = np.full(500, 0.1)
    interval = share_of(surely, np.ones(500, dtype=bool), latencies).interval
    assert (interval.value, interval.high) == (0.8, 1.0)
    assert interval.low < 0.8


def test_no_request_is_no_evidence() -> None:
    """Without a request, every share is possible."""
    empty = np.ones(0, dtype=bool)
    assert share_of(empty, empty, np.zeros(0)).interval == Interval(0.0, 0.0, 1.0)


def test_normal_scores_of_equal_values_are_equal() -> None:
    """Errors are infinitely late, and tied."""
    scores = normal_scores(np.array([1.0, np.inf, 0.5, np.inf]))
    assert scores[1] == scores[3] > scores[0] > scores[2]
    assert scores[0] == pytest.approx(-scores[0] * -1)


def test_how_many_more_requests() -> None:
    """134.7 independent requests without a miss show 95 % at 99.9 %; at the target itself, no number does."""
    assert times_more(Interval(1.0, 0.9, 1.0), 100.0, 0.95, 0.001) == pytest.approx(1.347, abs=0.01)
    assert times_more(Interval(0.95, 0.9, 1.0), 100.0, 0.95, 0.001) is None


def test_sign_flips_are_exact() -> None:
    """Seven pairs that all lost: one of 128 outcomes."""
    assert sign_flip([-1] * 7) == 1 / 128
    assert sign_flip([3, -3]) == 0.75
    assert sign_flip([]) == sign_flip([0, 0]) == 1.0
    assert sign_flip([-1] * 40) == pytest.approx(1 / 20_001)


def test_a_worse_candidate_fails() -> None:
    """Every pair lost four of twenty requests."""
    found = compare_pairs("main", [pair(15, 19)] * 12, margin=0.05, whole=True)
    assert found.status == "fail"
    assert found.difference.value == pytest.approx(-0.2)
    assert found.goodput_ratio is not None
    assert found.goodput_ratio.value == pytest.approx(15 / 19)


def test_an_equal_candidate_passes_with_enough_requests() -> None:
    """Twelve equal pairs of 20 requests rule out a drop of 5 points; of 5 requests, they do not."""
    assert compare_pairs("main", [pair(20, 20)] * 12, margin=0.05, whole=True).status == "pass"
    assert compare_pairs("main", [pair(5, 5, 5)] * 12, margin=0.05, whole=True).status == "inconclusive"
    assert compare_pairs("main", [pair(20, 20)] * 12, margin=0.05, whole=False).status == "inconclusive"


@pytest.mark.parametrize("pairs", [[], [pair(20, 20)], [pair(0, 0)] * 12])
def test_too_little_is_inconclusive_or_has_no_ratio(pairs: list[BlockPair]) -> None:
    """Nothing, one pair, or a baseline without a good request decides nothing."""
    found = compare_pairs("main", pairs, margin=0.05, whole=True)
    assert found.status == "inconclusive"
    assert (found.goodput_ratio is None) == (not pairs or not pairs[0].baseline_met)
