"""The file of acceptances: lines are only added, no line is lost, and damaged ones are reported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from repository import Repository
from stored_records import a_run

from evalharness.config import Config, ModelConfig
from evalharness.errors import RefusedError, StoreError
from evalharness.evaluation.acceptance import Reason, accept_run
from evalharness.store import read_baseline, together
from evalharness.store.acceptances import (
    ACCEPTANCES,
    Acceptance,
    acceptances_with,
    new_acceptance,
    person,
    read_acceptances,
)
from evalharness.store.files import write_below
from evalharness.store.lines import append_line
from evalharness.testing.ci import leave_ci


def acceptance(**values: Any) -> Acceptance:
    """An acceptance with defaults."""
    plain = {
        "at": "2026-01-02T03:04:05+00:00",
        "by": "me",
        "because": "it is right",
        "suite": "demo",
        "run": "r1",
        "commit": None,
        "dirty": False,
        "models": ["fake"],
        "prompts": ["plain"],
        "overrode": "fail",
    }
    return new_acceptance(**{**plain, **values})


def record_acceptance(root: Path, one: Acceptance) -> None:
    """Add an acceptance to the file."""
    write_below(root, root / ACCEPTANCES, acceptances_with(root, one))


def test_read_as_written(tmp_path: Path) -> None:
    """Acceptances are read as written, in order; each line has its version."""
    for number in range(3):
        record_acceptance(tmp_path, acceptance(run=f"r{number}", because='a "reason"\n\u2028'))
    found, problems = read_acceptances(tmp_path)
    assert ([one.run for one in found], problems) == (["r0", "r1", "r2"], [])
    lines = (tmp_path / ACCEPTANCES).read_text().split("\n")[:-1]
    assert [json.loads(line)["schema"] for line in lines] == [1, 1, 1]


def test_older_lines(tmp_path: Path) -> None:
    """A line without the fields of later versions is read, and says nothing about them."""
    record_acceptance(tmp_path, acceptance())
    [line] = (tmp_path / ACCEPTANCES).read_text().splitlines()
    assert not {"origins", "verdicts", "relaxed"} & json.loads(line).keys()
    [found], problems = read_acceptances(tmp_path)
    assert (found.relaxed, found.verdicts, problems) == (None, None, [])


def test_what_was_relaxed(tmp_path: Path) -> None:
    """The relaxing changes and the counts of the gates are read as written; "nothing relaxed" is not "unknown"."""
    for relaxed in ([], ["gates: 0.05 -> 0.5"]):
        record_acceptance(tmp_path, acceptance(relaxed=relaxed, verdicts={"pass": 2, "fail": 1}))
    found, _ = read_acceptances(tmp_path)
    assert [one.relaxed for one in found] == [[], ["gates: 0.05 -> 0.5"]]
    assert found[0].verdicts == {"pass": 2, "fail": 1}


@pytest.mark.parametrize("relaxed", [["x"] * 51, ["x" * 2001]], ids=["many", "long"])
def test_relaxed_is_bounded(relaxed: list[str]) -> None:
    """A list with more than 50 changes, or a long one, is refused."""
    with pytest.raises(RefusedError, match="relaxed"):
        acceptance(relaxed=relaxed)


def test_no_file(tmp_path: Path) -> None:
    """Without a file there are no acceptances and no problems."""
    assert read_acceptances(tmp_path) == ([], [])


def test_two_at_once(tmp_path: Path) -> None:
    """Two processes that append at the same time lose no line."""
    script = (
        "import sys; from pathlib import Path; from evalharness.store.lines import append_line\n"
        "for n in range(200): append_line(Path(sys.argv[1]), {'n': n, 'writer': sys.argv[2], 'pad': 'x' * 5000})"
    )
    path = tmp_path / "golden/H.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", script, str(path), name]) for name in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [[line["n"] for line in lines if line["writer"] == name] for name in "ab"] == [list(range(200))] * 2


def test_cut_off(tmp_path: Path) -> None:
    """A last line that a crash has cut off is reported; the next one starts on its own line, and both stay."""
    record_acceptance(tmp_path, acceptance())
    path = tmp_path / ACCEPTANCES
    path.write_bytes(path.read_bytes()[:-40])
    assert read_acceptances(tmp_path)[1] == [
        f"{ACCEPTANCES}:1: the last line is cut off: restore it from git, or delete it"
    ]
    before = path.read_bytes()
    record_acceptance(tmp_path, acceptance(run="r2"))
    assert path.read_bytes().startswith(before + b"\n")
    found, problems = read_acceptances(tmp_path)
    assert [one.run for one in found] == ["r2"]
    assert len(problems) == 1
    assert problems[0].startswith(f"{ACCEPTANCES}:1:")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"[1]", "expected a JSON object, got list"),
        (b'{"schema": 1}', "Field required"),
        (b'{"schema": 2, "new": 1}', "schema 2, this version reads 1: upgrade evalharness"),
        (b"\xff{}", "not UTF-8"),
    ],
)
def test_damage(tmp_path: Path, line: bytes, message: str) -> None:
    """An invalid line is reported with its place; the others are read."""
    record_acceptance(tmp_path, acceptance())
    with (tmp_path / ACCEPTANCES).open("ab") as file:
        file.write(line + b"\n")
    record_acceptance(tmp_path, acceptance(run="r3"))
    found, problems = read_acceptances(tmp_path)
    assert [one.run for one in found] == ["r1", "r3"]
    assert len(problems) == 1
    assert problems[0].startswith(f"{ACCEPTANCES}:2: ")
    assert message in problems[0]


def test_not_through_a_link(tmp_path: Path) -> None:
    """A symbolic link instead of the file is not followed."""
    (tmp_path / "golden").mkdir()
    (tmp_path / ACCEPTANCES).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="cannot be written"):
        record_acceptance(tmp_path, acceptance())
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that does not fit on the disk leaves the file unchanged."""
    path = tmp_path / "lines.jsonl"
    append_line(path, {"n": 1})
    before, write = path.read_bytes(), os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:5]))
    with pytest.raises(StoreError, match="cannot be written"):
        append_line(path, {"n": 2})
    assert path.read_bytes() == before


