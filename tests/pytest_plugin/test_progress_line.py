"""The progress line of pytest: on a terminal only, within its width, with rate, time left, cost and means."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import Terminal

from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

OPTIONS = ("-p", "evalharness.plugin", "-p", "no:cacheprovider", "--llm-suite=demo", "--llm-record=all")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with a priced model that answers four cases one after the other, one of them wrongly."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = Project(tmp_path)
    project.write_suite({f"case-{number}": "Yes." for number in range(4)}, metrics=["exact", "rouge_l"])
    slow = {"provider": "scripted", "answers": "answers.json", "concurrency": 1, "delay_s": 0.2}
    project.configure(scripted={**slow, "price": {"input": 1000}})
    project.answer({"case-0": "Yes.", "case-1": "No.", "case-2": "Yes.", "case-3": "Yes."})
    return project


@pytest.mark.parametrize("columns", [80, 50])
def test_the_line(project: Project, columns: int) -> None:
    """The line has the figures that fit, and never wraps."""
    with Terminal(project.root, *OPTIONS, program="pytest", columns=columns) as terminal:
        terminal.status()
    lines = [line.rstrip() for line in re.findall(r"demo [█░]+ \d/4[^\r\n\x1b]*", terminal.raw)]
    wide = [line for line in lines if re.search(r"2/4 +0:0\d left, \$0\.\d+, exact 50\.0, [\d.]+/(s|min)", line)]
    narrow = [line for line in lines if re.search(r"2/4 +0:0\d left", line)]
    assert wide if columns == 80 else narrow, lines
    assert max(map(len, lines)) < columns


def test_no_line_without_a_terminal(project: Project) -> None:
    """In a pipe, pytest's output has no carriage return and no bar."""
    words = [sys.executable, "-m", "pytest", *OPTIONS]
    done = subprocess.run(words, cwd=project.root, capture_output=True, check=False, timeout=120)
    assert b"llm demo" in done.stdout
    assert b"\r" not in done.stdout + done.stderr
    assert "░".encode() not in done.stdout
