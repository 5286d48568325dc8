"""The scale of a chart in the history."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.report.history_axis import ticks


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        ([64.2, 74.4], "points", [60, 65, 70, 75]),
        ([50.0], "points", [49, 50, 51]),  # noise and constants look flat
        ([0.0, 0.0], "points", [0, 1, 2]),
        ([100.0, 99.5], "points", [98, 99, 100]),
        ([0.301, 0.309], "s", [0.29, 0.3, 0.31, 0.32]),
        ([20, 27], "tokens", [20, 25, 30]),
        ([0.0], "USD", [0, 0.5, 1]),
    ],
)
def test_round_numbers(values: list[float], unit: str, expected: list[float]) -> None:
    """The scale has a few round numbers, and is not stretched over small differences."""
    assert ticks(values, unit) == pytest.approx(expected)


@given(
    st.lists(st.floats(0, 1e9).map(lambda value: value if value > 1e-6 else 0.0), min_size=1),
    st.sampled_from(["points", "s", "tokens", "USD"]),
)
def test_all_values_are_inside(values: list[float], unit: str) -> None:
    """The first and the last number enclose all values, and there are at most six."""
    values = [min(value, 100.0) for value in values] if unit == "points" else values
    found = ticks(values, unit)
    assert found[0] <= min(values) + 1e-9 * max(values)
    assert found[-1] >= max(values) * (1 - 1e-9)
    assert 2 <= len(found) <= 6
    assert all(before < after for before, after in pairwise(found))
