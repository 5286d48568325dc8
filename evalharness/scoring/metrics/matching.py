"""The largest number of pairs between two lists, in any order and in order.

`fits` has a number for each item of the first list: its bit j is set if the item fits item j of the second list. The
first list must be short, at most a few hundred items; the second one costs one bit an item.
"""

from __future__ import annotations

from collections.abc import Sequence


def most_pairs(fits: Sequence[int]) -> dict[int, int]:
    """Return a maximum matching: items of the first list with those of the second (Kuhn 1955, augmenting paths).

    An item of the first list that can be matched together with all matched ones before it is matched.
    """
    matching = _Matching(fits)
    for item in range(len(fits)):
        matching.add(item)
    return {item: other for other, item in matching.partners.items()}


class _Matching:
    def __init__(self, fits: Sequence[int]) -> None:
        self._fits = fits
        self.partners: dict[int, int] = {}
        """Items of the second list -> items of the first."""
        self._taken = self._seen = 0

    def add(self, item: int) -> None:
        """Match one more item, if the others can move to make room."""
        self._seen = 0
        self._place(item)

    def _place(self, item: int) -> bool:
        if free := self._fits[item] & ~self._taken:
            self._taken |= 1 << _lowest(free)
            self.partners[_lowest(free)] = item
            return True
        while options := self._fits[item] & ~self._seen:
            other = _lowest(options)
            self._seen |= 1 << other
            if self._place(self.partners[other]):
                self.partners[other] = item
                return True
        return False


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def most_in_order(fits: Sequence[int], length: int) -> int:
    """Return the number of pairs of a longest common subsequence; `length` is that of the second list.

    Hyyrö 2004, "Bit-parallel LCS-length computation revisited", which takes any relation between the items.
    """
    mask = (1 << length) - 1
    row = mask
    for hits in fits:
        row = ((row + (row & hits)) | (row & ~hits)) & mask
    return (row ^ mask).bit_count()