def test_too_long() -> None:
    """A reason with 3,000 characters is refused."""
    with pytest.raises(RefusedError, match="because: String should have at most 2000 characters"):
        acceptance(because="x" * 3000)


def test_person(tmp_path: Path) -> None:
    """The person is the user in the configuration of git."""
    repository = Repository(tmp_path / "work")
    repository.git("config", "user.name", "Ada")
    repository.git("config", "user.email", "ada@example.org")
    assert person(repository.root) == "Ada <ada@example.org>"


def test_two_accepted_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If two runs are accepted at the same time, the baseline and the acceptances have both."""
    leave_ci(monkeypatch)
    write_below = together.write_below

    def slowly(root: Path, path: Path, text: str) -> None:
        time.sleep(0.2)  # without a lock, the other thread has read the old baseline by now
        write_below(root, path, text)

    monkeypatch.setattr(together, "write_below", slowly)
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites/demo.yaml").write_text("schema: 1\n")
    config = Config(root=tmp_path, models={"m": ModelConfig(provider="scripted")})
    runs = [a_run(name=name) for name in ("r1", "r2")]
    with ThreadPoolExecutor() as pool:
        done = [pool.submit(accept_run, run, config, Reason("", "pass")) for run in runs]
        [path] = {path for one in done for path in one.result()}
    baseline = read_baseline(path, tmp_path)
    assert baseline
    assert sorted(run.id for run in baseline.runs) == ["r1", "r2"]
    assert sorted(one.run for one in read_acceptances(tmp_path)[0]) == ["r1", "r2"]
