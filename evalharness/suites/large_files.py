"""Read large files of cases and golden answers in parts, so that memory does not grow with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalharness.config import Limits
from evalharness.suites.document import Document, DocumentError, problem
from evalharness.suites.files import lines_of
from evalharness.suites.rows import by_line, json_value

LARGE_BYTES = 4_000_000
"""A smaller file is read at once."""
_PART = 1_000
"""Lines that are validated together."""


def is_large(path: Path) -> bool:
    """Whether a file is read in parts. Raises OSError if there is none."""
    return path.stat().st_size > LARGE_BYTES


def json_parts(path: Path, root: Path, limits: Limits) -> Iterator[Document]:
    """The JSON values of a file, one per line, some hundred at a time. Numbers stay text (`Bare`).

    Raises DocumentError, as `read_jsonl`; FileError for a file that cannot be read.
    """
    file = path.relative_to(root).as_posix()
    values, lines, count = list[Any](), list[int](), 0
    for number, line in lines_of(path, root, limits):
        if line.strip():
            if count == limits.cases:
                raise DocumentError(problem(file, number, 0, f"more lines than limits.cases = {limits.cases}"))
            values.append(json_value(line, file, limits, number))
            lines.append(number)
            count += 1
        if len(values) == _PART:
            yield Document(file, values, by_line(file, lines))
            values, lines = [], []
    yield Document(file, values, by_line(file, lines))
