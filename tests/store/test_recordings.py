"""Recordings: equal bytes for equal responses, and errors with the line for damaged files."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalharness.errors import StoreError
from evalharness.records import Response, Timing, Usage
from evalharness.store.recorded import Recorded, canonical, request_key
from evalharness.store.recordings import read_recording, write_recording

TEXTS = (
    "",
    "two\nlines\r\nand\rmore",
    "nul\x00esc\x1b[31m",
    "u2028\u2028u2029\u2029nel\x85",
    "\N{GRINNING FACE}\N{ZERO WIDTH JOINER} and \N{LATIN SMALL LETTER E WITH ACUTE}",
    "lone \ud83d half, \\ud83d written out, and \\\ud83d both",
    'quote " and \\ slash',
    '{"key": null}\n{"schema": 1}',
    "\ufeffbom",
    "long " * 200_000,
)


def a_recorded(text: str, number: int = 0) -> Recorded:
    """A recorded response with `text` in every free text, including its request."""
    request = canonical({"wire": {"messages": [f"{number}{text}"]}, "repeat": number})
    response = Response(text, "stop", Usage(9, 1), Timing(0.25, 0.1), text[:50], text[:50])
    return Recorded(request_key(request), request, response, "2026-01-01T00:00:00+00:00")


ROWS = [replace(a_recorded("", number), response=a_recorded("Yes.").response) for number in range(5)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A recording of five responses."""
    path = tmp_path / "golden" / "demo.jsonl"
    assert write_recording(path, "demo", ROWS) == 5
    return path


@pytest.mark.parametrize("seed", range(3))
def test_same_bytes(path: Path, seed: int) -> None:
    """The bytes do not depend on the order of the responses, so that a diff shows changes only."""
    before = path.read_bytes()
    write_recording(path, "demo", random.Random(seed).sample(ROWS, 5))
    assert path.read_bytes() == before
    write_recording(path, "demo", read_recording(path))
    assert path.read_bytes() == before


def test_logprobs_round_trip(path: Path) -> None:
    """Log-probabilities are read as written, and a recording without them has no field for them."""
    assert "logprobs" not in path.read_text()
    row = a_recorded("Yes.")
    row = replace(row, response=replace(row.response, logprobs=(-0.5,), golden_logprobs=((-0.25, 0.0), (-3.0,))))
    write_recording(path, "demo", [row])
    assert read_recording(path) == [row]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_round_trip(path: Path, text: str) -> None:
    """Any text is read as written, with one response per line."""
    row = a_recorded(text)
    write_recording(path, "demo", [row])
    assert read_recording(path) == [row]
    assert path.read_bytes().count(b"\n") == 2


def test_empty_recording(path: Path) -> None:
    """A recording can be empty."""
    assert write_recording(path, "demo", []) == 0
    assert read_recording(path) == []


def line_of(**changes: Any) -> Callable[[list[str]], list[str]]:
    """Change fields of the third line; None removes one."""

    def edit(lines: list[str]) -> list[str]:
        value = {**json.loads(lines[2]), **changes}
        whole = json.dumps({name: inner for name, inner in value.items() if inner is not None})
        return [*lines[:2], whole, *lines[3:]]

    return edit


def header(**changes: Any) -> Callable[[list[str]], list[str]]:
    """Change fields of the first line."""
    return lambda lines: [json.dumps(json.loads(lines[0]) | changes), *lines[1:]]


def within(old: str, new: str) -> Callable[[list[str]], list[str]]:
    """Replace a text in the third line."""

    def edit(lines: list[str]) -> list[str]:
        assert old in lines[2]
        return [*lines[:2], lines[2].replace(old, new), *lines[3:]]

    return edit


RESPONSE = {"text": "Yes.", "finish_reason": "stop", "usage": {"prompt_tokens": 9, "completion_tokens": 1}}
FIELDS = "expected the fields key, recorded_at, request, response"


