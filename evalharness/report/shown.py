"""Which samples a page shows: all of them, or the telling ones of a large run."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest, nsmallest

from evalharness.records import Sample, SampleKey
from evalharness.records.marks import Mark, levels_in, marked_keys, marks_in
from evalharness.report.columns import Column

MOST_ROWS = 40_000
"""Samples on one page: a browser opens it in seconds, and the file has a few megabytes."""
QUOTA = MOST_ROWS // 5
"""Samples that are shown for one reason."""
_ERROR, _BAD = int(Mark.ERROR), int(Mark.ERROR | Mark.FAILED | Mark.BROKEN)
_Place = tuple[int, int]
"""A column, and a sample in it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The samples of a page, each with the number of its column, in the order of the columns."""

    samples: Sequence[tuple[int, Sample]]
    left_out: str = ""
    """What is shown of the samples, if that is not all of them."""


def shown_of(columns: Sequence[Column], changed: Collection[SampleKey] = (), seed: str = "") -> Shown:
    """The samples to show.

    `changed`: keys of the samples with the largest changes against the baseline. `seed` of the random choice.
    """
    total = sum(len(column.samples) for column in columns)
    if total <= MOST_ROWS:
        return Shown([(index, sample) for index, column in enumerate(columns) for sample in column.samples])
    choice = _Choice(columns)
    choice.add("with an error or a broken assertion", choice.bad())
    choice.add("with the largest changes", choice.of_keys(frozenset(changed)))
    choice.add("with the lowest scores", choice.lowest())
    choice.add("with the highest scores", choice.highest())
    choice.add(f"chosen at random (seed {seed})", choice.at_random(seed))
    samples = [(column, columns[column].samples[place]) for column, place in sorted(choice.places)]
    reasons = ", ".join(choice.reasons)
    return Shown(samples, f"{len(samples):,} of {total:,} samples: {reasons}; all are in run.jsonl")


class _Choice:
    """The places of the chosen samples, and how many there are for each reason."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._levels = [levels_in(column.samples) for column in columns]
        self.places: set[_Place] = set()
        self.reasons: list[str] = []

    def add(self, reason: str, places: Iterable[_Place]) -> None:
        """Choose the first of these places, as far as they are not chosen already."""
        before = len(self.places)
        for place in places:
            if len(self.places) - before >= QUOTA:
                break
            self.places.add(place)
        if found := len(self.places) - before:
            self.reasons.append(f"{found:,} {reason}")

    def bad(self) -> Iterator[_Place]:
        """Yield the samples with an error, then those that break an assertion."""
        for wanted in (_ERROR, _BAD):
            for number, column in enumerate(self._columns):
                for place, marks in enumerate(marks_in(column.samples)):
                    if marks & wanted:
                        yield number, place

    def of_keys(self, keys: Collection[SampleKey]) -> Iterator[_Place]:
        """Yield the samples with these keys."""
        for number, column in enumerate(self._columns if keys else ()):
            for place, key in enumerate(marked_keys(column.samples)):
                if key in keys:
                    yield number, place

    def lowest(self) -> list[_Place]:
        """Return the samples with the lowest mean score."""
        return nsmallest(QUOTA, self._others(), key=self._level)

    def highest(self) -> list[_Place]:
        """Return the samples with the highest mean score."""
        return nlargest(QUOTA, self._others(), key=self._level)

    def at_random(self, seed: str) -> Iterator[_Place]:
        """Yield other samples in random order."""
        sizes = [len(column.samples) for column in self._columns]
        generator = random.Random(seed)  # noqa: S311 - a page that can be made again, no secret
        for place in generator.sample(range(sum(sizes)), min(2 * MOST_ROWS, sum(sizes))):
            if (found := _in_columns(place, sizes)) not in self.places:
                yield found

    def _others(self) -> Iterator[_Place]:
        every = ((number, place) for number, levels in enumerate(self._levels) for place in range(len(levels)))
        return (place for place in every if place not in self.places)

    def _level(self, place: _Place) -> float:
        return self._levels[place[0]][place[1]]


def _in_columns(place: int, sizes: Sequence[int]) -> _Place:
    """The column and the place in it, of a place in all columns together."""
    for number, size in enumerate(sizes):
        if place < size:
            return number, place
        place -= size
    raise IndexError(place)
