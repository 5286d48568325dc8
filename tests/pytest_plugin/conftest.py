"""A small project with a scripted model, and a pytest that runs inside the test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
import rouge_score.rouge_scorer
import scipy.special
from kept import begin
from noisy import noisy  # noqa: F401 - a fixture

import evalharness.pytest_plugin

LOADED = (numpy, rouge_score, scipy, evalharness.pytest_plugin)
"""Loaded here once: pytester forgets what an inner run imports, and numpy cannot be loaded twice."""

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


class Project:
    """Files of a project under test; `run` gives what pytest said."""

    def __init__(self, pytester: pytest.Pytester, cases: int = 40) -> None:
        self.pytester, self.root = pytester, pytester.path
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

    def write(self, name: str, text: str) -> Path:
        """A file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that must be there."""
        text = self.read(name)
        assert old in text
        self.write(name, text.replace(old, new))

    def read(self, name: str) -> str:
        """A file's text."""
        return (self.root / name).read_text(encoding="utf-8")

    def answer(self, answers: dict[str, Any]) -> None:
        """What the scripted model says to each case."""
        self.write("answers.json", json.dumps(answers))

    def answer_badly(self, every: int = 2) -> None:
        """A model that got worse on each n-th case."""
        good, bad = "You may return {} within 30 days.", "I could not say anything about it, sorry."
        self.answer({name: bad if i % every == 0 else good.format(name) for i, name in enumerate(self.ids)})

    def run(self, *arguments: str) -> pytest.RunResult:
        """`pytest --llm-suite=demo ...` in this process."""
        return self.pytester.runpytest("--llm-suite=demo", *arguments)

    def accept(self) -> None:
        """Make the present answers the baseline."""
        assert self.run("--llm-accept").ret == 0

    def samples(self) -> list[dict[str, Any]]:
        """The samples of the last run's record."""
        lines = [json.loads(line) for line in self.read("reports/demo/run.jsonl").splitlines()]
        return [line["sample"] for line in lines if "sample" in line]

    def verdict(self) -> dict[str, Any]:
        """The last run's verdict."""
        verdict: dict[str, Any] = json.loads(self.read("reports/demo/verdict.json"))
        return verdict


def make_accepted(project: Project) -> None:
    """Its answers are the baseline."""
    project.accept()


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project at somebody's desk: forty cases, no baseline yet."""
    monkeypatch.delenv("CI", raising=False)
    return Project(pytester)


@pytest.fixture
def accepted(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project with one accepted run: made once, and copied."""
    accepted: Project = begin(project, make_accepted, tmp_path_factory)
    return accepted
