"""`python -m evalharness` is the command, and an output that cannot be written is an error of one line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import evalharness
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci


def test_python_dash_m() -> None:
    """Its help names itself, and its version is the package's."""
    command = [sys.executable, "-m", "evalharness"]
    help_text = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert help_text.startswith("Usage: python -m evalharness")
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert evalharness.__version__ in version


def project(root: Path) -> Project:
    """A project whose suite passes."""
    made = Project(root)
    made.write_suite()
    return made


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("buffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("words", [("run", "demo"), ("schema",), ("run", "--help"), ("--version",)], ids=" ".join)
def test_a_full_disk(tmp_path: Path, words: Sequence[str], buffered: str) -> None:
    """Output that cannot be written is one line of error and status 1, and a run still has its record."""
    written = project(tmp_path)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "evalharness", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONUNBUFFERED": buffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "Error: the output cannot be written: No space left on device\n")
    assert words[0] != "run" or words[1] != "demo" or len(written.record().samples) == 2


@pytest.mark.parametrize("words", [("run", "demo"), ("schema",), ("--help",)], ids=" ".join)
def test_a_closed_pipe(tmp_path: Path, words: Sequence[str]) -> None:
    """A reader that leaves, as in `evalharness schema | true`, gets no message."""
    project(tmp_path)
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "evalharness", *words]
    done = subprocess.run(
        command, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_of_the_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose messages cannot be written goes on to its verdict."""
    leave_ci(monkeypatch)
    made = Project(tmp_path)
    made.write_suite({f"case-{number}": "Yes." for number in range(40)}, models=["fake"])
    made.configure(fake={"provider": "scripted", "function": "model.py:answer"})
    made.write("model.py", 'def answer(request):\n    return "Yes."\n')
    made.accept()
    made.write("model.py", 'def answer(request):\n    return "No."\n')
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "evalharness", "run", "demo"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 1
    assert {sample.purpose for sample in made.record().samples} == {"planned", "confirm"}  # which has a message
