"""A run or a baseline as CSV or Parquet.

CSV needs no extra; Parquet needs pandas and pyarrow.

Spreadsheets run text that starts with `=` as a formula. Unless the file is for programs only, an apostrophe stands
before each text that a spreadsheet can take for one: at the start of a cell, and after each character that another
program or country takes for the end of a cell.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.errors import MissingExtraError
from evalharness.records import Baseline, Run
from evalharness.records.table import (
    Row,
    columns,
)
from evalharness.redaction import scrub
from evalharness.store.files import LONE_SURROGATES, write_whole

_FORMULA = re.compile("(^|[;|\t\r\n])([ \"']*)(?=[=+\\-@\t\r\n＝＋－＠])")  # noqa: RUF001 - full-width signs count
"""What stands before a formula. Where `;` separates cells, a line end inside a quoted cell ends a row."""
_FIRST_COLUMNS = ("suite", "run_id", "started_at", "accepted_at")
"""The first columns of every export; they identify one."""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a run or a baseline."""

    source: Run | Baseline

    @property
    def metrics(self) -> Sequence[str]:
        """The metrics with a column."""
        return self.source.metric_names

    @property
    def rows(self) -> Iterable[Row]:
        """A row for each sample."""
        return self.source.rows()


def csv_lines(table: Table, *, raw: bool = False) -> Iterator[str]:
    """The lines of a CSV file, header first.

    With `raw`, text that looks like a formula stays unchanged.
    """
    names = list(columns(table.metrics))
    yield _line([_cell(name, raw=raw) for name in names])
    for row in table.rows:
        yield _line([_cell(row.get(name), raw=raw) for name in names])


def _cell(value: Any, *, raw: bool) -> Any:
    """Lists as JSON, None as an empty cell, formulas behind an apostrophe."""
    if isinstance(value, list):
        value = json.dumps(value, ensure_ascii=False)
    return _FORMULA.sub(r"\1'\2", value) if isinstance(value, str) and not raw else value


def _line(cells: Sequence[Any]) -> str:
    """One record. csv quotes both kinds of line ends only if its own terminator has both."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().removesuffix("\r\n") + "\n"


def write_csv(path: Path, table: Table, *, raw: bool = False) -> None:
    """Write a CSV file in one step. Raises StoreError."""
    write_whole(path, csv_lines(table, raw=raw))


def write_parquet(path: Path, table: Table) -> None:
    """Write a Parquet file in one step. Raises MissingExtraError, StoreError."""
    write_whole(path, parquet(table))


def parquet(table: Table) -> bytes:
    """The content of a Parquet file. Raises MissingExtraError."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("Parquet", "pyarrow", "pandas") from None
    frame = table.source.to_pandas()
    for name, kind in columns(table.metrics).items():
        if kind in ("text", "list"):
            frame[name] = frame[name].map(_encodable).astype(object)
    data, buffer = pyarrow.Table.from_pandas(frame, schema=_schema(pyarrow, table), preserve_index=False), io.BytesIO()
    pyarrow.parquet.write_table(data, buffer)
    return buffer.getvalue()


def _encodable(value: Any) -> Any:
    """Text without keys, with lone surrogates, which UTF-8 cannot hold, as JSON escapes."""
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if not isinstance(value, str):
        return None
    return scrub(value).encode("utf-8", LONE_SURROGATES).decode("utf-8")


def _schema(pyarrow: Any, table: Table) -> Any:
    """The types of all columns; empty columns have no values to infer one from."""
    types = {
        "text": pyarrow.string(),
        "list": pyarrow.list_(pyarrow.string()),
        "time": pyarrow.timestamp("us", tz="UTC"),
        "Int64": pyarrow.int64(),
        "float64": pyarrow.float64(),
        "boolean": pyarrow.bool_(),
    }
    return pyarrow.schema([(name, types[kind]) for name, kind in columns(table.metrics).items()])


def is_export(path: Path) -> bool:
    """Whether a file is empty or an export, so that replacing it loses no work."""
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
    except Exception:  # pyarrow is missing, or the file is damaged
        return False
    return tuple(names[: len(_FIRST_COLUMNS)]) == _FIRST_COLUMNS
