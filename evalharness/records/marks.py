"""What a sample is, in bits: a report on the errors of a million samples reads only those with an error.

The samples of a large run stay in its record on disk (`store/stored_samples.py`). Their marks, keys and numbers are in
memory. The functions of this module take such samples, and any other sequence.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import IntFlag, auto
from itertools import compress
from typing import NamedTuple

from evalharness.records.numbers import Numbers, numbers_of
from evalharness.records.response import SampleKey
from evalharness.records.sample import Sample


class Mark(IntFlag):
    """A property of a sample."""

    NONE = 0
    ANY = auto()
    """Every sample has it."""
    ANSWERED = auto()
    """There is a response, scored by every metric that applies."""
    RESPONDED = auto()
    """There is a response."""
    ERROR = auto()
    FAILED = auto()
    """A hard assertion does not hold."""
    BROKEN = auto()
    """Another assertion does not hold."""
    INAPPLICABLE = auto()
    """A metric does not apply."""
    PLANNED = auto()
    CONFIRM = auto()
    RERUN = auto()
    REPLAYED = auto()
    """The response was generated in an earlier run."""
    IMPORTED = auto()
    """The response, or a reply to a metric, is from an imported recording."""
    CUT = auto()
    """The response ended at `max_tokens`."""
    NOTED = auto()
    """A score has a note."""
    CALLS = auto()
    """The response has tool calls."""
    FILES = auto()
    """A message has attachments."""
    CLUSTERED = auto()
    """The case belongs to a cluster."""
    RETRIED = auto()
    """The request was sent more than once."""
    SHARED = auto()
    """The response is that of another sample, or of a prompt cache."""
    ESTIMATED = auto()
    """The endpoint did not count the tokens."""


_TESTS: Mapping[Mark, Callable[[Sample], object]] = {
    Mark.ANY: lambda _: True,
    Mark.ANSWERED: lambda one: one.answered,
    Mark.RESPONDED: lambda one: one.response is not None,
    Mark.ERROR: lambda one: one.error is not None,
    Mark.FAILED: lambda one: one.failed_checks,
    Mark.BROKEN: lambda one: one.failed_stable or one.violations,
    Mark.INAPPLICABLE: lambda one: one.not_applicable,
    Mark.PLANNED: lambda one: one.key.purpose == "planned",
    Mark.CONFIRM: lambda one: one.key.purpose == "confirm",
    Mark.RERUN: lambda one: one.key.purpose == "rerun",
    Mark.REPLAYED: lambda one: one.recorded_at,
    Mark.IMPORTED: lambda one: one.recorded_from,
    Mark.CUT: lambda one: one.response is not None and one.response.finish_reason == "length",
    Mark.NOTED: lambda one: any(score.note for score in one.scores),
    Mark.CALLS: lambda one: one.response is not None and one.response.tool_calls,
    Mark.FILES: lambda one: any(message.attachments for message in one.messages),
    Mark.CLUSTERED: lambda one: one.cluster,
    Mark.RETRIED: lambda one: one.attempts > 1,
    Mark.SHARED: lambda one: one.attempts == 0 or (one.response is not None and one.response.usage.cached_tokens > 0),
    Mark.ESTIMATED: lambda one: one.response is not None and one.response.usage.estimated,
}


_USUAL = Mark.ANY | Mark.ANSWERED | Mark.RESPONDED | Mark.PLANNED
"""Marks of most samples."""


def marks_of(sample: Sample) -> int:
    """The marks of a sample, as bits."""
    found = 0
    for mark, holds in _PAIRS:
        if holds(sample):
            found |= mark
    return found


_PAIRS = tuple((int(mark), holds) for mark, holds in _TESTS.items())


class CaseFacts(NamedTuple):
    """What a sample has of its case."""

    tags: tuple[str, ...]
    cluster: str
    digest: int
    """Python's hash of the digest: equal digests have equal ones in a process, and it takes eight bytes."""


