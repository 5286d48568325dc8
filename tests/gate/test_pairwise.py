"""The pairwise comparison of two sides, case by case."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evalharness.gate.pairwise import MANY_CASES, pairwise

RUNS = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=2), st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=4)
)
"""At most four runs of a case: the exact test takes as long as the least common multiple of their numbers is large."""


def side(values: list[float]) -> dict[str, dict[str, list[float]]]:
    """One side with one run for each case."""
    return {"exact": {f"case-{number:05}": [value] for number, value in enumerate(values)}}


def test_against_mcnemar() -> None:
    """With one run a side, the p-value is McNemar's mid-p, in both directions."""
    before, after = [1.0] * 40 + [0.0] * 10, [1.0] * 28 + [0.0] * 22  # 12 worse, none better
    (one,) = pairwise([side(before), side(after)])
    assert (one.first, one.second, one.metric, one.cases) == (0, 1, "exact", 50)
    assert one.change == pytest.approx(-0.24)
    assert one.p_value == pytest.approx(2 * (stats.binom.cdf(0, 12, 0.5) - stats.binom.pmf(0, 12, 0.5) / 2))
    assert one.low < one.change < one.high < 0


@given(RUNS, RUNS)
def test_both_ways(first: dict[str, list[float]], second: dict[str, list[float]]) -> None:
    """Swapping the sides changes the sign of the change only."""
    there, back = (pairwise([{"exact": a}, {"exact": b}]) for a, b in ((first, second), (second, first)))
    assert len(there) == len(back) == bool(first.keys() & second.keys())
    for one, other in zip(there, back, strict=True):
        assert (one.change, one.low, one.high) == pytest.approx((-other.change, -other.high, -other.low))
        assert one.p_value == pytest.approx(other.p_value)
        assert 0 <= one.p_value <= 1


def test_the_same_is_not_different() -> None:
    """Equal sides have p = 1, at any size."""
    for cases in (3, 100, MANY_CASES):
        (one,) = pairwise([side([1.0, 0.5] * (cases // 2)), side([1.0, 0.5] * (cases // 2))])
        assert (one.change, one.p_value) == (0.0, 1.0)


def test_rounding_is_not_a_difference() -> None:
    """0.1 + 0.2 equals 0.3."""
    (one,) = pairwise([side([0.3] * 50), side([0.1 + 0.2] * 50)])
    assert one.p_value == 1.0


def test_what_both_have() -> None:
    """Cases and metrics of one side only are not compared; without common cases there is no comparison."""
    both = pairwise([side([1.0] * 30) | {"chrf": {"x": [0.5]}}, side([0.0] * 20) | {"bleu": {"x": [0.5]}}])
    assert [(one.metric, one.cases) for one in both] == [("exact", 20)]
    assert pairwise([{"exact": {"a": [1.0]}}, {"exact": {"b": [1.0]}}]) == pairwise([side([1.0])]) == []


def test_holm_over_all() -> None:
    """The p-values are adjusted for the number of comparisons."""
    before, after = [1.0] * 60, [1.0] * 52 + [0.0] * 8
    (alone,) = pairwise([side(before), side(after)])
    of_three = pairwise([side(before), side(after), side(before)])
    assert [(one.first, one.second) for one in of_three] == [(0, 1), (0, 2), (1, 2)]
    assert of_three[0].p_value == pytest.approx(3 * alone.p_value)


def test_many_cases_agree_with_few() -> None:
    """The normal approximation for many cases agrees with the permutations."""
    rng = np.random.default_rng(7)
    before = rng.random(MANY_CASES)
    after = np.clip(before + rng.normal(-0.004, 0.1, MANY_CASES), 0, 1)
    (normal,) = pairwise([side(list(before)), side(list(after))])
    (permuted,) = pairwise([side(list(before[1:])), side(list(after[1:]))])
    assert normal.p_value == pytest.approx(permuted.p_value, abs=0.03)
    assert 0.001 < normal.p_value < 0.5
