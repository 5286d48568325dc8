"""A small project with a scripted model, and a pytest that runs inside the test."""

from __future__ import annotations

import json
from typing import Any

import numpy
import pytest
import rouge_score.scoring
import scipy.special
from kept import begin
from noisy import noisy  # noqa: F401 - a fixture

import evalharness.evaluation.acceptance
import evalharness.gate.pairwise
import evalharness.providers.openai
import evalharness.pytest_plugin
import evalharness.report.verdict_file
from evalharness import registry
from evalharness.modules import LAST_STEPS, import_modules
from evalharness.testing.ci import leave_ci
from evalharness.testing.pytest_project import PytestProject

import_modules(LAST_STEPS)
KINDS: tuple[registry.Kind, ...] = ("gate_kinds", "metrics", "report_formats")
LOADED = (numpy, rouge_score, scipy, evalharness, *map(registry.built_in, KINDS))
"""Imported here, because pytester unloads what an inner run imports: each run would import it again, and numpy cannot
be loaded twice.
"""

SUITE = """\
schema: 1
models: [fake]
prompts:
  plain:
    - system: You answer customers of {{ shop }}.
    - user: "{{ question }}"
vars: {shop: Acme}
metrics: [rouge_l, token_f1]
assert:
  - not_contains: FORBIDDEN
cases: cases.jsonl
gates:
  - {metric: rouge_l, margin: 10%}
  - {metric: cost, margin: 10%}
  - {metric: latency, margin: 10%}
"""
CONFIG = """\
[tool.evalharness.models.fake]
provider = "scripted"
answers = "answers.json"
[tool.pytest.ini_options]
addopts = "-p no:hypothesispytest"
"""


class Project(PytestProject):
    """Forty cases under one prompt, with a scripted model."""

    def __init__(self, pytester: pytest.Pytester, cases: int = 40) -> None:
        super().__init__(pytester)
        self.ids = [f"case-{number}" for number in range(cases)]
        self.write("pyproject.toml", CONFIG)
        self.write("suites/demo.yaml", SUITE)
        self.write("suites/cases.jsonl", "".join(json.dumps(self.case(name)) + "\n" for name in self.ids))
        self.write("golden/demo.yaml", "".join(f"{name}: You may return {name} in 30 days.\n" for name in self.ids))
        self.answer({name: f"You may return {name} within 30 days." for name in self.ids})

    def case(self, name: str) -> dict[str, Any]:
        """One line of the case file."""
        number = int(name.partition("-")[2])
        return {
            "id": name,
            "vars": {"question": f"Can I return {name}?"},
            "tags": ["even" if number % 2 == 0 else "odd"],
        }

    def answer_badly(self, every: int = 2) -> None:
        """Make the model worse on each n-th case."""
        good, bad = "You may return {} within 30 days.", "I could not say anything about it, sorry."
        self.answer({name: bad if i % every == 0 else good.format(name) for i, name in enumerate(self.ids)})

    def samples(self) -> list[dict[str, Any]]:
        """The samples of the last run's record."""
        lines = [json.loads(line) for line in self.read("reports/demo/run.jsonl").splitlines()]
        return [line["sample"] for line in lines if "sample" in line]


def make_accepted(project: Project) -> None:
    """Accept the project's answers as the baseline."""
    project.accept()


def make_changed(project: Project) -> None:
    """Accept the answers, then make every eighth one of the last run worse."""
    project.accept()
    project.answer_badly(8)
    project.run()


def make_worse(project: Project) -> None:
    """Accept the answers, then make every second one of the last run worse."""
    project.accept()
    project.answer_badly()
    project.run()


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project outside CI: forty cases, no baseline yet."""
    leave_ci(monkeypatch)
    return Project(pytester)


@pytest.fixture
def accepted(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with one accepted run, made once and copied."""
    accepted: Project = begin(project, make_accepted, tmp_path_factory)
    return accepted


@pytest.fixture
def changed(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a baseline and a run that is worse in every eighth case, made once and copied."""
    changed: Project = begin(project, make_changed, tmp_path_factory)
    return changed


@pytest.fixture
def worse(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a baseline and a run that is worse in every second case, made once and copied."""
    worse: Project = begin(project, make_worse, tmp_path_factory)
    return worse
