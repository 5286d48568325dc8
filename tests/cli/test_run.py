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
from evalharness.testing.ci import leave_ci

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
    leave_ci(monkeypatch)
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
    figures = r"1 failed, \$0\.\d+, length 100\.0, [\d.,]+/s"
    assert any(re.fullmatch(rf"demo  \[#{{10}}\]  3/3  {figures} *", line) for line in lines), lines
    assert max(len(line) for line in lines if line.startswith("demo  [")) < 80


def test_time_left(root: Path) -> None:
    """While answers are open, the line has the time left; in a narrow window it has what fits, and never wraps."""
    (root / "pyproject.toml").write_text(CONFIG.replace("DELAY", "0.25"))
    for columns in (80, 40):
        with Terminal(root, "run", "demo", "--record=all", columns=columns) as terminal:
            assert terminal.status() == 1
        lines = [line.rstrip() for line in re.split(r"[\r\n]+", terminal.screen) if line.startswith("demo  [")]
        assert any(re.search(r" 1/3  0:0\d left", line) for line in lines), lines
        assert max(map(len, lines)) < columns


def test_no_progress_in_ci(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log of a CI job has no progress line, also where the job has a terminal."""
    monkeypatch.setenv("CI", "true")
    with Terminal(root, "run", "demo") as terminal:
        terminal.status()
    assert "3/3" not in terminal.raw
    assert "\r" not in terminal.raw.replace("\r\n", "")


def test_no_progress_without_a_terminal(root: Path) -> None:
    """In a pipe or a file stdout holds the summary alone."""
    result = click.testing.CliRunner().invoke(main, ["--root", str(root), "run", "demo"])
    assert result.exit_code == 1
    assert result.stdout.startswith("ERROR  no usable result for 1 of 3 answers\n")
    assert result.stderr.startswith("llm: 3 requests to fake: ")
    assert "\r" not in result.output


def test_a_closed_stdout(root: Path) -> None:
    """Without a standard output the run has its record and its exit status, and no traceback."""
    words = [sys.executable, "-m", "evalharness", "--root", str(root), "run", "demo"]
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *words]
    result = subprocess.run(closed, stderr=subprocess.PIPE, text=True, check=False, timeout=120)
    assert (result.returncode, result.stderr.partition(":")[0]) == (1, "llm")
    assert "Traceback" not in result.stderr
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


def test_executor(root: Path) -> None:
    """`--executor` chooses where the requests run; an unknown name is an error with the nearest one."""
    runner = click.testing.CliRunner()
    found = runner.invoke(main, ["--root", str(root), "run", "demo", "--executor=local"])
    assert found.exit_code == 1, found.output
    assert "1 case" in found.output
    refused = runner.invoke(main, ["--root", str(root), "run", "demo", "--executor=loca"])
    assert refused.exit_code == 1, refused.output
    assert "unknown executor 'loca'; did you mean 'local'?" in refused.output
