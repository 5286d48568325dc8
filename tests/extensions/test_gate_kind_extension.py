"""A third party's gate: found by its name in a suite, and decided like a built-in one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

import evalharness
import evalharness.pytest_plugin

LOADED = (np, yaml, evalharness.pytest_plugin)
"""Imported here, because pytester unloads the modules that an inner run imports."""
CONFIG = """
[tool.evalharness.models.fake]
provider = "scripted"
function = "app.py:answer"
"""
APP = """
from pathlib import Path

def answer(request):
    number = int(request.key.case)
    return "word " * (10 + number % 7 + int(Path(__file__).with_name("longer.txt").read_text()))
"""
SUITE = """
schema: 1
models: [fake]
prompts:
  plain:
  - {user: "Case {{ number }}?"}
cases: cases.jsonl
metrics: [{length: {max_words: 90}}]
gates:
- {metric: length_p95, margin: 10%}
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of forty cases, whose accepted answers have ten to sixteen words."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(pytester.path / "cache"))
    monkeypatch.delenv("CI", raising=False)
    pytester.mkdir("suites").joinpath("demo.yaml").write_text(SUITE)
    cases = "".join(f'{{"id": "{number}", "vars": {{"number": "{number}"}}}}\n' for number in range(40))
    pytester.path.joinpath("suites/cases.jsonl").write_text(cases)
    pytester.path.joinpath("pyproject.toml").write_text(CONFIG)
    pytester.path.joinpath("app.py").write_text(APP)
    answers(pytester.path, longer=0)
    evaluation = evalharness.evaluate("demo", config=evalharness.load_config(pytester.path))
    evaluation.accept()
    return pytester.path


def answers(project: Path, *, longer: int) -> None:
    """Make each answer longer by this many words."""
    project.joinpath("longer.txt").write_text(str(longer))  # an edit of app.py in the same second might not be seen


@pytest.mark.parametrize(("longer", "status"), [(0, "pass"), (8, "fail"), (-2, "pass")])
def test_decides(project: Path, longer: int, status: str) -> None:
    """A rise beyond the margin fails, and an unchanged or shorter answer passes; the change is a ratio."""
    answers(project, longer=longer)
    evaluation = evalharness.evaluate("demo", config=evalharness.load_config(project))
    (verdict,) = evaluation.verdicts
    assert (verdict.metric, verdict.status, verdict.unit, verdict.cases) == ("length_p95", status, "percent", 40)
    assert verdict.change == pytest.approx(100 * longer / 16, abs=2)


def test_under_pytest(project: Path, pytester: pytest.Pytester) -> None:
    """The gate is a test result with its own reason."""
    answers(project, longer=8)
    result = pytester.runpytest_inprocess("--llm-suite=demo", "-p", "no:cacheprovider")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["FAIL 95th percentile of the length +50.0%", "FAILED suites/demo.yaml::gate[[]fake-plain-*"]
    )


def test_its_options(project: Path) -> None:
    """An unknown key of the gate is an error of the suite, with its place."""
    suite = project / "suites/demo.yaml"
    suite.write_text(suite.read_text().replace("margin: 10%", "margin: 10%, slots: 2"))
    with pytest.raises(evalharness.SuiteError, match=r"demo.yaml:10:37: a gate on length_p95 does not take 'slots'"):
        evalharness.load_suite("demo", evalharness.load_config(project))
