"""Files of schema 1, which version 0.1 wrote, are read as files of schema 2."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from stored_records import a_run, a_sample, accepted, write

from evalharness.records import SampleKey
from evalharness.store import read_baseline, read_run
from evalharness.store.ledger import Ledger
from evalharness.store.recorded import canonical, request_key
from evalharness.store.recordings import read_recording
from evalharness.store.upgrade import planned_repeats, upgraded_header, upgraded_request, upgraded_run_line

ROOT = Path(__file__).parents[2]
RESPONSE = {
    "text": "Yes.",
    "finish_reason": "stop",
    "usage": {"prompt_tokens": 9, "completion_tokens": 3, "cached_tokens": 0, "estimated": False},
    "timing": {"total_s": 0.25, "first_token_s": None, "prompt_tokens_per_s": None, "decode_tokens_per_s": None},
    "model": "",
    "fingerprint": "",
}
"""A response as version 0.1 stored it."""
OLD_REQUEST = {"model": {"provider": "x"}, "wire": {"messages": [], "shared": 1, "params": {}}, "repeat": 1002}
NEW_REQUEST = {
    "model": {"provider": "x"},
    "wire": {"messages": [], "shared_prefix": 1, "params": {}},
    "repeat": 2,
    "purpose": "reference",
}


def older(text: str, **names: str) -> str:
    """The text of a file with schema 1 and its old field names."""
    text = re.sub('{"schema":( ?)[23]', r'{"schema":\g<1>1', text)
    for today, then in names.items():
        text = text.replace(f'"{today}":', f'"{then}":')
    return text


@pytest.mark.parametrize(
    ("repeat", "key"),
    [
        (0, ("planned", 0)),
        (1, ("confirm", 1)),
        (1000, ("reference", 0)),
        (1002, ("reference", 2)),
        (2000, ("rerun", 0)),
        (2003, ("rerun", 3)),
    ],
)
def test_a_run(tmp_path: Path, repeat: int, key: tuple[str, int]) -> None:
    """Repeats from 1,000 and 2,000 on get a purpose; a sample that is not planned is of a confirmation."""
    run = a_run((a_sample("a"), a_sample("a", repeat=repeat)), planned=(SampleKey("a", "p", "m", 0),))
    path = write(tmp_path / "run.jsonl", run)
    path.write_text(older(path.read_text(), max_stages="looks").replace(',"planned"]', "]"))
    found = read_run(path)
    assert (found.samples[-1].purpose, found.samples[-1].key.repeat) == key
    assert found.header == run.header
    assert found.selected[-1] == found.samples[-1].key


def test_a_baseline(tmp_path: Path) -> None:
    """A baseline of schema 1 equals the same baseline of schema 2."""
    path = accepted(tmp_path, a_run(), a_run(name="run-2"))
    today = read_baseline(path, tmp_path)
    path.write_text(older(path.read_text(), request_digest="asked", samples="draws"))
    assert '"draws"' in path.read_text()
    assert read_baseline(path, tmp_path) == today


@pytest.mark.parametrize("path", sorted(ROOT.glob("golden/baselines/*/*.jsonl")), ids=lambda path: path.stem)
def test_the_committed_baselines(path: Path, tmp_path: Path) -> None:
    """The committed baselines in schema 1 equal those in schema 2, so every verdict is the same."""
    old = tmp_path / path.relative_to(ROOT)
    old.parent.mkdir(parents=True)
    old.write_text(older(path.read_text(), request_digest="asked", samples="draws"))
    assert read_baseline(old, tmp_path) == read_baseline(path, ROOT)


def test_a_recording(tmp_path: Path) -> None:
    """A recorded response keeps its date and gets the key of the upgraded request."""
    request = canonical(OLD_REQUEST)
    line = {"key": request_key(request), "asked_at": "2026-01-02T00:00:00+00:00", "request": OLD_REQUEST}
    header = {"schema": 1, "kind": "recording", "suite": "demo", "responses": 1}
    path = tmp_path / "r.jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in (header, line | {"response": RESPONSE})))
    (row,) = read_recording(path)
    assert (json.loads(row.request), row.key) == (NEW_REQUEST, request_key(canonical(NEW_REQUEST)))
    assert (row.recorded_at, row.response.text) == ("2026-01-02T00:00:00+00:00", "Yes.")


def old_ledger(path: Path, *, damaged: bool = False) -> None:
    """A ledger of schema 1 with one response."""
    values = (request_key(canonical(OLD_REQUEST)), canonical(OLD_REQUEST), canonical(RESPONSE), "2026-01-02T00:00:00Z")
    checksum = hashlib.sha256(json.dumps((*values[:3], "other") if damaged else values).encode()).digest()
    Ledger(path).close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("ALTER TABLE response RENAME COLUMN recorded_at TO asked_at")
    connection.execute("PRAGMA user_version = 1")
    connection.execute("INSERT INTO response VALUES (?, ?, ?, ?, ?)", (*values, checksum))
    connection.close()


def test_a_ledger(tmp_path: Path) -> None:
    """A response is found by the key of the upgraded request, on the first opening and later."""
    old_ledger(tmp_path / "ledger.sqlite")
    key = request_key(canonical(NEW_REQUEST))
    for _ in range(2):
        with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
            assert ledger.find([key])[key].response.text == "Yes."
            assert ledger.count() == 1


def test_a_damaged_ledger(tmp_path: Path) -> None:
    """A damaged row is still refused after the upgrade."""
    old_ledger(tmp_path / "ledger.sqlite", damaged=True)
    with (
        closing(Ledger(tmp_path / "ledger.sqlite")) as ledger,
        pytest.raises(Exception, match="checksum mismatch"),
    ):
        list(ledger.all())


@pytest.mark.parametrize("request_text", [b"\xff", "[" * 100_000, "no JSON"], ids=["bytes", "nested", "text"])
def test_a_row_that_cannot_be_upgraded(tmp_path: Path, request_text: str | bytes) -> None:
    """A row with an unreadable request does not keep the others from their upgrade."""
    path = tmp_path / "ledger.sqlite"
    old_ledger(path)
    values = ("0", request_text, "{}", "2026-01-02T00:00:00Z")
    checksum = b"" if isinstance(request_text, bytes) else hashlib.sha256(json.dumps(values).encode()).digest()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("INSERT INTO response VALUES (?, ?, ?, ?, ?)", (*values, checksum))
    connection.close()
    key = request_key(canonical(NEW_REQUEST))
    with closing(Ledger(path)) as ledger:
        assert ledger.find([key])[key].response.text == "Yes."
        assert ledger.count() == 2


ODD: list[Any] = [None, 5, "x", [], [None], [["a"]], [["a", "p", "m", "0"]], {"a": 1}, [{"asked": 1}, 5]]


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_odd_values(value: Any) -> None:
    """A value of an unexpected type stays unchanged, and the reader reports it."""
    header = upgraded_header({"schema": 1, "planned": value, "runs": value})
    assert re.search("planned", json.dumps(header))
    for line in ({"sample": value}, {"sample": {"key": value}}, {"end": value}, {"end": {"selected": value}}):
        assert upgraded_run_line(line, planned_repeats(header)).keys() == line.keys()
    assert json.loads(upgraded_request(json.dumps(value))) == value
