"""Read CSV, TSV and tables with other delimiters. All cells are text."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from evalharness.config import Limits
from evalharness.importers.datasets.encoding import opened
from evalharness.importers.datasets.table import DatasetError, Row, Skipped, Table

DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
TAB = "\t"
_HEAD_ROWS = 50
_HEAD_CHARS = 1 << 18
"""Characters for the detection. The last row may be cut there."""
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_LETTERS = frozenset("ABCDEF")
_MAX_NAME_CHARS = 200
_MAX_SHOWN_CHARS = 30
_MAX_USUAL_CHARS, _MAX_USUAL_SPACES = 40, 5
"""Of a name; a longer one with more spaces is a sentence."""


def read_delimited(path: Path, codec: str, encoding: str, delimiter: str | None, limits: Limits) -> Table:
    """The table of a delimited text file; its first line has the names of the columns.

    Raises DatasetError: no rows, no header, an unclosed quote.
    """
    csv.field_size_limit(limits.prompt_chars)
    with opened(path, codec) as file:
        text = file.read(_HEAD_CHARS)
    skip, text, named = _without_separator_line(text)
    found = delimiter or named or (TAB if path.suffix.lower() in (".tsv", ".tab") else _delimiter(text))
    dialect = _Dialect(found, _quoting(text, found))
    head = _head(text, dialect)
    if not head:
        what = ":1: a quote is never closed" if text.strip() else " is empty"
        raise DatasetError(f"{path.name}{what}: expected a header and rows")
    names, notes, has_header = _header(head, path)
    label = f"{'TSV' if found == TAB else 'CSV'}, separated by {DELIMITERS.get(found, repr(found))}"

    def rows(skipped: Skipped) -> Iterator[Row]:
        with opened(path, codec) as file:
            start = 1
            for _ in range(skip + has_header):
                start += _skip_row(file, dialect)
            yield from _rows(file, path, dialect, names, skipped, start)

    return Table(label, encoding, rows, unit="line", notes=notes)


def _skip_row(file: TextIO, dialect: _Dialect) -> int:
    """Skip one row and the empty lines before it. Returns the number of lines."""
    reader = csv.reader(iter(file.readline, ""), **dialect.options)
    next((row for row in reader if row), None)
    return reader.line_num


def _without_separator_line(text: str) -> tuple[bool, str, str | None]:
    """Whether the first line is Excel's `sep=;`, the text after it, and its delimiter."""
    line, _, rest = text.partition("\n")
    match = _SEPARATOR_LINE.fullmatch(line.strip())
    return (True, rest, match[1]) if match else (False, text, None)


def _delimiter(text: str) -> str:
    """The delimiter that splits the most rows into the same number of cells as the header."""
    return max(DELIMITERS, key=lambda delimiter: _fit(_head(text, _Dialect(delimiter))))


def _quoting(text: str, delimiter: str) -> int:
    """QUOTE_NONE for tables with tabs where a quote is a character like others, which gives rows of one width."""
    if delimiter != TAB:
        return csv.QUOTE_MINIMAL
    plain, quoted = (_head(text, _Dialect(TAB, mode)) for mode in (csv.QUOTE_NONE, csv.QUOTE_MINIMAL))
    is_plain = len({*map(len, plain)}) == 1 and len(plain) > len(quoted)
    return csv.QUOTE_NONE if is_plain else csv.QUOTE_MINIMAL


def _fit(rows: Sequence[Sequence[str]]) -> tuple[bool, float, int]:
    width = len(rows[0]) if rows else 0
    equal = sum(len(row) == width for row in rows) / max(1, len(rows))
    return width > 1 and equal > 0.5, equal if width > 1 else 0.0, width


def _head(text: str, dialect: _Dialect) -> list[list[str]]:
    """The first rows. The last one is dropped if the text may end inside of it."""
    reader = csv.reader(io.StringIO(text, newline=""), **dialect.options)
    rows: list[list[str]] = []
    while len(rows) <= _HEAD_ROWS:
        try:
            row = next(reader, None)
        except csv.Error:  # `_lost_row` reports it when the whole file is read
            continue
        if row is None:
            break
        rows += [row] if row else []
    return rows[:-1] if len(text) > _HEAD_CHARS / 2 and len(rows) > 1 and len(rows) <= _HEAD_ROWS else rows


