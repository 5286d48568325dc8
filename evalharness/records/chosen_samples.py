"""Some of the samples of a run, in any order."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from typing import overload

from evalharness.records.marks import CaseFacts, IndexedSamples, metrics_of
from evalharness.records.numbers import Numbers
from evalharness.records.response import SampleKey
from evalharness.records.sample import Sample


def chosen(samples: Sequence[Sample], places: Iterable[int]) -> Sequence[Sample]:
    """The samples at these places: a tuple, or a sequence that reads them when they are needed."""
    if isinstance(samples, IndexedSamples):
        return _Chosen(samples, array("I", places))
    return tuple(samples[place] for place in places)


class _Chosen(IndexedSamples):
    """Samples of another sequence, by their places."""

    def __init__(self, samples: IndexedSamples, places: array[int]) -> None:
        self._samples, self._places = samples, places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> Sample: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Sample]: ...
    def __getitem__(self, place: int | slice) -> Sample | Sequence[Sample]:
        if isinstance(place, slice):
            return _Chosen(self._samples, self._places[place])
        return self._samples[self._places[place]]

    def __iter__(self) -> Iterator[Sample]:
        if self._is_everything:
            return iter(self._samples)
        return map(self._samples.__getitem__, self._places)

    @cached_property
    def _is_everything(self) -> bool:
        return len(self._places) == len(self._samples) and all(a == b for a, b in enumerate(self._places))

    @property
    def marks(self) -> Sequence[int]:
        """The marks of each sample, as bits."""
        marks = self._samples.marks
        return array("I", (marks[place] for place in self._places))

    @property
    def levels(self) -> Sequence[float]:
        """The mean of each sample's finite scores; 0 without one."""
        levels = self._samples.levels
        return array("d", (levels[place] for place in self._places))

    @property
    def metrics(self) -> Collection[str]:
        """The metrics of all samples that these are chosen from."""
        return metrics_of(self._samples)

    @property
    def repeats(self) -> bool:
        """Whether a case has several samples with one model and prompt, of all that these are chosen from."""
        return self._samples.repeats

    def key(self, index: int) -> SampleKey:
        """The key of a sample."""
        return self._samples.key(self._places[index])

    def keys(self) -> Iterator[SampleKey]:
        """Yield the key of each sample."""
        return self._samples.keys() if self._is_everything else super().keys()

    def facts(self, index: int) -> CaseFacts:
        """What a sample has of its case."""
        return self._samples.facts(self._places[index])

    def mark(self, index: int) -> int:
        """The marks of one sample."""
        return self._samples.mark(self._places[index])

    def numbers(self, index: int) -> Numbers:
        """The numbers of a sample."""
        return self._samples.numbers(self._places[index])
