"""Read JSONL (one value per line) and CSV (one mapping per row)."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

from evalharness.config import Limits
from evalharness.errors import Problem
from evalharness.records import Location
from evalharness.suites.document import Bare, Document, DocumentError, Loc, problem


def read_jsonl(text: str, file: str, limits: Limits) -> Document:
    """The JSON values of a file, one per line. Numbers stay text (`Bare`).

    Raises DocumentError: invalid JSON, a duplicate key, a lone surrogate, or a limit exceeded.
    """
    values: list[Any] = []
    lines: list[int] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            if len(values) == limits.cases:
                raise DocumentError(problem(file, number, 0, f"more lines than limits.cases = {limits.cases}"))
            values.append(json_value(line, file, limits, number))
            lines.append(number)
    return Document(file, values, by_line(file, lines))


def json_value(text: str, file: str, limits: Limits, first: int = 1) -> Any:
    """The JSON value of a text that starts on the line `first`. Numbers stay text (`Bare`).

    Raises DocumentError: invalid JSON, a duplicate key, a lone surrogate, or a limit exceeded.
    """
    try:
        value = _decoded(text)
        if _may_exceed(text, limits):
            for message in exceeded(value, limits):
                raise _InvalidError(message)
        if "\\u" in text and _has_lone_surrogate(json.dumps(value, ensure_ascii=False)):
            raise _InvalidError("a lone surrogate is not a character: write the whole character")
    except json.JSONDecodeError as error:
        where = first + error.lineno - 1, error.colno
        raise DocumentError(problem(file, *where, f"invalid JSON: {error.msg}")) from None
    except _InvalidError as error:
        raise DocumentError(problem(file, first, 1, str(error))) from None
    except RecursionError:
        raise DocumentError(problem(file, first, 1, f"nested deeper than limits.depth = {limits.depth}")) from None
    return value


class _InvalidError(Exception):
    """A value that JSON allows, but not a suite."""


def _decoded(text: str) -> Any:
    if text.startswith("\ufeff"):
        raise json.JSONDecodeError("Unexpected UTF-8 BOM (decode using utf-8-sig)", text, 0)
    return _DECODER.decode(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise _InvalidError(f"duplicate key '{_repeated(key for key, _ in pairs)}'")
    return result


def _refused(constant: str) -> NoReturn:
    raise _InvalidError(f"{constant} is not valid JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=Bare, parse_float=Bare, parse_constant=_refused)
"""Made once: it takes as long as to read a short line."""


def _may_exceed(text: str, limits: Limits) -> bool:
    """Whether a JSON text has so many characters or brackets that its values may exceed the limits."""
    return len(text) > limits.nodes or text.count("[") + text.count("{") >= limits.depth


def _repeated(names: Iterable[str]) -> str:
    return Counter(names).most_common(1)[0][0]


def _has_lone_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def exceeded(value: Any, limits: Limits) -> Iterator[str]:
    """Yield messages for the limits that a value exceeds. Works level by level: recursion could overflow the stack."""
    level, depth, nodes = [value], 0, 0
    while level:
        depth, nodes = depth + 1, nodes + len(level)
        if depth > limits.depth:
            yield f"nested deeper than limits.depth = {limits.depth}"
        if nodes > limits.nodes:
            yield f"more than limits.nodes = {limits.nodes} values"
        level = [c for v in level for c in (v.values() if isinstance(v, dict) else v if isinstance(v, list) else ())]


def read_csv(text: str, file: str, limits: Limits) -> Document:
    """The rows of a file as mappings from column to cell; all cells are text.

    Raises DocumentError: invalid CSV, a duplicate column, a row of another length, or a limit exceeded.
    """
    csv.field_size_limit(int(limits.file_mb * 1e6))
    # a checkout may turn line ends into CRLF, those within cells too: the answers to a case must not depend on that
    reader = csv.reader(io.StringIO(text.replace("\r\n", "\n"), newline=""), strict=True)
    rows: list[dict[str, str]] = []
    lines: list[int] = []
    end = cells = 0

    def fail(line: int, message: str) -> NoReturn:
        raise DocumentError(problem(file, line, 1, message))

    try:
        header = next(reader, [])
        if len(set(header)) < len(header):
            fail(1, f"duplicate column '{_repeated(header)}'")
        end = reader.line_num
        for row in reader:
            cells += len(row)
            if row and len(row) != len(header):
                fail(end + 1, f"expected {len(header)} cells as in the header, got {len(row)}")
            if len(rows) == limits.cases:
                fail(end + 1, f"more rows than limits.cases = {limits.cases}")
            if cells > limits.nodes:
                fail(end + 1, f"more than limits.nodes = {limits.nodes} cells")
            if row:
                rows.append(dict(zip(header, row, strict=True)))
                lines.append(end + 1)
            end = reader.line_num
    except csv.Error as error:
        raise DocumentError(problem(file, end + 1, 1, f"invalid CSV: {error}")) from None
    return Document(file, rows, by_line(file, lines))


def without_missing_ids(document: Document, *, is_part: bool = False) -> tuple[Document, list[Problem]]:
    """The rows of a case file and one problem for all rows without an id.

    These rows become empty cases, so that the other rows are still checked at their own place. `is_part`: the document
    has some of the rows of its file.
    """
    rows = document.value if isinstance(document.value, list) else []
    missing = [index for index, row in enumerate(rows) if isinstance(row, dict) and _has_no_id(row)]
    if not missing:
        return document, []
    part = " of this part" if is_part else ""
    message = (
        f"'id' is missing in {len(missing):,} of {len(rows):,} rows{part}, first here. Add an id to each row. If the "
        f"file is a data set, convert it: evalharness import dataset {document.file}"
    )
    numbers = {*missing}
    kept = [{"id": "missing"} if index in numbers else row for index, row in enumerate(rows)]
    return Document(document.file, kept, document.locate), [document.problem((missing[0],), message)]


def _has_no_id(row: dict[str, Any]) -> bool:
    found = row.get("id")
    return found is None or (isinstance(found, str) and not found.strip())


def by_line(file: str, lines: Sequence[int]) -> Callable[[Loc], Location]:
    """Return the place of each row, by its index. `lines` has the number of each."""

    def locate(loc: Loc) -> Location:
        row = loc[0] if loc and isinstance(loc[0], int) else None
        return Location(file) if row is None or row >= len(lines) else Location(file, lines[row], 1)

    return locate
