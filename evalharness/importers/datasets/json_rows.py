"""Read the rows of JSON and JSON Lines. Numbers keep their text (`Bare`)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from evalharness.config import Limits
from evalharness.importers.datasets.encoding import opened
from evalharness.importers.datasets.json_shapes import class_names, is_served, rows_of, split_sizes
from evalharness.importers.datasets.table import DatasetError, Row, Skipped, Table
from evalharness.suites.document import Bare

_CHUNK_CHARS = 1 << 16
_LINES = (".jsonl", ".ndjson")
_SPACE = re.compile(r"\s*")
_DECODER = json.JSONDecoder(parse_int=Bare, parse_float=Bare, parse_constant=lambda name: None)
"""NaN and Infinity, which pandas writes, are missing values."""


def read_json(path: Path, codec: str, encoding: str, split: str | None, limits: Limits) -> Table:
    """The rows of a list, an object with a list, columns, or one object per line, whatever the name of the file.

    Lists and lines are streamed. Raises DatasetError: invalid JSON, no rows, an unknown split.
    """
    size = int(limits.file_mb * 1e6)
    with opened(path, codec) as file:
        start = _first_sign(file)
    if start == "[":
        return Table("JSON", encoding, partial(_list_rows, path, codec, size))
    if start != "{":
        what = f":1: expected JSON, a list or objects, got {start!r}" if start else " is empty: expected rows"
        raise DatasetError(f"{path.name}{what}")
    if _is_lines(path, codec, size):
        return Table("JSON Lines", encoding, partial(_line_rows, path, codec, size), unit="line")
    with opened(path, codec) as file:
        value = _whole(file, path, size)
    return _object_table(value, path, encoding, split)


def _object_table(value: Mapping[str, Any], path: Path, encoding: str, split: str | None) -> Table:
    """The rows inside of one object. Raises DatasetError for several splits without a choice."""
    splits = split_sizes(value)
    if split is None and len(splits) > 1:
        names = ", ".join(f"{name} ({count:,})" for name, count in splits.items())
        raise DatasetError(f"{path.name} has several splits: {names}. Choose one with --split NAME")
    label, rows, notes = rows_of(value, split if splits else None)

    def numbered(skipped: Skipped) -> Iterator[Row]:
        yield from (Row(number, row) for number, row in enumerate(rows(), start=1))

    return Table(label, encoding, numbered, labels=class_names(value), notes=notes, splits=splits)


def _first_sign(file: TextIO) -> str:
    while chunk := file.read(_CHUNK_CHARS):
        if chunk.strip():
            return chunk.lstrip()[0]
    return ""


def _is_lines(path: Path, codec: str, size: int) -> bool:
    """Whether the first line is a whole object and another line follows."""
    with opened(path, codec) as file:
        lines = (line for line in iter(lambda: file.readline(size), "") if line.strip())
        first, second = next(lines, ""), next(lines, "")
    try:
        return isinstance(_parsed(first), dict) and (
            bool(second) or _is_row(_parsed(first), lines=path.suffix.lower() in _LINES)
        )
    except ValueError:
        return path.suffix.lower() in _LINES and second.lstrip().startswith("{")


def _is_row(value: Mapping[str, Any], *, lines: bool) -> bool:
    """Whether a single object is one row, and not a container of rows."""
    label, _, _ = rows_of(value, next(iter(split_sizes(value)), None))
    return label == "JSON, one object" or (lines and not is_served(value))


def _parsed(text: str) -> Any:
    """The value of a JSON text. Raises ValueError, also for too much nesting."""
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _whole(file: TextIO, path: Path, size: int) -> Mapping[str, Any]:
    text = file.read(size + 1)
    if len(text) > size:
        raise DatasetError(f"{path.name}: one JSON object of more than limits.file_mb: save the rows as JSON Lines")
    try:
        value: Mapping[str, Any] = _parsed(text)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{path.name}:{error.lineno}:{error.colno}: invalid JSON: {error.msg}") from None
    except ValueError as error:
        raise DatasetError(f"{path.name}: invalid JSON: {error}") from None
    return value


def _line_rows(path: Path, codec: str, size: int, skipped: Skipped) -> Iterator[Row]:
    with opened(path, codec) as file:
        for number, line in enumerate(iter(lambda: file.readline(size + 1), ""), start=1):
            if len(line) > size:
                raise DatasetError(f"{path.name}:{number}: longer than limits.file_mb")
            if not line.strip():
                continue
            try:
                value = _parsed(line)
            except ValueError:
                skipped.add("not JSON, left out", number)
                continue
            yield Row(number, value if isinstance(value, dict) else {"value": value})


def _list_rows(path: Path, codec: str, size: int, skipped: Skipped) -> Iterator[Row]:
    with opened(path, codec) as file:
        for number, value in enumerate(_items(file, path, size), start=1):
            if isinstance(value, dict):
                yield Row(number, value)
            elif isinstance(value, list):
                yield Row(number, {f"column {index}": item for index, item in enumerate(value, start=1)})
            else:
                yield Row(number, {"text": value})


def _items(file: TextIO, path: Path, size: int) -> Iterator[Any]:
    """The items of a JSON list, one at a time: only the text of one item is in memory."""
    text = file.read(_CHUNK_CHARS)
    while not text.strip():
        text = file.read(_CHUNK_CHARS)
    at, number = text.index("[") + 1, 0
    while True:
        value, text, at = _next_item(file, path, text, at, size, number + 1)
        if at < 0:
            return
        number += 1
        yield value


def _next_item(file: TextIO, path: Path, text: str, at: int, size: int, number: int) -> tuple[Any, str, int]:
    """The item at `at`, the remaining text and the offset behind the item; -1 at the end of the list."""
    read = _CHUNK_CHARS
    while True:
        start = _SPACE.match(text, at).end()  # type: ignore[union-attr]
        if text[start : start + 1] == "]":
            return None, text, -1
        try:
            value, end = _DECODER.raw_decode(text, start)
            end = _SPACE.match(text, end).end()  # type: ignore[union-attr]
            if text[end : end + 1] in (",", "]") and text[end : end + 1]:
                return value, text, end + (text[end] == ",")
            problem = "expected ',' or ']'" if text[end : end + 1] else "the file ends inside the list"
        except json.JSONDecodeError as error:
            problem = error.msg
        except RecursionError:
            problem = "nested too deeply"
        more = file.read(read) if len(text) - at <= size else ""
        if not more:
            raise DatasetError(f"{path.name}: row {number:,}: invalid JSON: {problem}")
        text, at, read = text[at:] + more, 0, read * 2
