"""Matchings are as large as those of scipy and of the textbook."""

from __future__ import annotations

from functools import cache

import numpy as np
from hang import in_time
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from evalharness.scoring.metrics.matching import most_in_order, most_pairs

_LENGTH = 7
_FITS = st.lists(st.integers(0, 2**_LENGTH - 1), max_size=8)


@given(_FITS)
def test_any_order(fits: list[int]) -> None:
    """Each pair fits, no item has two partners, and there are as many pairs as in scipy's assignment."""
    pairs = most_pairs(fits)
    assert all(fits[item] >> other & 1 for item, other in pairs.items())
    assert len(set(pairs.values())) == len(pairs)
    table = np.array([[number >> other & 1 for other in range(_LENGTH)] for number in fits]).reshape(-1, _LENGTH)
    rows, columns = linear_sum_assignment(table, maximize=True)
    assert len(pairs) == table[rows, columns].sum()


@given(_FITS)
def test_the_first_items_are_matched(fits: list[int]) -> None:
    """An item is left out only if all items before it that are matched leave it no partner."""
    pairs = most_pairs(fits)
    for item in set(range(len(fits))) - pairs.keys():
        before = [fits[one] for one in range(item) if one in pairs]
        assert len(most_pairs([*before, fits[item]])) == len(before)


@given(_FITS)
def test_in_order(fits: list[int]) -> None:
    """The number of pairs is that of the textbook's recursion (Cormen et al., chapter 15.4)."""

    @cache
    def longest(item: int, other: int) -> int:
        if item == len(fits) or other == _LENGTH:
            return 0
        skipped = max(longest(item + 1, other), longest(item, other + 1))
        return max(skipped, 1 + longest(item + 1, other + 1)) if fits[item] >> other & 1 else skipped

    assert most_in_order(fits, _LENGTH) == longest(0, 0)


def test_long_lists() -> None:
    """Two hundred items against ten thousand take a moment, also if all fit or all compete for a few."""
    everything = (1 << 10_000) - 1
    with in_time():
        assert len(most_pairs([everything] * 200)) == 200
        assert len(most_pairs([(1 << 150) - 1] * 200)) == 150
        assert most_in_order([everything] * 200, 10_000) == 200
