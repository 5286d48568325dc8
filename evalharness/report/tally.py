"""The figures of a column, from one pass over its samples.

Numbers are kept, and no texts: a million samples take some 60 bytes each.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from statistics import fmean

from evalharness.records import Response, Sample


class CaseValues:
    """The values of each case; a case with one value takes eight bytes."""

    def __init__(self) -> None:
        self._first, self._more = array("d"), dict[int, list[float]]()
        self.count = 0
        """Number of values."""

    def add(self, row: int, value: float) -> None:
        """Add a finite value of the case with this number."""
        self.count += 1
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

    def add(self, sample: Sample) -> None:
        """Add a sample."""
        row = self.rows.row(sample.key.case)
        self.errors += sample.error is not None
        self.broken += bool(sample.failed_checks or sample.failed_stable or sample.violations)
        for score in sample.scores:
            self.signatures.setdefault((score.metric, score.signature))
            if math.isfinite(score.value):
                self.scores.setdefault(score.metric, CaseValues()).add(row, score.value)
        for tag in sample.tags:
            self.tags.setdefault(tag, array("I")).append(row)
        _add(self.costs, sample.cost_usd)
        if sample.response:
            self._add_response(row, sample.response, is_timed=sample.latency_s is not None)

    def _add_response(self, row: int, response: Response, *, is_timed: bool) -> None:
        usage, timing = response.usage, response.timing
        for values, count in zip(self.tokens_by_case, (usage.prompt_tokens, usage.completion_tokens), strict=True):
            values.add(row, count)
        self.cut += response.finish_reason == "length"
        if usage.prompt_tokens or usage.completion_tokens:
            self.prompt_tokens.append(usage.prompt_tokens)
            self.completion_tokens.append(usage.completion_tokens)
        if is_timed:
            self.timed += 1
            _add(self.totals, timing.total_s)
            _add(self.first_tokens, timing.first_token_s)
            _add(self.decodes, timing.decode_tokens_per_s)


def _add(column: array[float], value: float | None) -> None:
    if value is not None and math.isfinite(value):
        column.append(value)


def tally(samples: Iterable[Sample], rows: CaseRows) -> Tally:
    """The figures of the samples; columns with the same `rows` number their cases alike."""
    found = Tally(rows)
    for sample in samples:
        found.add(sample)
    return found
