"""A third party's report format is written by every run whose configuration names it."""

from __future__ import annotations

from pathlib import Path

import click.testing
import numpy as np
import pytest
import yaml

import evalharness
import evalharness.pytest_plugin
from evalharness.cli import main

LOADED = (np, yaml, evalharness.pytest_plugin)
"""Imported here, because pytester unloads the modules that an inner run imports."""
CONFIG = """
[tool.evalharness]
reports = ["words"]
[tool.evalharness.models.fake]
provider = "scripted"
answers = { one = "Yes.", two = "No, not today." }
"""
SUITE = """
schema: 1
models: [fake]
prompts:
  plain:
  - {user: "Is it {{ what }}?"}
cases:
- {id: one, vars: {what: open}}
- {id: two, vars: {what: closed}}
metrics: [{length: {max_words: 9}}]
"""
WORDS = "demo: inconclusive\n    3  fake  two\n    1  fake  one\n"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two cases whose configuration names the format."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(pytester.path / "cache"))
    pytester.mkdir("suites").joinpath("demo.yaml").write_text(SUITE)
    pytester.path.joinpath("pyproject.toml").write_text(CONFIG)
    return pytester.path


def run(project: Path, *arguments: str) -> click.testing.Result:
    """`evalharness ...` in this project."""
    return click.testing.CliRunner().invoke(main, ["--root", str(project), *arguments])


def test_every_run_writes_it(project: Path, pytester: pytest.Pytester) -> None:
    """Through pytest, `evaluate()` and `evalharness run`, next to the built-in reports."""
    path = project / "reports/demo/words.txt"
    pytester.runpytest_inprocess("--llm-suite=demo", "-p", "no:cacheprovider").assert_outcomes(passed=2)
    assert path.read_text() == WORDS
    path.unlink()
    evaluation = evalharness.evaluate("demo", config=evalharness.load_config(project))
    assert path.read_text() == WORDS
    path.unlink()
    assert run(project, "run", "demo").exit_code == 0
    assert path.read_text() == WORDS
    assert {"report.html", "summary.md", "verdict.json"} < {file.name for file in evaluation.folder.iterdir()}


def test_only_where_the_configuration_names_it(project: Path) -> None:
    """An installed format stays idle without configuration; the command renders it from the record."""
    config = project / "pyproject.toml"
    config.write_text(CONFIG.replace('reports = ["words"]', ""))
    assert run(project, "run", "demo").exit_code == 0
    assert not (project / "reports/demo/words.txt").exists()
    assert run(project, "report", "reports/demo", "--format", "words").output == WORDS


def test_doctor_names_it(project: Path) -> None:
    """The doctor lists the package of each installed format, and the formats that each run writes."""
    output = run(project, "doctor").output
    assert "report format words of the package acme-evals, written by each run" in " ".join(output.split())


def test_a_wrong_name_stops_before_the_first_request(project: Path) -> None:
    """No record is written where the configuration names a format that is not installed."""
    config = project / "pyproject.toml"
    config.write_text(CONFIG.replace('["words"]', '["wrods"]'))
    result = run(project, "run", "demo")
    assert result.exit_code == 1
    assert "[tool.evalharness] reports: unknown report format 'wrods'; did you mean 'words'?" in result.output
    assert not (project / "reports").exists()
