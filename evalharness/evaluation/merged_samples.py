"""The samples of several records in the order of one plan. Those of large records stay in their files."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import overload

from evalharness.records import Sample, SampleKey
from evalharness.records.marks import marked_keys

Place = tuple[int, str, int, int]


class MergedSamples(Sequence[Sample]):
    """The samples of all parts, as one run would have recorded them: the planned ones, then the reruns of each case."""

    def __init__(
        self,
        parts: Sequence[Sequence[Sample]],
        planned: Mapping[SampleKey, int],
        without: Collection[SampleKey] = (),
    ) -> None:
        """`planned` maps each planned sample to its place in the plan. The samples in `without` are left out."""
        self._parts, first = parts, first_places(planned)
        found = sorted(
            (_place(key, planned, first), part, place)
            for part, samples in enumerate(parts)
            for place, key in enumerate(marked_keys(samples))
            if key not in without
        )
        self._part, self._place = array("I", (one[1] for one in found)), array("I", (one[2] for one in found))

    def __len__(self) -> int:
        return len(self._part)

    def __iter__(self) -> Iterator[Sample]:
        return (self._parts[part][place] for part, place in zip(self._part, self._place, strict=True))

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | Sequence[Sample]:
        if isinstance(index, slice):
            return tuple(self[place] for place in range(*index.indices(len(self))))
        return self._parts[self._part[index]][self._place[index]]


def first_places(planned: Mapping[SampleKey, int]) -> dict[tuple[str, str, str], int]:
    """The first place of each case, prompt and model in the plan."""
    return {key[:3]: place for key, place in planned.items() if not key.repeat}


def _place(key: SampleKey, planned: Mapping[SampleKey, int], first: Mapping[tuple[str, str, str], int]) -> Place:
    if (place := planned.get(key)) is not None:
        return -1, "", place, 0
    return 0, key.purpose, first.get(key[:3], -1), key.repeat
