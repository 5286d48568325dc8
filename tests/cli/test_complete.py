"""Shell completion, called as a shell does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from evalharness.cli import main

CONFIG = '[tool.evalharness.models.smollm2]\nprovider = "gguf"\n[tool.evalharness.models.small]\nprovider = "x"\n'
CONFIG += "[tool.evalharness.publish.slack]\n[tool.evalharness.publish.email]\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, and a shell in it."""
    for name in ("suites/support.yaml", "suites/summarise.yaml", "suites/extract.yaml", "reports/support/run.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("not read")
    (tmp_path / "pyproject.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def completed(*words: str, shell: str = "bash") -> list[str]:
    """The completions of the last word, each as `type,value`."""
    line = " ".join(["evalharness", *words])
    count = len(words) if shell == "bash" else None
    environment = {
        "_EVALHARNESS_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(count) if count else words[-1],
    }
    result = CliRunner().invoke(main, [], prog_name="evalharness", env=environment)
    return [line for line in result.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["val"], ["plain,validate"]),
        (["validate", ""], ["plain,extract", "plain,summarise", "plain,support"]),
        (["validate", "su"], ["plain,summarise", "plain,support"]),
        (["validate", "support", "su"], ["plain,summarise"]),
        (["calibrate", "e"], ["plain,extract"]),
        (["calibrate", "support", "--model", "sm"], ["plain,small", "plain,smollm2"]),
        (["record", "export", "sum"], ["plain,summarise"]),
        (["record", "export", "support", "--model", "smo"], ["plain,smollm2"]),
        (["gate", "rep"], ["plain,reports/support"]),
        (["gate", "else"], ["file,else"]),
        (["view", "su"], ["plain,support"]),
        (["view", "else"], ["file,else"]),
        (["init", "x", "--provider", "o"], ["plain,openai"]),
        (["publish", "reports/support", "--to", "s"], ["plain,slack"]),
        (["run", "support", "--publish", ""], ["plain,email", "plain,slack"]),
    ],
)
def test_bash(root: Path, words: list[str], offered: list[str]) -> None:
    """Suites, models and runs by name; no suite twice; files where no run fits."""
    assert completed(*words) == offered


def test_another_root(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Completion uses `--root`, and the nearest folder upwards."""
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    assert completed("validate", "ext") == ["plain,extract"]
    monkeypatch.chdir("/")
    assert completed("validate", "ext") == []
    assert completed("--root", str(root), "validate", "ext") == ["plain,extract"]
    assert completed("--root", str(root), "gate", str(root)) == [f"plain,{root}/reports/support"]


@pytest.mark.parametrize("text", ["[tool", "x = 1", "[tool.evalharness]\nmodels = 3\n"])
def test_a_configuration_that_cannot_be_read(root: Path, text: str) -> None:
    """An unreadable configuration gives no completion and prints nothing."""
    (root / "pyproject.toml").write_text(text)
    assert completed("calibrate", "support", "--model", "s") == []


def test_hostile_names(root: Path) -> None:
    """A file with a line end or an escape in its name is not offered."""
    (root / "suites/evil\nplain,x.yaml").write_text("")
    (root / "suites/evil\x1b[31m.yaml").write_text("")
    assert completed("validate", "evil") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script(shell: str) -> None:
    """Each shell gets its script."""
    result = CliRunner().invoke(main, [], prog_name="evalharness", env={"_EVALHARNESS_COMPLETE": f"{shell}_source"})
    assert "_EVALHARNESS_COMPLETE" in result.stdout


def test_nothing_heavy_is_loaded(root: Path) -> None:
    """Completion does not import numpy or other heavy packages."""
    script = """
import sys
from evalharness.cli import main
try:
    main(prog_name="evalharness")
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
    environment = {
        **os.environ,
        "_EVALHARNESS_COMPLETE": "bash_complete",
        "COMP_WORDS": "evalharness validate s",
        "COMP_CWORD": "2",
    }
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["plain,summarise", "plain,support"]
    heavy = {"numpy", "scipy", "pandas", "torch", "llama_cpp", "sentence_transformers", "sacrebleu", "httpx2", "pytest"}
    assert not heavy & set(done.stderr.split())
