"""The numbers of a gate by case, in one array: eight bytes each."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate


class CaseNumbers(Mapping[str, Sequence[float]]):
    """Case id -> its numbers, in order. A case may have none."""

    def __init__(self, cases: Sequence[str], sizes: array[int], flat: array[float]) -> None:
        """`sizes`: how many of the numbers each case has."""
        self.cases, self.sizes, self.flat = cases, sizes, flat

    @classmethod
    def of(cls, runs: Mapping[str, Sequence[float]]) -> CaseNumbers:
        """The same numbers."""
        return runs if isinstance(runs, cls) else cls.collected(list(runs), runs.__getitem__)

    @classmethod
    def collected(cls, cases: Sequence[str], numbers: Callable[[str], Iterable[float]]) -> CaseNumbers:
        """The numbers that a function returns for each case."""
        sizes, flat = array("I"), array("d")
        for case in cases:
            before = len(flat)
            flat.extend(numbers(case))
            sizes.append(len(flat) - before)
        return cls(cases, sizes, flat)

    def mapped(self, change: Callable[[float], float]) -> CaseNumbers:
        """The numbers after a function."""
        return CaseNumbers(self.cases, self.sizes, array("d", map(change, self.flat)))

    def runs(self) -> Iterator[Sequence[float]]:
        """Yield the numbers of each case."""
        start = 0
        for size in self.sizes:
            yield self.flat[start : start + size]
            start += size

    def __getitem__(self, case: str) -> Sequence[float]:
        row = self._rows[case]
        return self.flat[self._starts[row] : self._starts[row] + self.sizes[row]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.cases)

    def __len__(self) -> int:
        return len(self.cases)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {case: row for row, case in enumerate(self.cases)}

    @cached_property
    def _starts(self) -> array[int]:
        return array("Q", accumulate(self.sizes, initial=0))
