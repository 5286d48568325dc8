"""Opens a result file of another tool, recognized by its content."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalharness.errors import StoreError
from evalharness.records import Run
from evalharness.store.files import open_regular
from evalharness.store.results.foreign_run import ForeignRun
from evalharness.store.results.inspect_log import inspect_run, is_inspect
from evalharness.store.results.langfuse import langfuse_run, rows_of_langfuse
from evalharness.store.results.promptfoo import is_promptfoo, promptfoo_run

_MOST_BYTES = 1_000_000_000
_ZIP = b"PK\x03\x04"
_EXPECTED = "expected a run, a baseline, or results of Inspect (a log), promptfoo (output.json) or Langfuse (traces)"


def read_results(path: Path) -> Run | None:
    """The run of a result file; None for a run or a baseline of evalharness, and for a file that is not JSON.

    Raises StoreError: unreadable, too large, damaged, or JSON of another kind.
    """
    try:
        with open(path, "rb", opener=open_regular) as file:
            first = file.readline(_MOST_BYTES + 1)
            if _is_own(first):
                return None
            data = first + file.read(_MOST_BYTES + 1 - len(first))
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(data) > _MOST_BYTES:
        raise StoreError(f"{path}: larger than {_MOST_BYTES / 1e9:g} GB: export fewer results")
    value = _archive(path) if data.startswith(_ZIP) else _parsed(path, data)
    return None if value is None else _run_of(value, path)


def _is_own(line: bytes) -> bool:
    """Whether a first line is that of a record of evalharness."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "kind" in found and "schema" in found


def _run_of(value: Any, path: Path) -> Run:
    try:
        return _recognized(value, path)
    except RecursionError:
        raise StoreError(f"{path}: unsupported JSON: nested too deeply") from None


def _recognized(value: Any, path: Path) -> Run:
    if is_inspect(value):
        return inspect_run(value, ForeignRun("inspect", path))
    if is_promptfoo(value):
        return promptfoo_run(value, ForeignRun("promptfoo", path))
    rows = rows_of_langfuse(value)
    if rows is None:
        raise StoreError(f"{path}: {_EXPECTED}")
    return langfuse_run(rows, ForeignRun("langfuse", path))


def _parsed(path: Path, data: bytes) -> Any:
    """The JSON value, or the list of the values on the lines; None for a file that is not JSON."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return _loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and error.lineno > 1:
            return [*_lines(path, text)]
        raise StoreError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: unsupported JSON: {error}") from None


def _lines(path: Path, text: str) -> Iterator[Any]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield _loads(line)
            except (ValueError, RecursionError) as error:
                raise StoreError(f"{path}:{number}: not JSON: {error}") from None


def _loads(text: str) -> Any:
    """The value, with None for NaN and infinity."""
    return json.loads(text, parse_constant=lambda name: None)


def _archive(path: Path) -> Any:
    """The log in an archive of Inspect: its header with its samples."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if sum(one.file_size for one in archive.infolist()) > _MOST_BYTES:
                raise StoreError(f"{path}: larger than {_MOST_BYTES / 1e9:g} GB when unpacked")
            if "header.json" not in names:
                raise StoreError(f"{path}: expected the log of a finished evaluation of Inspect: no header.json in it")
            samples = [one for one in names if one.startswith("samples/") and one.endswith(".json")]
            header = _loads(archive.read("header.json").decode("utf-8"))
            return {**header, "samples": [_loads(archive.read(one).decode("utf-8")) for one in samples]}
    except NotImplementedError:  # a compression that this version of Python lacks
        raise StoreError(f"{path}: its compression is not supported: run inspect log convert --to json") from None
    except (OSError, ValueError, RecursionError, TypeError, zipfile.BadZipFile, EOFError) as error:
        raise StoreError(f"{path}: not a log of Inspect: {error}") from None
