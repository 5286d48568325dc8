"""Read Parquet files, some hundred rows at a time. Needs pyarrow."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from evalharness.config import Limits
from evalharness.errors import MissingExtraError
from evalharness.suites.document import Bare, Document, DocumentError, problem
from evalharness.suites.files import FileError, opened
from evalharness.suites.rows import by_line, exceeded

_BATCH_ROWS = 500
_INDEX = "__index_level_0__"
"""The row labels of a pandas table."""


def parquet_parts(path: Path, root: Path, limits: Limits) -> Iterator[Document]:
    """The rows of a file as mappings from column to value; numbers are text (`Bare`), times are ISO 8601.

    Raises FileError: unreadable, damaged, too large; DocumentError: too many rows or values; MissingExtraError.
    """
    file, first = path.relative_to(root).as_posix(), 1
    with opened(path, root, limits) as handle, open_parquet(handle) as table:
        _check_size(table.metadata, file, limits)
        for rows in parquet_rows(table):
            values = [_checked(row, file, number, limits) for number, row in enumerate(rows, start=first)]
            yield Document(file, values, by_line(file, range(first, first + len(values))))
            first += len(values)
    if first == 1:
        yield Document(file, [], by_line(file, ()))


@contextmanager
def open_parquet(source: Any) -> Iterator[Any]:
    """A Parquet file, from its path or an open file. Raises FileError if it is damaged, MissingExtraError."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise MissingExtraError("a Parquet file", "pyarrow", "pandas") from None
    try:
        with ParquetFile(source) as file:
            yield file
    except (ArrowException, OSError) as error:
        raise FileError(f"cannot read the Parquet file: {error}") from None


def parquet_rows(file: Any) -> Iterator[list[dict[str, Any]]]:
    """The rows of an open file, some hundred at a time."""
    for batch in file.iter_batches(batch_size=_BATCH_ROWS):
        short = {field.name for field in batch.schema if str(field.type) in ("float", "halffloat")}
        yield [_cells(values, short) for values in batch.to_pylist(maps_as_pydicts="lossy")]


def _check_size(metadata: Any, file: str, limits: Limits) -> None:
    """Raise FileError for more than the limits allow, before anything is decompressed."""
    if metadata.num_rows > limits.cases:
        raise DocumentError(problem(file, 0, 0, f"more rows than limits.cases = {limits.cases}"))
    largest = max((metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups)), default=0)
    if largest > limits.file_mb * 1e6:
        size = f"{largest / 1e6:.1f} MB in one row group exceed limits.file_mb = {limits.file_mb:g}"
        raise FileError(f"{size}: write smaller row groups")


def _checked(row: dict[str, Any], file: str, number: int, limits: Limits) -> dict[str, Any]:
    message = next(exceeded(row, limits), "")
    if column := next((name for name, value in row.items() if _has_bytes(value)), None):
        message = f"the column '{column}' has bytes: expected text, numbers, or lists and structures of them"
    if message:
        raise DocumentError(problem(file, number, 0, message))
    return row


def _has_bytes(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_bytes, value.values() if isinstance(value, dict) else value))
    return isinstance(value, bytes)


def _cells(values: Mapping[str, Any], short: Collection[str]) -> dict[str, Any]:
    """The cells of a row. `short` are columns of 32-bit numbers, which need fewer digits."""
    from numpy import float32

    cells = {name: _plain(value) for name, value in values.items() if name != _INDEX}
    return cells | {name: Bare(float32(cells[name])) for name in short if cells[name] is not None}


def _plain(value: Any) -> Any:
    """The value as JSON has it: numbers by their text, times in ISO 8601; bytes stay bytes."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | Decimal):
        return Bare(value)
    if isinstance(value, float):
        return Bare(repr(value)) if value == value else None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
