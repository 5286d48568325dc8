"""The samples of one model and prompt by case, without the reruns.

Those of a large run are read from its record each time that they are needed. What is asked of every case (its tags, its
cluster, whether it was edited) needs no reading.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from evalharness.records import BaselineCase, BaselineSample, IdIndex, IndexedCases, Run, Sample
from evalharness.records.marks import CaseFacts, IndexedSamples, Mark, has_marked, marked, may_repeat
from evalharness.records.numbers import Numbers

CaseSamples = Mapping[str, Sequence[Sample]]
"""Case id -> its samples, in the order of the record."""


def samples_by_case(run: Run, model: str, prompt: str) -> CaseSamples:
    """The samples of a model and prompt."""
    if isinstance(run.samples, IndexedSamples):
        return _stored_cases(run.samples, model, prompt)
    found: dict[str, list[Sample]] = {}
    for sample in marked(run.samples, Mark.ANY, Mark.RERUN):
        if (sample.key.model, sample.key.prompt) == (model, prompt):
            found.setdefault(sample.key.case, []).append(sample)
    return found


def tags_of(samples: CaseSamples, case: str) -> tuple[str, ...]:
    """The tags of a case."""
    return samples.about(case).tags if isinstance(samples, StoredCases) else samples[case][0].tags


def cluster_of(samples: CaseSamples, case: str) -> str:
    """The cluster of a case; empty if it has none."""
    return samples.about(case).cluster if isinstance(samples, StoredCases) else samples[case][0].cluster


def is_unedited(samples: CaseSamples, case: str, known: Mapping[str, BaselineCase]) -> bool:
    """Whether each sample of a case has the digest of the known case."""
    if isinstance(samples, StoredCases):
        digest = known.digest_hash(case) if isinstance(known, IndexedCases) else hash(known[case].digest)
        return samples.has_digest(case, digest)
    return {sample.digest for sample in samples[case]} == {known[case].digest}


def has_mark(samples: CaseSamples, mark: Mark) -> bool:
    """Whether a sample has this mark."""
    if isinstance(samples, StoredCases):
        return samples.has(mark)
    return any(True for found in samples.values() for _ in marked(found, mark))


def count_of(samples: CaseSamples, mark: Mark) -> int:
    """The number of samples with this mark."""
    if isinstance(samples, StoredCases):
        return sum(len(samples.places(case, mark)) for case in samples)
    return sum(1 for found in samples.values() for _ in marked(found, mark))


def without_texts(samples: CaseSamples, case: str, wanted: Mark = Mark.ANY) -> Sequence[Sample | Numbers]:
    """The samples of a case with this mark; those of a large run as their numbers, which need no reading."""
    if isinstance(samples, StoredCases):
        return [samples.numbers(place) for place in samples.places(case, wanted)]
    return list(marked(samples[case], wanted))


def repeated_cases(samples: CaseSamples) -> list[str]:
    """The cases of which two samples have the same key."""
    several = samples.several() if isinstance(samples, StoredCases) else samples
    return [case for case in several if len({one.key for one in samples[case]}) < len(samples[case])]


def some_cases(samples: CaseSamples, keeps: Callable[[str], bool]) -> CaseSamples:
    """The samples of the cases that the function keeps."""
    if isinstance(samples, StoredCases):
        return samples.of(keeps)
    return {case: found for case, found in samples.items() if keeps(case)}


class StoredCases(Mapping[str, Sequence[Sample]]):
    """The places of each case's samples in a record."""

    def __init__(
        self, samples: IndexedSamples, cases: Sequence[str], first: array[int], more: Mapping[str, array[int]]
    ) -> None:
        """`first`: the place of each case's first sample. `more`: those of the others, of the cases with several."""
        self._samples, self._index, self._first, self._more = samples, IdIndex(cases), first, more

    def __getitem__(self, case: str) -> Sequence[Sample]:
        return [self._samples[place] for place in self.places(case)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, case: object) -> bool:
        return case in self._index

    def about(self, case: str) -> CaseFacts:
        """What the first sample of a case has of its case."""
        return self._samples.facts(self._place(case))

    def has_digest(self, case: str, digest: int) -> bool:
        """Whether each sample of a case has the digest with this hash."""
        return all(self._samples.facts(place).digest == digest for place in self.places(case))

    def marks(self, case: str) -> int:
        """The marks of all samples of a case together."""
        found = 0
        for place in self.places(case):
            found |= self._samples.mark(place)
        return found

    def places(self, case: str, wanted: Mark = Mark.ANY) -> list[int]:
        """The places of a case's samples with one of these marks."""
        places = [self._place(case), *self._more.get(case, ())]
        if wanted is Mark.ANY:
            return places
        take, mark = int(wanted), self._samples.mark
        return [place for place in places if mark(place) & take]

    def numbers(self, place: int) -> Numbers:
        """The numbers of the sample at a place."""
        return self._samples.numbers(place)

    def text(self, place: int) -> str:
        """The answer of the sample at a place, read from the record; empty without one."""
        response = self._samples[place].response
        return response.text if response else ""

    def has(self, mark: Mark) -> bool:
        """Whether a sample has this mark."""
        return has_marked(self._samples, mark) and any(self.marks(case) & mark for case in self)

    def several(self) -> Iterator[str]:
        """Yield the cases with more than one sample."""
        return iter(self._more)

    def of(self, keeps: Callable[[str], bool]) -> StoredCases:
        """The cases that the function keeps."""
        kept = [case for case in self if keeps(case)]
        more = {case: self._more[case] for case in kept if case in self._more}
        return StoredCases(self._samples, kept, array("I", map(self._place, kept)), more)

    def _place(self, case: str) -> int:
        row = self._index.place(case)
        if row is None:
            raise KeyError(case)
        return self._first[row]


class Converted(Mapping[str, Sequence[BaselineSample]]):
    """The samples of each case in the form of a baseline, made when they are needed."""

    def __init__(self, cases: Collection[str], convert: Callable[[str], Sequence[BaselineSample]]) -> None:
        """`convert` raises KeyError for a case that it does not know."""
        self._cases, self._convert = cases, convert

    def __getitem__(self, case: str) -> Sequence[BaselineSample]:
        return self._convert(case)

    def __iter__(self) -> Iterator[str]:
        return iter(self._cases)

    def __len__(self) -> int:
        return len(self._cases)


def _stored_cases(samples: IndexedSamples, model: str, prompt: str) -> StoredCases:
    places, cases = array("I"), list[str]()
    for place, key in enumerate(samples.keys()):
        if key.model == model and key.prompt == prompt and key.purpose != "rerun":
            places.append(place)
            cases.append(key.case)
    if not may_repeat(samples):
        return StoredCases(samples, cases, places, {})
    by_case: dict[str, array[int]] = {}
    for case, place in zip(cases, places, strict=True):
        by_case.setdefault(case, array("I")).append(place)
    more = {case: mine[1:] for case, mine in by_case.items() if len(mine) > 1}
    return StoredCases(samples, list(by_case), array("I", (mine[0] for mine in by_case.values())), more)
