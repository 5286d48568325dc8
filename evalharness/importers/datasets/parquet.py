"""Read the rows of Parquet files. Needs pyarrow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from evalharness.importers.datasets.json_shapes import labels_of
from evalharness.importers.datasets.table import DatasetError, Row, Skipped, Table
from evalharness.suites.files import FileError
from evalharness.suites.parquet import open_parquet, parquet_rows


def read_parquet(path: Path) -> Table:
    """The table of a Parquet file. Raises DatasetError if it is damaged, MissingExtraError without pyarrow."""
    with _opened(path) as file:
        labels = _labels(file.schema_arrow.metadata or {})

    def rows(skipped: Skipped) -> Iterator[Row]:
        with _opened(path) as file:
            found = chain.from_iterable(parquet_rows(file))
            yield from (Row(number, cells) for number, cells in enumerate(found, start=1))

    return Table("Parquet", "", rows, labels=labels)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with open_parquet(path) as file:
            yield file
    except FileError as error:
        raise DatasetError(f"{path.name}: {error}") from None


def _labels(metadata: Mapping[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """The names of the classes that the library datasets stores in the schema."""
    try:
        return labels_of(json.loads(metadata[b"huggingface"])["info"]["features"])
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}
