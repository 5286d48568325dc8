"""The samples of a run: in memory while they are few, and in the record on disk beyond that.

A sample in memory takes several kilobytes; one in the record takes about 150 bytes of index, with its numbers. Reading
it takes about ten microseconds.
"""

from __future__ import annotations

import os
import weakref
from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from typing import overload

from evalharness.records import Purpose, Sample, SampleKey
from evalharness.records.marks import CaseFacts, IndexedSamples, level_of, marks_of
from evalharness.records.numbers import Numbers, numbers_of
from evalharness.records.response import key_of
from evalharness.store.number_columns import NumberColumns, Shared

IN_MEMORY = 20_000
"""Samples of one run that are kept as objects."""
_AT_ONCE = 1 << 20
"""Bytes of the record that an iteration reads at once."""
Decode = Callable[[bytes], Sample]


class SampleLog(Sequence[Sample]):
    """The samples that a record has so far, in order."""

    def __init__(self, opened: Callable[[], int], decode: Decode) -> None:
        """`opened` opens the record for reading; `decode` returns the sample of a line."""
        self._opened, self._decode = opened, decode
        self._few: list[Sample] = []
        self._offsets = array("Q")
        self._index: _Index | None = None
        self._latest: StoredSamples | None = None

    def append(self, sample: Sample, start: int, end: int) -> None:
        """Append a sample whose line is in these bytes of the record."""
        self._offsets.append(start)
        if self._index is not None:
            self._index.append(sample, end)
            return
        self._few.append(sample)
        if len(self._few) > IN_MEMORY:
            self._index = _Index(StoredFile(self._opened()), self._offsets, self._decode)
            for one in self._few:
                self._index.append(one, end)
            self._few = []

    def so_far(self) -> Sequence[Sample]:
        """The samples so far. Later ones do not appear in it."""
        if self._index is None:
            return tuple(self._few)
        size = len(self._index.marks)
        if self._latest is None or len(self._latest) < size:  # the same ones know what was found out about them
            self._latest = StoredSamples(self._index, size)
        return self._latest

    def __len__(self) -> int:
        return len(self._offsets)

    @overload
    def __getitem__(self, place: int) -> Sample: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Sample]: ...
    def __getitem__(self, place: int | slice) -> Sample | Sequence[Sample]:
        return self.so_far()[place] if self._index else self._few[place]

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.so_far())


def so_far(samples: Sequence[Sample]) -> Sequence[Sample]:
    """The samples without those that are added later."""
    return samples.so_far() if isinstance(samples, SampleLog) else samples


class StoredFile:
    """An open file of lines, closed with its last reader. Its bytes stay while a later run replaces it."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        weakref.finalize(self, os.close, handle)

    def read(self, start: int, end: int) -> bytes:
        """The bytes from start to end."""
        found = b""
        while len(found) < end - start and (
            piece := os.pread(self._handle, end - start - len(found), start + len(found))
        ):
            found += piece
        return found


class _Index:
    """Where each sample is in a record, with its marks and its key."""

    def __init__(self, file: StoredFile, offsets: array[int], decode: Decode) -> None:
        self.file, self.offsets, self.decode, self.end = file, offsets, decode, 0
        self.marks, self.levels, self.metrics = array("I"), array("d"), dict[str, None]()
        self.numbers = NumberColumns()
        self._cases: list[str] = []
        self._digests, self._repeats = array("q"), array("I")
        self._settings, self._groups = Shared[tuple[str, str, Purpose]](), Shared[tuple[tuple[str, ...], str]]()

    def append(self, sample: Sample, end: int) -> None:
        """Append what is known of a sample; its line ends before `end`."""
        key = sample.key
        self.marks.append(marks_of(sample))
        self.levels.append(level_of(sample))
        self.numbers.append(numbers_of(sample))
        self._cases.append(key.case)
        self._digests.append(hash(sample.digest))
        self._repeats.append(key.repeat)
        self._settings.append((key.prompt, key.model, key.purpose))
        self._groups.append((sample.tags, sample.cluster))
        for score in sample.scores:
            self.metrics.setdefault(score.metric)
        self.end = end

    def key(self, place: int) -> SampleKey:
        """The key of a sample."""
        prompt, model, purpose = self._settings[place]
        return SampleKey(self._cases[place], prompt, model, self._repeats[place], purpose)

    def keys(self, size: int) -> Iterator[SampleKey]:
        """The keys of the first samples."""
        numbers = self._settings.numbers[:size]
        parts = zip(*self._settings.values, strict=True)  # all steps in C, for a million keys
        prompts, models, purposes = [map(part.__getitem__, numbers) for part in parts] or ((), (), ())
        return map(key_of, zip(self._cases, prompts, models, self._repeats, purposes, strict=False))

    def facts(self, place: int) -> CaseFacts:
        """What a sample has of its case."""
        return CaseFacts(*self._groups[place], self._digests[place])

    def end_of(self, place: int) -> int:
        """Where the line of a sample has ended at the latest: at the start of the next one."""
        return self.offsets[place + 1] if place + 1 < len(self.offsets) else self.end


class StoredSamples(IndexedSamples):
    """The first samples of a record."""

    def __init__(self, index: _Index, size: int) -> None:
        self._index, self._size = index, size

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, place: int) -> Sample: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Sample, ...]: ...
    def __getitem__(self, place: int | slice) -> Sample | tuple[Sample, ...]:
        places, index = range(self._size)[place], self._index
        if isinstance(places, range):
            return tuple(map(self.__getitem__, places))
        return index.decode(index.file.read(index.offsets[places], index.end_of(places)))

    def __iter__(self) -> Iterator[Sample]:
        index, place = self._index, 0
        while place < self._size:
            start = index.offsets[place]
            until = min(max(place + 1, bisect_right(index.offsets, start + _AT_ONCE) - 1), self._size)
            data = index.file.read(start, index.end_of(until - 1))
            for one in range(place, until):
                yield index.decode(data[index.offsets[one] - start : index.end_of(one) - start])
            place = until

    @property
    def marks(self) -> Sequence[int]:
        """The marks of each sample, as bits."""
        return self._index.marks[: self._size]

    @property
    def levels(self) -> Sequence[float]:
        """The mean of each sample's finite scores; 0 without one."""
        return self._index.levels[: self._size]

    @property
    def metrics(self) -> Collection[str]:
        """The metrics of the scores, in the order of their first use."""
        return self._index.metrics

    @cached_property
    def repeats(self) -> bool:
        """Whether a case has several samples with one model and prompt."""
        import numpy as np  # a list of a million numbers would take forty megabytes

        ordered = np.sort(np.fromiter((hash(key[:3]) for key in self.keys()), np.int64, self._size))
        return bool((ordered[1:] == ordered[:-1]).any())

    def key(self, index: int) -> SampleKey:
        """The key of a sample."""
        return self._index.key(index)

    def keys(self) -> Iterator[SampleKey]:
        """Yield the key of each sample."""
        return self._index.keys(self._size)

    def facts(self, index: int) -> CaseFacts:
        """What a sample has of its case."""
        return self._index.facts(index)

    def mark(self, index: int) -> int:
        """The marks of one sample."""
        return self._index.marks[index]

    def numbers(self, index: int) -> Numbers:
        """The numbers of a sample."""
        return self._index.numbers[index]
