"""Atomic writes, and the environment of a run."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from evalharness.errors import StoreError
from evalharness.store import environment, in_ci, machine_class, write_whole


def test_written_whole(tmp_path: Path) -> None:
    """The text is written unchanged and readable by all; folders are created, and no temporary file is left."""
    path = tmp_path / "a" / "b" / "file.txt"
    for text in ("é\r\n\u2028", "", "second"):
        write_whole(path, text)
        assert path.read_bytes() == text.encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_half_a_surrogate_pair(tmp_path: Path) -> None:
    """Half a surrogate pair is written as a JSON escape."""
    write_whole(tmp_path / "file.json", '"\ud83d"')
    assert (tmp_path / "file.json").read_bytes() == b'"\\ud83d"'


def test_target_is_a_folder(tmp_path: Path) -> None:
    """A folder with the name of the file stays, and no temporary file is left."""
    (tmp_path / "file.txt").mkdir()
    with pytest.raises(StoreError, match=r"file\.txt: cannot be written"):
        write_whole(tmp_path / "file.txt", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_folder_is_a_file(tmp_path: Path) -> None:
    """A file with the name of a folder is a StoreError."""
    (tmp_path / "folder").write_text("old")
    with pytest.raises(StoreError, match="cannot be written"):
        write_whole(tmp_path / "folder" / "file.txt", "text")
    assert (tmp_path / "folder").read_text() == "old"


def test_disk_full(tmp_path: Path) -> None:
    """A failed write leaves the old file, and no temporary one."""
    path = tmp_path / "file.txt"
    path.write_text("old")
    script = (
        "import resource, signal, sys, pathlib\n"
        "from evalharness.store import write_whole\n"
        "from evalharness.errors import StoreError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    write_whole(pathlib.Path(sys.argv[1]), 'new' * 100_000)\n"
        "except StoreError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=60)
    assert "cannot be written: File too large" in done.stdout, done.stderr
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("value", "ci"),
    [
        *[(None, False), ("", False), ("0", False), ("false", False), ("False", False), ("FALSE", False)],
        *[("1", True), ("true", True), ("True", True), ("woodpecker", True), ("no", True)],
    ],
)
def test_in_ci(monkeypatch: pytest.MonkeyPatch, value: str | None, ci: bool) -> None:
    """`CI` tells whether this is a CI job; an unknown value counts as yes."""
    monkeypatch.delenv("CI", raising=False)
    if value is not None:
        monkeypatch.setenv("CI", value)
    assert in_ci() is ci


def git(folder: Path, *words: str) -> str:
    """Run git with this identity."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_commit(tmp_path: Path) -> None:
    """Inside of a repository, the environment has the commit, and whether tracked files differ from it."""
    git(tmp_path, "init", "-q")
    assert environment(tmp_path)["git"] is None
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-qm", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert environment(tmp_path)["git"] == {"commit": commit, "dirty": False}
    (tmp_path / "untracked").write_text("")
    assert environment(tmp_path)["git"]["dirty"] is False
    (tmp_path / "file").write_text("two")
    assert environment(tmp_path)["git"] == {"commit": commit, "dirty": True}


def test_outside_of_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of a repository, and without git, there is no commit."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert environment(tmp_path)["git"] is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment(tmp_path)["git"] is None


def test_machine() -> None:
    """The class of a machine has its processor, cores and system, and is constant during a run."""
    assert f"{len(os.sched_getaffinity(0))} cores, {os.uname().sysname}" in machine_class()
    assert environment(Path())["machine_class"] == machine_class()