@pytest.mark.parametrize(
    ("edit", "line", "message"),
    [
        (within('"repeat": ', '"repeat": 1'), 3, "the key does not match the request: the line was edited"),
        (line_of(request={"wire": "other"}), 3, "the line was edited"),
        (line_of(key="0" * 64), 3, "the line was edited"),
        (within("0.25", "NaN"), 3, "expected a finite number, got NaN"),
        (within("0.25", "1e999"), 3, "expected a finite number, got 1e999"),
        (line_of(comment="mine"), 3, FIELDS),
        (line_of(recorded_at=None), 3, FIELDS),
        (line_of(recorded_at=5), 3, FIELDS),
        (line_of(recorded_at=""), 3, "recorded_at"),
        (line_of(recorded_at="\x1b]52;c;cHduZWQ=\x07"), 3, "recorded_at"),
        (line_of(response=None), 3, FIELDS),
        (line_of(response=[]), 3, "invalid response: expected a JSON object, got list"),
        (line_of(response=RESPONSE), 3, "invalid response: timing"),
        (line_of(response={**RESPONSE, "timing": {"total_s": -1}}), 3, "invalid response: timing.total_s"),
        (line_of(response={**RESPONSE, "timing": {"total_s": 1}, "x": 1}), 3, "invalid response: x"),
        (lambda lines: [*lines[:2], "[]", *lines[3:]], 3, "expected a JSON object, got list"),
        (lambda lines: [*lines[:2], lines[2][:-1], *lines[3:]], 3, "not JSON"),
        (lambda lines: [*lines[:2], "", *lines[3:]], 3, "not JSON"),
        (lambda lines: lines[:-1], 1, "expected 5 responses, got 4"),
        (lambda lines: [*lines, lines[2]], 7, "duplicate request"),
        (lambda lines: [*lines[:-1], lines[2]], 6, "duplicate request"),
        (header(responses="5"), 1, "expected 5 responses"),
        (header(schema=3), 1, "schema 3, this version reads 1 to 2: upgrade evalharness"),
        (header(schema=None), 1, "schema null, this version reads 1 to 2"),
        (header(kind="run"), 1, "not a recording"),
        (lambda lines: lines[1:], 1, "not a recording"),
        (lambda lines: [], 1, "not a recording"),
    ],
)
def test_refused(path: Path, edit: Callable[[list[str]], list[str]], line: int, message: str) -> None:
    """An edited recording is refused as a whole, with file and line."""
    lines = edit(path.read_text(encoding="utf-8").split("\n")[:-1])
    path.write_text("".join(f"{text}\n" for text in lines), encoding="utf-8")
    with pytest.raises(StoreError, match=re.escape(message)) as caught:
        read_recording(path)
    assert re.match(rf"{re.escape(str(path))}:{line}\b", str(caught.value)), caught.value


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], ":6: the last line is cut off"),
        (lambda data: data[:-200], ":6: the last line is cut off"),
        (lambda data: data[:20], ":1: the last line is cut off"),
        (lambda data: data.replace(b"Yes", b"\xff\xfe"), ": cannot be read: 'utf-8' codec"),
        (lambda data: b"\xef\xbb\xbf" + data, ":1:1: not JSON"),
    ],
)
def test_damaged(path: Path, damage: Callable[[bytes], bytes], message: str) -> None:
    """A file that is cut off, or is not UTF-8, is refused by name."""
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StoreError, match=re.escape(f"{path}{message}")):
        read_recording(path)


def test_missing_file(tmp_path: Path) -> None:
    """A missing file cannot be read, and a path below a file cannot be written."""
    with pytest.raises(StoreError, match=r"none\.jsonl: cannot be read"):
        read_recording(tmp_path / "none.jsonl")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file/x\.jsonl: cannot be written"):
        write_recording(tmp_path / "file" / "x.jsonl", "demo", ROWS)


def test_an_edited_text_is_accepted(path: Path) -> None:
    """The text of a response can be edited: the key covers the request only, and importing means accepting."""
    path.write_text(path.read_text().replace("Yes.", "No."))
    edited = [replace(row, response=a_recorded("No.").response) for row in ROWS]
    assert read_recording(path) == sorted(edited, key=lambda row: row.key)
