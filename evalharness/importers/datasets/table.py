"""A data set as a stream of rows: the file's format, its columns and its text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from evalharness.errors import EvalHarnessError

_MAX_PLACES = 20
Values = Mapping[str, Any]
"""The cells of one row by column."""


class DatasetError(EvalHarnessError):
    """A file cannot be read as a data set: the text has the place and what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file."""

    number: int
    """Its line or its position in the file, from 1."""
    values: Values


@dataclass
class Skipped:
    """Rows that a reader skips, by reason."""

    unit: str = "row"
    counts: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[int]] = field(default_factory=dict)
    """The first rows of each reason."""

    def add(self, reason: str, number: int) -> None:
        """Count a row."""
        self.counts[reason] += 1
        places = self.places.setdefault(reason, [])
        places += [number] if len(places) < _MAX_PLACES else []

    def lines(self) -> Iterator[str]:
        """A line for each reason: the number of rows, and which."""
        for reason, count in self.counts.items():
            rows, unit = ("1 row", self.unit) if count == 1 else (f"{count:,} rows", f"{self.unit}s")
            shown = ", ".join(f"{number:,}" for number in self.places[reason])
            yield f"{rows}: {reason} ({unit} {shown}{', ...' if count > _MAX_PLACES else ''})"


@dataclass(frozen=True)
class Table:
    """An opened data set. `rows` can be called several times; each call reads the file from the start."""

    format: str
    """For readers: `CSV, separated by ";"`."""
    encoding: str
    """For readers: `UTF-8 with BOM`; "" for a binary file."""
    rows: Callable[[Skipped], Iterator[Row]]
    unit: str = "row"
    """What `Row.number` counts: `line` or `row`."""
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the classes of integer columns, from the schema of the file."""
    notes: tuple[str, ...] = ()
    splits: Mapping[str, int] = field(default_factory=dict)
    """Names and numbers of rows of the splits in the file, if it has several."""
