"""Reads and writes recordings: responses as JSONL, to commit and to replay.

Replaying needs no model, key or network. A header line with the number of responses, then one response per line, sorted
by key. Equal responses give equal bytes. Recordings are untrusted: every line is validated, and its key is computed
again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from evalharness.errors import StoreError
from evalharness.redaction import scrubbed, shortened
from evalharness.store.files import write_below, write_whole
from evalharness.store.recorded import Recorded, canonical, request_key, response_from_json, response_to_json
from evalharness.store.runs import check_kind, stored_lines
from evalharness.store.upgrade import SCHEMA, upgraded_request, upgraded_response

_KEYS = {"key", "recorded_at", "request", "response"}


def write_recording(path: Path, suite: str, rows: Iterable[Recorded], root: Path | None = None) -> int:
    """Write the responses. Returns their number. Raises StoreError.

    `root`: below it, no symbolic link is followed; None for a path that the user has named.
    """
    lines = [_line(row) for row in sorted(rows, key=lambda row: row.key)]
    header = {"schema": SCHEMA, "kind": "recording", "suite": suite, "responses": len(lines)}
    text = "".join(json.dumps(scrubbed(line), ensure_ascii=False, allow_nan=False) + "\n" for line in (header, *lines))
    if root is None:
        write_whole(path, text)
    else:
        write_below(root, path, text)
    return len(lines)


def read_recording(path: Path) -> list[Recorded]:
    """The responses of a recording. Raises StoreError with file and line."""
    lines = stored_lines(path)
    _, first = next(lines, (1, {}))
    old = check_kind(path, first, "recording") < SCHEMA
    rows: dict[str, Recorded] = {}
    for number, line in lines:
        row = _upgraded(_row(path, number, upgraded_response(line))) if old else _row(path, number, line)
        if row.key in rows:
            raise StoreError(f"{path}:{number}: duplicate request")
        rows[row.key] = row
    if first.get("responses") != len(rows):
        raise StoreError(f"{path}:1: expected {first.get('responses')} responses, got {len(rows)}")
    return list(rows.values())


def _line(row: Recorded) -> dict[str, Any]:
    request, response = json.loads(row.request), response_to_json(row.response)
    return {"key": row.key, "recorded_at": row.recorded_at, "request": request, "response": response}


def _row(path: Path, number: int, line: Mapping[str, Any]) -> Recorded:
    if line.keys() != _KEYS or line["response"] is None or not isinstance(line["recorded_at"], str):
        raise StoreError(f"{path}:{number}: expected the fields {', '.join(sorted(_KEYS))}")
    request = canonical(line["request"])
    if line["key"] != request_key(request):
        raise StoreError(f"{path}:{number}: the key does not match the request: the line was edited")
    try:
        return Recorded(line["key"], request, response_from_json(line["response"]), _date(line["recorded_at"]))
    except ValueError as error:
        raise StoreError(f"{path}:{number}: invalid response: {error}") from None


def _upgraded(row: Recorded) -> Recorded:
    request = upgraded_request(row.request)
    return replace(row, key=request_key(request), request=request)


def _date(text: str) -> str:
    try:
        with_zone = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        with_zone = False
    if not with_zone:
        raise ValueError(f"recorded_at: expected a date with a time zone, got {shortened(text, 40)!r}")
    return text
