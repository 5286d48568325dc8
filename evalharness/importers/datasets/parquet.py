"""Read the rows of Parquet files. Needs pyarrow."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from evalharness.errors import MissingExtraError
from evalharness.importers.datasets.json_shapes import labels_of
from evalharness.importers.datasets.table import DatasetError, Row, Skipped, Table
from evalharness.suites.document import Bare

_BATCH_ROWS = 500


def read_parquet(path: Path) -> Table:
    """The table of a Parquet file. Raises DatasetError if it is damaged, MissingExtraError without pyarrow."""
    with _opened(path) as file:
        labels = _labels(file.schema_arrow.metadata or {})

    def rows(skipped: Skipped) -> Iterator[Row]:
        with _opened(path) as file:
            yield from (Row(number, cells) for number, cells in enumerate(_rows(file), start=1))

    return Table("Parquet", "", rows, labels=labels)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise MissingExtraError("a Parquet file", "pyarrow", "pandas") from None
    try:
        with ParquetFile(path) as file:
            yield file
    except (ArrowException, OSError) as error:
        raise DatasetError(f"{path.name}: cannot read the Parquet file: {error}") from None


def _rows(file: Any) -> Iterator[dict[str, Any]]:
    for batch in file.iter_batches(batch_size=_BATCH_ROWS):
        short = {field.name for field in batch.schema if str(field.type) in ("float", "halffloat")}
        yield from (_cells(values, short) for values in batch.to_pylist(maps_as_pydicts="lossy"))


_INDEX = "__index_level_0__"
"""The row labels of a pandas table."""


def _cells(values: Mapping[str, Any], short: Collection[str]) -> dict[str, Any]:
    """The cells of a row. `short` are columns of 32-bit numbers, which need fewer digits."""
    from numpy import float32

    cells = {name: _plain(value) for name, value in values.items() if name != _INDEX}
    return cells | {name: Bare(float32(cells[name])) for name in short if cells[name] is not None}


def _labels(metadata: Mapping[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """The names of the classes that the library datasets stores in the schema."""
    try:
        return labels_of(json.loads(metadata[b"huggingface"])["info"]["features"])
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


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
