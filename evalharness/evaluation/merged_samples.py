"""The samples of several records in the order of one plan. Those of large records stay in their files."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Sequence
from typing import overload

from evalharness.records import Sample, SampleKey
from evalharness.records.marks import marked_keys
from evalharness.records.planned import PlannedKeys


class MergedSamples(Sequence[Sample]):
    """The samples of all parts, as one run would have recorded them: the planned ones, then the reruns of each case."""

    def __init__(
        self, parts: Sequence[Sequence[Sample]], planned: PlannedKeys, without: Collection[SampleKey] = ()
    ) -> None:
        """The samples in `without` are left out."""
        self._parts, slots = parts, _Slots(len(planned))
        others: list[tuple[tuple[str, int, int], int, int]] = []
        for part, samples in enumerate(parts):
            for index, key in enumerate(marked_keys(samples)):
                if key not in without and not slots.fill(planned.place(key), part, index):
                    others.append((_rank(key, planned), part, index))
        self._part, self._place = slots.filled()
        self._part.extend(part for _, part, _ in sorted(others))
        self._place.extend(index for _, _, index in sorted(others))

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


class _Slots:
    """The part and the place of each planned sample, in eight bytes each."""

    def __init__(self, size: int) -> None:
        self._part, self._place = array("I", bytes(4 * size)), array("I", bytes(4 * size))

    def fill(self, slot: int | None, part: int, place: int) -> bool:
        """Note where a planned sample is. Returns False for another sample, and for a second one of the same key."""
        if slot is None or self._part[slot]:
            return False
        self._part[slot], self._place[slot] = part + 1, place
        return True

    def filled(self) -> tuple[array[int], array[int]]:
        """Parts and places of the samples that there are, in the order of the plan."""
        pairs = zip(self._part, self._place, strict=True)
        return array("I", (part - 1 for part in self._part if part)), array("I", (at for part, at in pairs if part))


def first_place(planned: PlannedKeys, case: str, prompt: str, model: str) -> int:
    """The place of a case, prompt and model in the plan; -1 if it is not planned."""
    place = planned.place(SampleKey(case, prompt, model, 0))
    return -1 if place is None else place


def _rank(key: SampleKey, planned: PlannedKeys) -> tuple[str, int, int]:
    return key.purpose, first_place(planned, *key[:3]), key.repeat
