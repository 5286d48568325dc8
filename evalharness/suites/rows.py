"""Read JSONL and CSV: a value a line, a mapping a row. The limits of a suite hold while the file is read."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

from evalharness.config import Limits
from evalharness.records import Location
from evalharness.suites.document import Bare, Document, DocumentProblem, Loc, problem


def read_jsonl(text: str, file: str, limits: Limits) -> Document:
    """One JSON value a line, blank lines skipped; numbers keep the text that was written."""
    values: list[Any] = []
    lines: list[int] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            if len(values) == limits.cases:
                raise DocumentProblem(problem(file, number, 0, f"more lines than limits.cases = {limits.cases}"))
            values.append(_json_line(line, file, number, limits))
            lines.append(number)
    return Document(file, values, _by_line(file, lines))


def _json_line(line: str, file: str, number: int, limits: Limits) -> Any:
    def fail(message: str, column: int = 1) -> NoReturn:
        raise DocumentProblem(problem(file, number, column, message))

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) < len(pairs):
            fail(f"the key '{_repeated(key for key, _ in pairs)}' stands here twice: remove one")
        return result

    try:
        value = json.loads(
            line,
            object_pairs_hook=unique,
            parse_int=Bare,
            parse_float=Bare,
            parse_constant=lambda c: fail(f"{c} is not JSON"),
        )
    except json.JSONDecodeError as error:
        fail(f"not JSON: {error.msg}", error.colno)
    except RecursionError:
        fail(f"nested deeper than limits.depth = {limits.depth}")
    for exceeded in _exceeded(value, limits):
        fail(exceeded)
    if "\\u" in line and _half_character(json.dumps(value, ensure_ascii=False)):
        fail("half of a surrogate pair is not a character: write the whole character")
    return value


def _repeated(names: Iterable[str]) -> str:
    return Counter(names).most_common(1)[0][0]


def _half_character(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _exceeded(value: Any, limits: Limits) -> Iterator[str]:
    """The limits that a value exceeds; level by level, so that no depth is too much for Python's stack."""
    level, depth, nodes = [value], 0, 0
    while level:
        depth, nodes = depth + 1, nodes + len(level)
        if depth > limits.depth:
            yield f"nested deeper than limits.depth = {limits.depth}"
        if nodes > limits.nodes:
            yield f"more than limits.nodes = {limits.nodes} values"
        level = [c for v in level for c in (v.values() if isinstance(v, dict) else v if isinstance(v, list) else ())]


def read_csv(text: str, file: str, limits: Limits) -> Document:
    """Rows under a header line, all cells text: a list of mappings from column to cell."""
    csv.field_size_limit(int(limits.file_mb * 1e6))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[dict[str, str]] = []
    lines: list[int] = []
    end = cells = 0

    def fail(line: int, message: str) -> NoReturn:
        raise DocumentProblem(problem(file, line, 1, message))

    try:
        header = next(reader, [])
        if len(set(header)) < len(header):
            fail(1, f"two columns have the name '{_repeated(header)}'")
        end = reader.line_num
        for row in reader:
            cells += len(row)
            if row and len(row) != len(header):
                fail(end + 1, f"this row has {len(row)} cells, the header has {len(header)}")
            if len(rows) == limits.cases:
                fail(end + 1, f"more rows than limits.cases = {limits.cases}")
            if cells > limits.nodes:
                fail(end + 1, f"more than limits.nodes = {limits.nodes} cells")
            if row:
                rows.append(dict(zip(header, row, strict=True)))
                lines.append(end + 1)
            end = reader.line_num
    except csv.Error as error:
        raise DocumentProblem(problem(file, end + 1, 1, f"not CSV: {error}")) from None
    return Document(file, rows, _by_line(file, lines))


def _by_line(file: str, lines: Sequence[int]) -> Callable[[Loc], Location]:
    def locate(loc: Loc) -> Location:
        row = loc[0] if loc and isinstance(loc[0], int) else None
        return Location(file) if row is None or row >= len(lines) else Location(file, lines[row], 1)

    return locate
