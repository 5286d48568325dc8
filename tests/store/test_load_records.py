"""Records of load tests: written as a stream, read back, and damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from loads import a_header

from evalharness import StoreError
from evalharness.records.load import (
    LoadEnd,
    LoadRequest,
    LoadRun,
)
from evalharness.redaction import redact_variable
from evalharness.store.load_records import LOAD_RECORD, LoadReader, LoadWriter, read_load

HEADER = a_header()
ANSWER = LoadRequest(
    index=0,
    version="candidate",
    block=0,
    case="a",
    prompt="answer",
    scheduled_s=1.0,
    sent_s=1.25,
    first_token_s=1.5,
    ended_s=3.5,
    output_tokens=5,
    gaps_s=(0.25, 1.0, 0.75),
)
ERROR = replace(
    ANSWER, index=1, first_token_s=None, output_tokens=None, gaps_s=(), error="connect", message="no connection"
)
LOST = LoadRequest(2, "candidate", 0, "a", "answer", 2.0, error="in-flight")


def written(folder: Path, requests: tuple[LoadRequest, ...] = (ANSWER, ERROR, LOST)) -> Path:
    """A whole record in this folder."""
    path = folder / LOAD_RECORD
    writer = LoadWriter(path, HEADER)
    for request in requests:
        writer.append(request)
    writer.end(LoadEnd(61.5))
    return path


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Header, requests and end are equal after the way through the file."""
    assert read_load(written(tmp_path)) == LoadRun(HEADER, (ANSWER, ERROR, LOST), LoadEnd(61.5))


def test_latencies_count_from_the_scheduled_time() -> None:
    """A late send adds to the latency: it does not start the clock."""
    assert ANSWER.late_s == 0.25
    assert [ANSWER.latency_s(word) for word in ("ttft", "tpot", "itl", "e2el")] == [0.5, 0.5, 1.0, 2.5]


def test_an_answer_of_one_token_has_no_time_per_further_token() -> None:
    """`tpot` and `itl` need a second token."""
    short = replace(ANSWER, output_tokens=1, gaps_s=())
    assert (short.latency_s("tpot"), short.latency_s("itl")) == (None, None)


def test_a_killed_load_leaves_a_readable_part(tmp_path: Path) -> None:
    """Without an end, what was written is there, also where the last line is cut off."""
    writer = LoadWriter(tmp_path / LOAD_RECORD, HEADER)
    writer.append(ANSWER)
    writer.close()
    part = tmp_path / f"{LOAD_RECORD}.part"
    with part.open("a") as file:
        file.write('{"request": {"ind')
    assert read_load(part) == LoadRun(HEADER, (ANSWER,), None)
    assert not (tmp_path / LOAD_RECORD).exists()


def test_a_stream_is_read_line_by_line(tmp_path: Path) -> None:
    """The header is there before any request, the end after the last one."""
    reader = LoadReader(written(tmp_path))
    assert (reader.header, reader.end) == (HEADER, None)
    assert [request.index for request in reader.requests()] == [0, 1, 2]
    assert reader.end == LoadEnd(61.5)


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (1, "{}", r':1: not a load record: expected "kind": "load"'),
        (1, '{"kind": "load", "schema": 2}', ":1: schema 2, this version reads 1: upgrade evalharness"),
        (1, '{"kind": "load", "schema": 1}', ":1: invalid load record: id: "),
        (2, "{", ":2:1: not JSON"),
        (2, '{"request": {"index": 0}}', ":2: invalid load record: version: "),
        (2, '{"sample": {}}', ":2: invalid load record: expected a request, or one end line"),
        (5, '{"end": {}}', ":5: invalid load record: seconds: "),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: int, text: str, message: str) -> None:
    """The error has the file and the line."""
    path = written(tmp_path)
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(StoreError, match=message) as raised:
        read_load(path)
    assert str(raised.value).startswith(str(path))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("ended_s", -1.0, "expected seconds from 0"),
        ("gaps_s", [0.1, -0.1], "expected seconds from 0"),
        ("output_tokens", 10**15, "expected at most"),
        ("ended_s", None, "expected `ended_s` or an `error`"),
        ("version", "other", "version: "),
    ],
)
def test_impossible_requests_are_refused(tmp_path: Path, field: str, value: object, message: str) -> None:
    """No load can produce these values."""
    path = written(tmp_path)
    lines = path.read_text().splitlines()
    request = json.loads(lines[1])
    request["request"][field] = value
    lines[1] = json.dumps(request)
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(StoreError, match=f":2: .*{message}"):
        read_load(path)


def test_lines_after_the_end_are_refused(tmp_path: Path) -> None:
    """Two records in one file are no record."""
    path = written(tmp_path)
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")
    with pytest.raises(StoreError, match=":6: invalid load record: expected a request, or one end line"):
        read_load(path)


def test_a_whole_record_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    """Only the part of a killed load may end in the middle of a line."""
    path = written(tmp_path)
    path.write_text(path.read_text()[:-5])
    with pytest.raises(StoreError, match=":5: the line is cut off"):
        read_load(path)


def test_keys_stay_out_of_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text of an error may quote a key of the environment."""
    monkeypatch.setenv("DEMO_API_KEY", "sk-0123456789abcdef0123456789abcdef")
    redact_variable("DEMO_API_KEY")
    path = written(tmp_path, (replace(ERROR, message="bad key sk-0123456789abcdef0123456789abcdef"),))
    assert "0123456789abcdef" not in path.read_text()
