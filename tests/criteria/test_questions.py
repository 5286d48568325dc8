"""The questions for judges are criteria: an easier one is listed, and may let a worse answer pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalharness.criteria.changes import changes
from evalharness.criteria.criteria import Criteria, criteria_of
from evalharness.suites import load_suite
from evalharness.testing import Project

SUITE = """\
schema: 1
models: [shop]
prompts: {plain: [{user: "{{ word }}?"}]}
metrics:
  - judge: {name: kind, model: critic, ask: "Is it kind?"}
  - judge: {name: brief, model: critic, ask: "Is it brief?"}
cases:
  - {id: ann, vars: {word: when}, judge: {kind: Must name two days.}}
"""
CONFIG = """\
[tool.evalharness.models.shop]
provider = "scripted"
answers = {}
[tool.evalharness.models.critic]
provider = "scripted"
answers = {}
"""


def criteria(folder: Path, suite: str) -> Criteria:
    """The criteria of a suite."""
    project = Project(folder)
    project.write("pyproject.toml", CONFIG)
    project.write("suites/demo.yaml", suite)
    return criteria_of(load_suite("demo", project.config), config={}, baselines={})


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("two days", "some days", "case ann: question for a judge changed"),
        (", judge: {kind: Must name two days.}", "", "case ann: question for a judge changed"),
        ("Is it kind?", "Is it text?", "metric kind: "),
        ("Is it brief?", "Is it text?", "metric brief: "),
        ("name: brief", "name: other", "metric brief: "),
    ],
)
def test_another_question_is_listed(tmp_path: Path, old: str, new: str, line: str) -> None:
    """Each judge metric of a suite counts by its own name, and so does the question of a case."""
    found = changes(criteria(tmp_path, SUITE), criteria(tmp_path, SUITE.replace(old, new)))
    assert [str(one).startswith(line) for one in found if one.relaxes] == [True]
    assert changes(criteria(tmp_path, SUITE), criteria(tmp_path, SUITE)) == []
