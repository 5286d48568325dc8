"""The outbox of a worker: what is on disk, what is deleted, and what another process finds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from evalharness.errors import StoreError
from evalharness.records import Response, Timing, Usage
from evalharness.store.outbox import Kept, Outbox, delete, kept_in, left_behind, lines_of
from evalharness.store.recorded import Recorded

RESPONSE = Response("Yes.", "stop", Usage(3, 1), Timing(total_s=0.5), model="m")


def a_row(number: int) -> Recorded:
    """A recorded response whose text is its number."""
    response = replace(RESPONSE, text=f"{number}")
    return Recorded(f"{number:064}", f'{{"n":{number}}}', response, "2026-01-02T03:04:05+00:00")


def kept(folder: Path, worker: str = "w") -> list[Kept]:
    """What the files of a worker hold."""
    return list(kept_in(lines_of(folder, worker)))


def test_a_response_is_found(tmp_path: Path) -> None:
    """What `add` has written is read back with its attempt, by the id of the worker alone."""
    outbox = Outbox(tmp_path / "box", "w")
    outbox.add("run-1", a_row(1))
    assert kept(tmp_path / "box") == [Kept("run-1", a_row(1))]
    assert kept(tmp_path / "box", "other") == []


def test_files_are_private(tmp_path: Path) -> None:
    """No other user can read a response on its way."""
    Outbox(tmp_path / "box", "w").add("run-1", a_row(1))
    (file,) = (tmp_path / "box").iterdir()
    assert [one.stat().st_mode & 0o077 for one in (file, file.parent)] == [0, 0]


def test_what_the_ledger_has_is_deleted(tmp_path: Path) -> None:
    """Full files are deleted once the ledger has all of their responses, the last one when the outbox closes."""
    outbox = Outbox(tmp_path, "w")
    for number in range(450):
        outbox.add(f"run-{number}", a_row(number))
    assert len(list(tmp_path.iterdir())) == 3
    outbox.forget(f"run-{number}" for number in range(200))
    assert len(list(tmp_path.iterdir())) == 2
    outbox.forget(f"run-{number}" for number in range(200, 450))
    outbox.close()
    assert list(tmp_path.iterdir()) == []


def test_the_rest_is_left_behind(tmp_path: Path) -> None:
    """A closed outbox leaves the file with a response that the ledger lacks; an open one is not left behind."""
    outbox = Outbox(tmp_path, "w")
    outbox.add("run-1", a_row(1))
    outbox.add("run-2", a_row(2))
    assert list(left_behind(tmp_path)) == []
    outbox.forget(["run-1"])
    outbox.close()
    ((name, lines),) = left_behind(tmp_path)
    assert [one.attempt for one in kept_in(lines)] == ["run-1", "run-2"]
    delete(tmp_path, [name, name])
    assert list(left_behind(tmp_path)) == []


def test_damaged_lines_are_left_out(tmp_path: Path) -> None:
    """A line that was cut off or changed is no response; the others are."""
    outbox = Outbox(tmp_path, "w")
    for number in range(3):
        outbox.add(f"run-{number}", a_row(number))
    outbox.close()
    (file,) = tmp_path.iterdir()
    first, second, third = file.read_bytes().splitlines()
    assert b'\\"text\\":\\"1\\"' in second
    changed = second.replace(b'\\"text\\":\\"1\\"', b'\\"text\\":\\"7\\"')
    file.write_bytes(b"\n".join([first, changed, third[:-20]]))
    assert [one.attempt for one in kept(tmp_path)] == ["run-0"]


def test_delete_stays_in_the_folder(tmp_path: Path) -> None:
    """A name with a path deletes nothing outside."""
    (tmp_path / "box").mkdir()
    (tmp_path / "other.jsonl").write_text("x")
    delete(tmp_path / "box", ["../other.jsonl"])
    assert (tmp_path / "other.jsonl").exists()


def test_threads(tmp_path: Path) -> None:
    """Responses that arrive together are all on disk."""
    outbox = Outbox(tmp_path, "w")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: outbox.add(f"run-{number}", a_row(number)), range(500)))
    assert {one.attempt for one in kept(tmp_path)} == {f"run-{number}" for number in range(500)}


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """The error names the folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file.*cannot be written"):
        Outbox(tmp_path / "file" / "box", "w").add("run-1", a_row(1))
