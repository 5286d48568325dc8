"""One run at a time in a folder of reports, file systems without locks, and a ledger that cannot be written."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evalharness.errors import StoreError
from evalharness.store.locks import LOCK, RunLock, locked
from evalharness.testing import FaultServer, Project
from evalharness.testing.ci import leave_ci

HOLD = """
import sys
from pathlib import Path
from evalharness.store.locks import RunLock
lock = RunLock(Path(sys.argv[1]), Path(sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with an accepted run."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = Project(tmp_path / "project")
    project.write_suite()
    project.accept()
    return project


def holder(project: Project) -> subprocess.Popen[str]:
    """Another process that holds the lock of the suite's reports."""
    command = [sys.executable, "-c", HOLD, str(project.root / "reports/demo"), str(project.root)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_two_runs_in_one_folder(project: Project) -> None:
    """The second run ends with the process and the time of the first, and changes none of its files."""
    before = project.verdict()
    with holder(project) as first:
        wanted = (
            rf"reports/demo: another run writes to this folder \(process {first.pid}, since 20\d\d-\d\d-\d\dT[\d:]+"
        )
        with pytest.raises(StoreError, match=wanted) as caught:
            project.evaluate()
        assert "write to another folder (--llm-report, report=)" in str(caught.value)
        assert project.verdict() == before
        assert project.evaluate(report="other").run.complete
        first.kill()
    assert project.evaluate().run.complete
    assert not (project.root / "reports/demo" / LOCK).exists()


def test_a_run_that_ends_early_leaves_no_lock(project: Project) -> None:
    """After a run that ended before its reports, the same process can run again."""
    with pytest.raises(RuntimeError, match="enough"):
        project.evaluate(on_sample=lambda sample: (_ for _ in ()).throw(RuntimeError("enough")))
    assert project.evaluate().run.complete
    project.configure(scripted={"provider": "scripted", "answers": "missing.json"})
    for _ in range(2):
        with pytest.raises(Exception, match=r"missing\.json"):
            project.evaluate()
    project.configure()
    assert project.evaluate().run.complete


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"pid": "x"}', '{"pid": 1, "since": "\u001b[31m"}'])
def test_the_text_of_a_lock_is_untrusted(tmp_path: Path, text: str) -> None:
    """A lock with another content is a lock without details."""
    (tmp_path / LOCK).write_text(text)
    with (tmp_path / LOCK).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="another run writes to this folder: wait for its end"):
            RunLock(tmp_path, tmp_path)


def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every `flock` fail as on a network file system without locks."""

    def fail(handle: object, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", fail)


def test_no_locks(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without locks, a run and an acceptance end with a sentence, and nothing changes."""
    before = project.read("golden/HISTORY.jsonl")
    without_locks(monkeypatch)
    with pytest.raises(StoreError, match="reports/demo: cannot be locked: No locks available: move the folder to"):
        project.evaluate()
    done = project.command("accept", "demo", "--because", "x")
    assert done.exit_code == 1
    assert re.search("golden: cannot be locked: No locks available: move the folder to", done.output)
    assert project.read("golden/HISTORY.jsonl") == before


def test_locked_waits(tmp_path: Path) -> None:
    """`locked` is released at the end of its block."""
    for _ in range(2):
        with locked(tmp_path, tmp_path):
            assert list(tmp_path.iterdir()) == []


REPLAY = """
import sys
from evalharness.testing import Project
from pathlib import Path
project = Project(Path(sys.argv[1]))
evaluation = project.evaluate(record=sys.argv[2])
print(evaluation.status, [sample.error.message for sample in evaluation.run.samples if sample.error])
"""


@pytest.fixture
def recorded(project: Project) -> Project:
    """A project whose responses are recorded, and whose endpoint is gone."""
    with FaultServer() as server:
        table = {"provider": "openai", "base_url": server.url, "model": "m"}
        project.configure(scripted=table)
        project.accept()
    return project


def read_only(project: Project, mode: str) -> str:
    """Evaluate with a read-only cache: the output of the child."""
    folder = project.cache / "evalharness"
    mounts = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    command = [sys.executable, "-c", REPLAY, str(project.root), mode]
    if os.geteuid() == 0:
        command = ["unshare", "-m", "sh", "-c", mounts, str(folder), *command]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if "mount" in done.stderr or "unshare" in done.stderr:
            pytest.skip("needs a mount, or another user than root")
    else:
        for path in folder.iterdir():
            path.chmod(0o400)
        folder.chmod(0o500)
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        folder.chmod(0o700)
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("mode", ["none", "once"])
def test_a_read_only_ledger_replays(recorded: Project, mode: str) -> None:
    """If everything is recorded, a ledger that cannot be written is enough."""
    before = {path: path.read_bytes() for path in recorded.cache.rglob("*") if path.is_file()}
    assert read_only(recorded, mode).endswith(" []\n")
    assert json.loads(recorded.read("reports/demo/verdict.json"))["complete"]
    assert {path: path.read_bytes() for path in recorded.cache.rglob("*") if path.is_file()} == before


def test_a_read_only_ledger_sends_nothing(recorded: Project) -> None:
    """What is not recorded is an error: the ledger could not keep the response."""
    recorded.edit("suites/demo.yaml", "{{ question }}", "{{ question }} Now.")
    with FaultServer() as server:
        text = recorded.read("pyproject.toml")
        recorded.write("pyproject.toml", re.sub(r"http://[^\"]*", server.url, text))
        output = read_only(recorded, "once")
        assert output.startswith("error")
        assert "the ledger cannot be written" in output
        assert [post for post in server.log if post.body] == []


def test_a_read_only_ledger_of_schema_1(recorded: Project) -> None:
    """A ledger that needs an upgrade must be writable once."""
    import sqlite3

    [path] = recorded.cache.rglob("ledger.sqlite")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    with pytest.raises(AssertionError, match="read-only, and schema 1 needs an upgrade: make the file writable"):
        read_only(recorded, "none")
