"""Reads and writes the records of load tests: `reports/load/SUITE/load.jsonl`.

A header line, a line for each request in the order of their ends, and an end line. A load writes `load.jsonl.part`,
which gets its name at the end; a file without the end line is that of a killed load.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from evalharness.errors import StoreError
from evalharness.records.load import LoadEnd, LoadHeader, LoadRequest, LoadRun
from evalharness.redaction import scrubbed
from evalharness.store.files import CREATE, LONE_SURROGATES, open_regular, write_all
from evalharness.store.folders import folder_of, writing
from evalharness.store.runs import PART, parse_line

LOAD_RECORD = "load.jsonl"
LOAD_SCHEMA = 1
LOAD_FILES = ("verdict.json", "load.html")
"""The files beside the record."""
_RECORDS = r"load(-\d+)?\.jsonl(\.part)?"
_KIND = "load"
_T = TypeVar("_T")
_HEADER, _REQUEST, _END = TypeAdapter(LoadHeader), TypeAdapter(LoadRequest), TypeAdapter(LoadEnd)
_MOST_S, _MOST_TOKENS = 1e9, 10**12
_MOST_WAITING = 200
"""Lines that are written together: a write for each request would cost more than the request."""


class LoadWriter:
    """Writes a record as a stream. Below `root`, no symbolic link is followed. Raises StoreError."""

    def __init__(self, path: Path, header: LoadHeader, root: Path | None = None) -> None:
        self._path, self._part, self._root = path, path.with_name(path.name + PART), root
        self._waiting: list[bytes] = []
        with writing(path), folder_of(path, root) as folder:
            for stale in (self._part.name, path.name):
                with suppress(FileNotFoundError):
                    os.unlink(stale, dir_fd=folder)
            self._handle = os.open(self._part.name, CREATE, 0o644, dir_fd=folder)
        self._add({"schema": LOAD_SCHEMA, "kind": _KIND, **_HEADER.dump_python(header, mode="json")})
        self._flush()

    def append(self, request: LoadRequest) -> None:
        """Append a request."""
        self._add({"request": _without_defaults(_REQUEST.dump_python(request, mode="json"))})
        if len(self._waiting) >= _MOST_WAITING:
            self._flush()

    def end(self, end: LoadEnd) -> None:
        """Write the last line, and give the file its name."""
        self._add({"end": _END.dump_python(end, mode="json")})
        self._flush()
        with writing(self._path), folder_of(self._part, self._root) as folder:
            os.fsync(self._handle)
            os.replace(self._part.name, self._path.name, src_dir_fd=folder, dst_dir_fd=folder)
        self.close()

    def close(self) -> None:
        """Close the file; without `end`, it stays that of a killed load. Safe to call twice."""
        if self._handle >= 0:
            with suppress(StoreError):
                self._flush()
            os.close(self._handle)
            self._handle = -1

    def _add(self, value: dict[str, Any]) -> None:
        line = json.dumps(scrubbed(value), ensure_ascii=False, allow_nan=False) + "\n"
        self._waiting.append(line.encode("utf-8", LONE_SURROGATES))

    def _flush(self) -> None:
        waiting, self._waiting = b"".join(self._waiting), []
        with writing(self._path):
            write_all(self._handle, waiting)


def delete_stale_load(folder: Path, root: Path) -> None:
    """Delete the files of an older load, so that none is taken for one of this load. Raises StoreError."""
    with writing(folder), folder_of(folder / LOAD_RECORD, root) as handle:
        for name in os.listdir(handle):  # noqa: PTH208 - of a descriptor
            if name in LOAD_FILES or re.fullmatch(_RECORDS, name):
                os.unlink(name, dir_fd=handle)


def _without_defaults(line: dict[str, Any]) -> dict[str, Any]:
    """The line without what is empty or unknown."""
    return {name: value for name, value in line.items() if value not in (None, "", [])}


def read_load(path: Path) -> LoadRun:
    """The record at this path. Raises StoreError with file and line, see `LoadReader`."""
    reader = LoadReader(path)
    return LoadRun(reader.header, tuple(reader.requests()), reader.end)


class LoadReader:
    """Reads a record as a stream. Raises StoreError with file and line if it is damaged or of an unknown version."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.header = self._header()
        self.end: LoadEnd | None = None
        """The end line, once `requests` has passed it; None for a killed load."""

    def requests(self) -> Iterator[LoadRequest]:
        """The requests in the order of their ends."""
        for number, line in _lines(self._path):
            if number == 1:
                continue
            if self.end is not None or line.keys() not in ({"request"}, {"end"}):
                raise StoreError(f"{self._path}:{number}: invalid load record: expected a request, or one end line")
            if "end" in line:
                self.end = self._valid(_END, number, line["end"])
            else:
                yield self._request(number, line["request"])

    def _header(self) -> LoadHeader:
        number, first = next(_lines(self._path), (1, {}))
        if first.get("kind") != _KIND:
            raise StoreError(f'{self._path}:1: not a load record: expected "kind": "{_KIND}" in the first line')
        if first.get("schema") != LOAD_SCHEMA or isinstance(first["schema"], bool):
            newer = isinstance(first.get("schema"), int) and first["schema"] > LOAD_SCHEMA
            action = ": upgrade evalharness" if newer else ""
            raise StoreError(
                f"{self._path}:1: schema {json.dumps(first.get('schema'))}, this version reads {LOAD_SCHEMA}{action}"
            )
        return self._valid(
            _HEADER, number, {name: value for name, value in first.items() if name not in ("schema", "kind")}
        )

    def _request(self, number: int, value: Any) -> LoadRequest:
        found = self._valid(_REQUEST, number, value)
        times = [found.scheduled_s, found.sent_s, found.first_token_s, found.ended_s, *found.gaps_s]
        if wrong := [one for one in times if one is not None and not 0 <= one <= _MOST_S]:
            raise StoreError(f"{self._path}:{number}: expected seconds from 0 to {_MOST_S:g}, got {wrong[0]:g}")
        if not 0 <= (found.output_tokens or 0) <= _MOST_TOKENS:
            raise StoreError(f"{self._path}:{number}: output_tokens: expected at most {_MOST_TOKENS:,} tokens")
        if found.ended_s is None and not found.error:
            raise StoreError(f"{self._path}:{number}: expected `ended_s` or an `error`")
        return found

    def _valid(self, kind: TypeAdapter[_T], number: int, value: Any) -> _T:
        try:
            return kind.validate_python(value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise StoreError(f"{self._path}:{number}: invalid load record: {where}: {first['msg']}") from None


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The lines with their numbers. A killed load may cut off the last line, which is then left out."""
    try:
        with open(path, encoding="utf-8", opener=open_regular, newline="\n") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith("\n"):
                    if number == 1 or path.suffix != PART:
                        raise StoreError(f"{path}:{number}: the line is cut off")
                    return
                yield number, parse_line(path, number, line)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(f"{path}: cannot be read: {reason}") from None
