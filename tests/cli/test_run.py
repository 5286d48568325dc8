"""`evalharness run`: a progress line on a terminal only, and a Ctrl-C that keeps the record."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click.testing
import pytest
from terminal import Terminal

from evalharness.cli import main
from evalharness.store import read_run

SUITE = """\
schema: 1
models: [fake]
prompts:
  plain:
    - {user: "Is it {{ number }}?"}
metrics: [{length: {max_words: 9}}]
cases:
"""
CONFIG = """\
[tool.evalharness.models.fake]
provider = "scripted"
concurrency = 1
delay_s = DELAY
price = { input = 1000 }
answers = { case-0 = "Yes.", case-1 = "Yes." }
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of three cases, one of which has no answer."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "suites").mkdir()
    cases = "".join(f"  - {{id: case-{n}, vars: {{number: '{n}'}}}}\n" for n in range(3))
    (tmp_path / "suites/demo.yaml").write_text(SUITE + cases)
    (tmp_path / "pyproject.toml").write_text(CONFIG.replace("DELAY", "0"))
    return tmp_path


def slow(root: Path) -> None:
    """Let each answer take longer than the test."""
    (root / "pyproject.toml").write_text(CONFIG.replace("DELAY", "30"))


def test_progress(root: Path) -> None:
    """On a terminal the line counts answers, failures and cost, within 80 columns."""
    with Terminal(root, "run", "demo") as terminal:
        assert terminal.status() == 1
    lines = re.split(r"[\r\n]+", terminal.screen)
    assert any(re.fullmatch(r"demo  \[#{16}\]  3/3  1 failed, \$0\.\d+ *", line) for line in lines)
    assert max(map(len, lines)) <= 80


def test_no_progress_without_a_terminal(root: Path) -> None:
    """In a pipe or a file stdout holds the summary alone."""
    result = click.testing.CliRunner().invoke(main, ["--root", str(root), "run", "demo"])
    assert result.exit_code == 1
    assert result.stdout.startswith("ERROR  no usable result for 1 of 3 answers\n")
    assert result.stderr == ""


def test_a_closed_stdout(root: Path) -> None:
    """Without a standard output the run has its record and its exit status, and no traceback."""
    words = [sys.executable, "-m", "evalharness", "--root", str(root), "run", "demo"]
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *words]
    result = subprocess.run(closed, stderr=subprocess.PIPE, text=True, check=False, timeout=120)
    assert (result.returncode, result.stderr) == (1, "")
    assert len(read_run(root / "reports/demo/run.jsonl").samples) == 3


def test_ctrl_c(root: Path) -> None:
    """The record is closed as stopped, the status is 130, and the last line says how to resume."""
    slow(root)
    with Terminal(root, "run", "demo") as terminal:
        terminal.wait("0/3")
        terminal.press("\x03", then="resume    run the same command again: recorded responses are replayed")
        assert terminal.status() == 130
    assert "ERROR  stopped after 0 of 3 answers: no gate was decided" in terminal.screen
    run = read_run(root / "reports/demo/run.jsonl")
    assert (run.stopped, len(run.samples)) == (True, 0)
