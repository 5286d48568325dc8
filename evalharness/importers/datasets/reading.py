"""Open a data set by its content, whatever its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evalharness.config import Limits
from evalharness.importers.datasets.delimited import read_delimited
from evalharness.importers.datasets.encoding import opened, text_encoding
from evalharness.importers.datasets.json_rows import read_json
from evalharness.importers.datasets.parquet import read_parquet
from evalharness.importers.datasets.table import DatasetError, Table

_PARQUET = b"PAR1"
_TABLES = (".csv", ".tsv", ".tab", ".txt", ".psv")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a file; None is detected."""

    encoding: str | None = None
    delimiter: str | None = None
    split: str | None = None


def open_table(path: Path, options: ReadOptions, limits: Limits) -> Table:
    """The rows of a file: Parquet, JSON, JSON Lines, or a delimited table.

    Raises DatasetError if it is none of them, MissingExtraError for Parquet without pyarrow.
    """
    if not path.is_file():
        raise DatasetError(f"{path.name}: not a file: expected a table, JSON or Parquet")
    with path.open("rb") as file:
        is_parquet = file.read(len(_PARQUET)) == _PARQUET
    if is_parquet:
        return read_parquet(path)
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    codec, encoding = text_encoding(path, options.encoding)
    if suffix not in _TABLES and _starts_like_json(path, codec):
        return read_json(path, codec, encoding, options.split, limits)
    if suffix in (".yaml", ".yml"):
        raise DatasetError(f"{path.name}: a YAML file is not a data set: a suite can use it with cases: {path.name}")
    return read_delimited(path, codec, encoding, options.delimiter, limits)


def _starts_like_json(path: Path, codec: str) -> bool:
    with opened(path, codec) as file:
        return file.read(1 << 16).lstrip()[:1] in ("[", "{") or path.suffix.lower() in (".json", ".jsonl", ".ndjson")
