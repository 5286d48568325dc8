"""The figures of a column, from one pass over its samples.

Numbers are kept, and no texts: a million samples take some 60 bytes each.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from evalharness.records import Sample
from evalharness.records.marks import IndexedSamples, Mark, numbers_in
from evalharness.records.numbers import Numbers

_COUNTED = Mark.ERROR | Mark.FAILED | Mark.BROKEN | Mark.CUT | Mark.RESPONDED
_ERROR, _BROKEN, _CUT, _RESPONDED = map(int, (Mark.ERROR, Mark.FAILED | Mark.BROKEN, Mark.CUT, Mark.RESPONDED))
"""As plain integers, which are tested in a tenth of the time."""


class CaseValues:
    """The values of each case; a case with one value takes eight bytes."""

    def __init__(self) -> None:
        self._first, self._more = array("d"), dict[int, list[float]]()
        self.count = 0
        """Number of values."""

    def add(self, row: int, value: float) -> None:
        """Add a finite value of the case with this number."""
        self.count += 1
        if row == len(self._first):  # as for most samples
            self._first.append(value)
            return
        self._first.extend([math.nan] * (row + 1 - len(self._first)))
        if math.isnan(self._first[row]):
            self._first[row] = value
        else:
            self._more.setdefault(row, []).append(value)

    def mean(self, row: int) -> float:
        """The mean of a case; NaN without a value."""
        if row >= len(self._first):
            return math.nan
        return fmean([self._first[row], *self._more[row]]) if row in self._more else self._first[row]

    def rows(self) -> Iterator[int]:
        """Yield the number of each case that has a value."""
        return (row for row, value in enumerate(self._first) if not math.isnan(value))

    def means(self) -> Iterator[float]:
        """Yield the mean of each case that has a value."""
        return map(self.mean, self.rows())


class CaseRows:
    """A number for each case. Where each sample is of another case, that is the number of the sample."""

    def __init__(self, *, unique: bool) -> None:
        self._known: dict[str, int] | None = None if unique else {}
        self.count = 0
        """Number of cases."""

    def row(self, case: str) -> int:
        """The number of a case."""
        known = self.count if self._known is None else self._known.setdefault(case, self.count)
        self.count += known == self.count
        return known


@dataclass(slots=True)
class Tally:
    """Counts and numbers of samples."""

    rows: CaseRows
    errors: int = 0
    broken: int = 0
    """Samples that break an assertion of any kind."""
    cut: int = 0
    scores: dict[str, CaseValues] = field(default_factory=dict)
    signatures: dict[tuple[str, str], None] = field(default_factory=dict)
    """Metric and signature."""
    tags: dict[str, array[int]] = field(default_factory=dict)
    """The numbers of the cases with a tag."""
    timed: int = 0
    totals: array[float] = field(default_factory=lambda: array("d"))
    """Seconds, where they can be compared."""
    first_tokens: array[float] = field(default_factory=lambda: array("d"))
    decodes: array[float] = field(default_factory=lambda: array("d"))
    """Tokens per second."""
    costs: array[float] = field(default_factory=lambda: array("d"))
    prompt_tokens: array[float] = field(default_factory=lambda: array("d"))
    completion_tokens: array[float] = field(default_factory=lambda: array("d"))
    tokens_by_case: tuple[CaseValues, CaseValues] = field(default_factory=lambda: (CaseValues(), CaseValues()))
    """Tokens of prompts and of answers, where nothing was counted too."""

    def add(self, case: str, tags: Sequence[str], marks: int, numbers: Numbers) -> None:
        """Add a sample."""
        row = self.rows.row(case)
        self.errors += marks & _ERROR > 0
        self.broken += marks & _BROKEN > 0
        for signature, value in zip(numbers.scored, numbers.values, strict=True):
            self.signatures.setdefault(signature)
            if math.isfinite(value):
                _of(self.scores, signature[0]).add(row, value)
        for tag in tags:
            self.tags.setdefault(tag, array("I")).append(row)
        _add(self.costs, numbers.cost_usd)
        if marks & _RESPONDED:
            self.cut += marks & _CUT > 0
            self._add_response(row, numbers)

    def _add_response(self, row: int, numbers: Numbers) -> None:
        prompt, completion = numbers.prompt_tokens, numbers.completion_tokens
        self.tokens_by_case[0].add(row, prompt)
        self.tokens_by_case[1].add(row, completion)
        if prompt or completion:
            self.prompt_tokens.append(prompt)
            self.completion_tokens.append(completion)
        if numbers.latency_s is not None:
            self.timed += 1
            _add(self.totals, numbers.latency_s)
            _add(self.first_tokens, numbers.first_token_s)
            _add(self.decodes, numbers.decode_tokens_per_s)


def _of(scores: dict[str, CaseValues], metric: str) -> CaseValues:
    found = scores.get(metric)
    if found is None:
        found = scores[metric] = CaseValues()
    return found


def _add(column: array[float], value: float | None) -> None:
    if value is not None and math.isfinite(value):
        column.append(value)


def tally(samples: Sequence[Sample], rows: CaseRows) -> Tally:
    """The figures of the samples; columns with the same `rows` number their cases alike."""
    found = Tally(rows)
    for (case, tags), (marks, numbers) in zip(_cases(samples), numbers_in(samples, _COUNTED), strict=True):
        found.add(case, tags, marks, numbers)
    return found


def _cases(samples: Sequence[Sample]) -> Iterator[tuple[str, Sequence[str]]]:
    """The case of each sample, and its tags."""
    if isinstance(samples, IndexedSamples):
        return ((key.case, samples.facts(place).tags) for place, key in enumerate(samples.keys()))
    return ((sample.key.case, sample.tags) for sample in samples)
