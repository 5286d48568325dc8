"""Read tables of tests: a row is a test, and columns such as `__expected` have a meaning.

Columns and cells as in promptfoo, src/csv.ts.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from evalharness.config import Limits
from evalharness.importers.promptfoo.cells import expected_cell, js_trim
from evalharness.records import Location
from evalharness.suites.document import Document, DocumentError, Loc, problem

_DELIMITERS = (",", ";", "\t", "|")
_THRESHOLD = re.compile(r"__config:__expected([1-9]\d*)?:threshold", re.ASCII)
_OPTIONS = {"__prefix": "prefix", "__suffix": "suffix"}
_TEXTS = {"__description": "description", "__providerOutput": "providerOutput", "__threshold": "threshold"}


def read_table(text: str, file: str, limits: Limits, delimiter: str = "", *, strict: bool = True) -> Document:
    """The rows of a file as mappings from column to cell; all cells are text.

    Without `delimiter`, a header that has no comma decides. As in promptfoo, a quote within a bare cell is a
    character, and of two columns with one name the last counts. Raises DocumentError: a row of another length, an
    open quote, or a limit exceeded.
    """
    csv.field_size_limit(int(limits.file_mb * 1e6))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or _delimiter(text), strict=strict)
    rows: list[dict[str, str]] = []
    lines: list[int] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        for line, row in _numbered(reader):
            if len(row) != len(header):
                message = f"expected {len(header)} cells as in the header, got {len(row)}"
                raise DocumentError(problem(file, line, 1, message))
            if len(rows) == limits.cases or len(rows) * len(header) > limits.nodes:
                raise DocumentError(problem(file, line, 1, f"more rows than limits.cases = {limits.cases}"))
            rows.append(dict(zip(header, row, strict=True)))
            lines.append(line)
    except csv.Error as error:
        if strict and "expected after" in str(error):  # text after a closing quote
            return read_table(text, file, limits, delimiter, strict=False)
        raise DocumentError(problem(file, reader.line_num, 1, f"invalid CSV: {error}")) from None
    return Document(file, rows, _by_row(file, lines))


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return next((sign for sign in _DELIMITERS if sign in header), ",")


def _numbered(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, with the line where each starts."""
    end = reader.line_num
    for row in reader:
        if any(row):
            yield end + 1, row
        end = reader.line_num


def _by_row(file: str, lines: list[int]) -> Callable[[Loc], Location]:
    def locate(loc: Loc) -> Location:
        row = loc[0] if loc and isinstance(loc[0], int) else None
        return Location(file) if row is None or row >= len(lines) else Location(file, lines[row], 1)

    return locate


def row_test(row: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The test of a row, and its columns that have no meaning."""
    test: dict[str, Any] = {"vars": {}, "options": {}, "metadata": {}, "assert": []}
    unknown = []
    for name, cell in row.items():
        if name.startswith("__expected"):
            test["assert"] += [expected_cell(cell)] if js_trim(cell) else []
        elif cell and (name == "__metadata" or (name.startswith("__config:") and not _THRESHOLD.fullmatch(name))):
            unknown.append(name)
        elif not _reserved(test, name, cell):
            test["vars"][name] = cell
    for assertion in test["assert"]:
        assertion |= {"metric": row["__metric"]} if row.get("__metric") else {}
    _set_thresholds(test, row)
    return test, unknown


def _reserved(test: dict[str, Any], name: str, cell: str) -> bool:
    """Whether the column has a meaning; sets it in the test."""
    if name in _OPTIONS:
        test["options"] |= {_OPTIONS[name]: cell} if cell else {}
    elif name in _TEXTS:
        test |= {_TEXTS[name]: cell} if cell else {}
    elif name.startswith("__metadata:"):
        key = name.removeprefix("__metadata:")
        if js_trim(cell):
            test["metadata"][key.removesuffix("[]")] = _parts(cell) if key.endswith("[]") else cell
    else:
        return name in ("__metric", "__metadata") or name.startswith("__config:")
    return True


def _parts(cell: str) -> list[str]:
    return [js_trim(part).replace("\\,", ",") for part in re.split(r"(?<!\\),", cell)]


def _set_thresholds(test: dict[str, Any], row: Mapping[str, str]) -> None:
    """Apply columns such as `__config:__expected2:threshold` to the assertion that they name."""
    for name, cell in row.items():
        match = _THRESHOLD.fullmatch(name)
        index = int(match[1] or 1) - 1 if match and cell else -1
        if 0 <= index < len(test["assert"]):
            test["assert"][index]["threshold"] = cell