class IndexedSamples(Sequence[Sample]):
    """Samples that are read from a file when they are needed. Their marks, keys and numbers are in memory."""

    @property
    @abstractmethod
    def marks(self) -> Sequence[int]:
        """The marks of each sample, as bits."""

    @property
    @abstractmethod
    def metrics(self) -> Collection[str]:
        """The metrics of the scores, in the order of their first use."""

    @property
    @abstractmethod
    def levels(self) -> Sequence[float]:
        """The mean of each sample's finite scores; 0 without one."""

    @property
    @abstractmethod
    def repeats(self) -> bool:
        """Whether a case has several samples with one model and prompt."""

    @abstractmethod
    def key(self, index: int) -> SampleKey:
        """The key of a sample."""

    def keys(self) -> Iterator[SampleKey]:
        """Yield the key of each sample."""
        return map(self.key, range(len(self)))

    @abstractmethod
    def facts(self, index: int) -> CaseFacts:
        """What a sample has of its case."""

    @abstractmethod
    def mark(self, index: int) -> int:
        """The marks of one sample."""

    @abstractmethod
    def numbers(self, index: int) -> Numbers:
        """The numbers of a sample."""

    def places(self, wanted: Mark, without: Mark) -> Iterator[int]:
        """Yield the place of each sample that has one of the wanted marks, and none of the others."""
        take, leave = int(wanted), int(without)
        return (place for place, marks in enumerate(self.marks) if marks & take and not marks & leave)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return self is other or (len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True)))

    __hash__ = None  # type: ignore[assignment]


def marked(samples: Sequence[Sample], wanted: Mark, without: Mark = Mark.NONE) -> Iterator[Sample]:
    """Yield the samples that have one of the wanted marks, and none of the others, in order."""
    if isinstance(samples, IndexedSamples):
        return map(samples.__getitem__, samples.places(wanted, without))
    return _tested(samples, wanted, without)


def marked_keys(samples: Sequence[Sample], wanted: Mark = Mark.ANY, without: Mark = Mark.NONE) -> Iterator[SampleKey]:
    """Yield the keys of these samples, in order."""
    if isinstance(samples, IndexedSamples):
        return _indexed_keys(samples, wanted, without)
    return (sample.key for sample in _tested(samples, wanted, without))


def _indexed_keys(samples: IndexedSamples, wanted: Mark, without: Mark) -> Iterator[SampleKey]:
    if not wanted & _USUAL:
        return map(samples.key, samples.places(wanted, without))
    if wanted & Mark.ANY and not without:
        return samples.keys()
    take, leave = int(wanted), int(without)
    return compress(samples.keys(), (marks & take and not marks & leave for marks in samples.marks))


def count_marked(samples: Sequence[Sample], wanted: Mark, without: Mark = Mark.NONE) -> int:
    """The number of these samples."""
    if isinstance(samples, IndexedSamples):
        return sum(1 for _ in samples.places(wanted, without))
    return sum(1 for _ in _tested(samples, wanted, without))


def has_marked(samples: Sequence[Sample], wanted: Mark, without: Mark = Mark.NONE) -> bool:
    """Whether a sample has one of the wanted marks, and none of the others."""
    return next(marked_keys(samples, wanted, without), None) is not None


def may_repeat(samples: Sequence[Sample]) -> bool:
    """Whether a case may have several samples with one model and prompt."""
    return samples.repeats if isinstance(samples, IndexedSamples) else True


def level_of(sample: Sample) -> float:
    """The mean of the sample's finite scores; 0 without one."""
    values = [score.value for score in sample.scores if math.isfinite(score.value)]
    return sum(values) / len(values) if values else 0.0


def marks_in(samples: Sequence[Sample]) -> Sequence[int]:
    """The marks of each sample, as bits."""
    return samples.marks if isinstance(samples, IndexedSamples) else array("I", map(marks_of, samples))


def levels_in(samples: Sequence[Sample]) -> Sequence[float]:
    """The `level_of` each sample."""
    return samples.levels if isinstance(samples, IndexedSamples) else array("d", map(level_of, samples))


def numbers_in(samples: Sequence[Sample], wanted: Mark) -> Iterator[tuple[int, Numbers]]:
    """Yield the marks of each sample, these at least, and its numbers."""
    if isinstance(samples, IndexedSamples):
        return zip(samples.marks, map(samples.numbers, range(len(samples))), strict=True)
    tests = [(mark, holds) for mark, holds in _PAIRS if mark & wanted]
    return ((sum([mark for mark, holds in tests if holds(sample)]), numbers_of(sample)) for sample in samples)


def metrics_of(samples: Sequence[Sample]) -> Collection[str]:
    """The metrics of the samples' scores, in the order of their first use."""
    if isinstance(samples, IndexedSamples):
        return samples.metrics
    return dict.fromkeys(score.metric for sample in samples for score in sample.scores)


def _tested(samples: Sequence[Sample], wanted: Mark, without: Mark) -> Iterator[Sample]:
    """These samples, without the marks of each: few are tested for more than one."""
    if wanted is Mark.ANY and not without:
        return iter(samples)
    if not without and wanted in _TESTS:
        return filter(_TESTS[wanted], samples)
    takes, leaves = ([_TESTS[mark] for mark in some] for some in (wanted, without))
    return (
        sample
        for sample in samples
        if any(holds(sample) for holds in takes) and not any(holds(sample) for holds in leaves)
    )