def _header(head: Sequence[Sequence[str]], path: Path) -> tuple[list[str], tuple[str, ...], bool]:
    """The names of the columns, notes about them, and whether the first row has them."""
    first = head[0]
    if len(first) > 3 and all(len(row) == len(first) and row[-1] in _LETTERS for row in head[:20]):
        options = [chr(ord("A") + index) for index in range(len(first) - 2)]
        note = f"no header: the last of {len(first)} columns is always a letter, as in tables of MMLU"
        return ["question", *options, "answer"], (note,), False
    if max(map(len, first)) > _MAX_NAME_CHARS:
        raise DatasetError(f"{path.name}:1: the first line must have the names of the columns, got {first[0][:60]!r}…")
    return unique_columns(first), (*_suspect(first), *_renamed(first)), True


def _suspect(names: Sequence[str]) -> Iterator[str]:
    """A note if the first line looks like a row: a name is a number or a sentence."""
    for name in names:
        if name.strip().isdecimal() or (len(name) > _MAX_USUAL_CHARS and name.count(" ") >= _MAX_USUAL_SPACES):
            got = repr(name.strip()[:_MAX_SHOWN_CHARS])
            yield f"line 1 has the names of the columns, got {got}: if it is a row, add a line with names"
            return


def unique_columns(names: Sequence[str]) -> list[str]:
    """The names, each once: an empty name becomes `column 3`, a second `a` becomes `a 2`."""
    taken: Counter[str] = Counter()
    result: list[str] = []
    for index, name in enumerate(names, start=1):
        text = name.strip() or f"column {index}"
        taken[text] += 1
        result.append(text if taken[text] == 1 else f"{text} {taken[text]}")
    return result


def _renamed(names: Sequence[str]) -> tuple[str, ...]:
    counts = Counter(name.strip() for name in names if name.strip())
    return tuple(
        f"the column '{name}' appears {count} times: the others are named '{name} 2', ..."
        for name, count in counts.items()
        if count > 1
    )


def _rows(
    file: TextIO, path: Path, dialect: _Dialect, names: Sequence[str], skipped: Skipped, start: int
) -> Iterator[Row]:
    """The rows behind the header. `start` is the line of the first one."""
    reader = csv.reader(iter(file.readline, ""), **dialect.options)
    for number, row in _numbered(reader, path, skipped, start):
        if len(row) < len(names) or any(row[len(names) :]):
            skipped.add(f"another number of cells than the {len(names)} of the header, left out", number)
        else:
            yield Row(number, dict(zip(names, row, strict=False)))


def _numbered(reader: Any, path: Path, skipped: Skipped, start: int) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not empty with the line that it starts on. Rows with a misplaced quote are skipped."""
    while True:
        number = start + reader.line_num
        try:
            row = next(reader, None)
        except csv.Error as error:
            skipped.add(_lost_row(error, path, number, start + reader.line_num), number)
            continue
        if row is None:
            return
        if row:
            yield number, row


def _lost_row(error: csv.Error, path: Path, number: int, end: int) -> str:
    """Why a row is left out. Raises DatasetError if the reader may have swallowed other rows with it."""
    if "field limit" in str(error):
        limit = f"limits.prompt_chars = {csv.field_size_limit():,}"
        message = f"a cell is longer than {limit}. If a quote is not closed there, close it"
        raise DatasetError(f"{path.name}:{number}: {message}") from None
    if "unexpected end" in str(error):
        message = f"a quote in the row of this line is never closed ({end - number:,} lines follow)"
        raise DatasetError(f'{path.name}:{number}: {message}: close it, or write a quote inside a cell as ""') from None
    return f"invalid CSV ({error}), left out"


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How cells are separated and quoted."""

    delimiter: str
    quoting: int = csv.QUOTE_MINIMAL

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of `csv.reader`."""
        return {"delimiter": self.delimiter, "quoting": self.quoting, "strict": True}
