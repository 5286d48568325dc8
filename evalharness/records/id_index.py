"""The places of unique ids in a sequence, in about ten bytes for each of a million."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

MOST_IN_DICT = 200_000
"""Ids whose places a dict holds: it is faster, and takes about a hundred bytes for each."""


class IdIndex(Collection[str]):
    """Unique ids in order. An id that occurs again keeps its first place, and is one of the `repeated`."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = ids
        self.repeated: dict[str, None] = {}
        self._known: dict[str, int] | None = {} if len(ids) <= MOST_IN_DICT else None
        self._table = array("i", [-1]) * (1 << (2 * len(ids)).bit_length() if self._known is None else 0)
        """At the hash of an id, or at the next free place after it: its place in `ids`."""
        self.place: Callable[[Any], int | None] = self._find if self._known is None else self._known.get
        """Returns the place of an id; None for an unknown one."""
        for place, one in enumerate(ids):
            if self._add(one, place) != place:
                self.repeated[one] = None

    def _find(self, one: object) -> int | None:
        return found if (found := self._table[self._slot(one)]) >= 0 else None

    def _add(self, one: str, place: int) -> int:
        """The place of an id, which is this one if it is new."""
        if self._known is not None:
            return self._known.setdefault(one, place)
        slot = self._slot(one)
        if self._table[slot] < 0:
            self._table[slot] = place
        return self._table[slot]

    def _slot(self, one: object) -> int:
        table, ids, mask = self._table, self.ids, len(self._table) - 1
        slot = hash(one) & mask
        while (place := table[slot]) >= 0 and ids[place] != one:
            slot = (slot + 1) & mask
        return slot

    def __contains__(self, one: object) -> bool:
        return self.place(one) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)
