"""Windows over a long text, and one vector from theirs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.scoring.metrics.windows import MAX_WINDOWS, pooled, spans


@pytest.mark.parametrize(
    ("length", "size", "expected"),
    [
        (0, 8, [(0, 0)]),
        (8, 8, [(0, 8)]),
        (9, 8, [(0, 8), (6, 9)]),
        (20, 8, [(0, 8), (6, 14), (12, 20)]),
        (3, 1, [(0, 1), (1, 2), (2, 3)]),
    ],
)
def test_spans(length: int, size: int, expected: list[tuple[int, int]]) -> None:
    """Windows overlap by a quarter and end with the text."""
    assert list(spans(length, size)) == expected


@given(st.integers(0, 2_000), st.integers(1, 300))
def test_windows_cover_the_text(length: int, size: int) -> None:
    """No unit is left out up to the limit, and no window is longer than its size."""
    found = list(spans(length, size))
    assert found[0][0] == 0
    assert all(end - start <= size for start, end in found)
    assert all(following <= end for (_, end), (following, _) in pairwise(found))
    assert found[-1][1] == length or len(found) == MAX_WINDOWS


def test_pooled() -> None:
    """The mean is weighted by length and has length 1; one vector stays as it is."""
    east, north = np.array([1, 0], dtype="<f4"), np.array([0, 1], dtype="<f4")
    assert list(pooled([east, north], [3, 4])) == pytest.approx([0.6, 0.8])
    assert pooled([east], [5]) is east
