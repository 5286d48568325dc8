"""A run or a baseline as CSV or Parquet. CSV needs no package; Parquet needs pandas and pyarrow.

Spreadsheets take a text that begins with `=` for a formula, and with it text becomes code. A cell of text that begins
so gets an apostrophe, unless the file is for programs only.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.errors import MissingExtraError, StoreError
from evalharness.records import Baseline, Run
from evalharness.records.table import (
    Row,
    columns,
)
from evalharness.redaction import scrub
from evalharness.store.files import LONE_SURROGATES, write_whole

FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 - full-width signs count as well
"""What makes a spreadsheet read a text as a formula, when a cell begins with it."""
_FIRST_COLUMNS = ("suite", "run_id", "started_at", "accepted_at")
"""By these an export is known again."""


@dataclass(frozen=True, slots=True)
class Table:
    """What is exported."""

    source: Run | Baseline

    @property
    def metrics(self) -> Sequence[str]:
        """The metrics that have a column."""
        return self.source.metric_names

    @property
    def rows(self) -> Iterable[Row]:
        """One for each sample or draw."""
        return self.source.rows()


def csv_lines(table: Table, *, raw: bool = False) -> Iterator[str]:
    """The lines of a CSV file, a header first. `raw`: every text to the letter, formula or not."""
    names = list(columns(table.metrics))
    yield _line(names)
    for row in table.rows:
        yield _line([_cell(row.get(name), raw=raw) for name in names])


def _cell(value: Any, *, raw: bool) -> Any:
    """Lists as JSON, nothing as an empty cell, texts so that no spreadsheet takes them for more."""
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and not raw and value.startswith(FORMULA):
        return f"'{value}"
    return value


def _line(cells: Sequence[Any]) -> str:
    """One record. The writer quotes each kind of line end only where its own holds both; ours is a plain one."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().removesuffix("\r\n") + "\n"


def write_csv(path: Path, table: Table, *, raw: bool = False) -> None:
    """Write the file whole or not at all. Raises StoreError."""
    write_whole(path, csv_lines(table, raw=raw))


def write_parquet(path: Path, table: Table) -> None:
    """Write the file whole or not at all. Raises MissingExtraError, StoreError."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("Parquet", "pyarrow", "pandas") from None
    frame = table.source.to_pandas()
    for name, kind in columns(table.metrics).items():
        if kind in ("text", "list"):
            frame[name] = frame[name].map(_encodable).astype(object)
    try:
        data = pyarrow.Table.from_pandas(frame, schema=_schema(pyarrow, table), preserve_index=False)
        _replace(path, lambda temporary: pyarrow.parquet.write_table(data, temporary))
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from None


def _encodable(value: Any) -> Any:
    """Without keys, and half a surrogate pair, which UTF-8 cannot hold, as JSON escapes it."""
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if not isinstance(value, str):
        return None
    return scrub(value).encode("utf-8", LONE_SURROGATES).decode("utf-8")


def _schema(pyarrow: Any, table: Table) -> Any:
    """The types, said and not guessed: a column without a value has its type too."""
    types = {
        "text": pyarrow.string(),
        "list": pyarrow.list_(pyarrow.string()),
        "time": pyarrow.timestamp("us", tz="UTC"),
        "Int64": pyarrow.int64(),
        "float64": pyarrow.float64(),
        "boolean": pyarrow.bool_(),
    }
    return pyarrow.schema([(name, types[kind]) for name, kind in columns(table.metrics).items()])


def _replace(path: Path, write: Any) -> None:
    """A reader, or a crash, sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        write(temporary)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def is_export(path: Path) -> bool:
    """Whether a file holds an export, or nothing: writing over it loses nothing that a person made."""
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError:
        return False
    return not start or start.startswith(_line(_FIRST_COLUMNS).strip().encode() + b",") or _is_our_parquet(path, start)


def _is_our_parquet(path: Path, start: bytes) -> bool:
    if not start.startswith(b"PAR1"):
        return False
    try:
        import pyarrow.parquet

        names: list[str] = pyarrow.parquet.read_schema(path).names
    except Exception:  # pyarrow is missing, or a damaged file: none of ours
        return False
    return tuple(names[: len(_FIRST_COLUMNS)]) == _FIRST_COLUMNS
