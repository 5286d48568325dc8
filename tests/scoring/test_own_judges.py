"""A model does not judge its own answers, whatever its names are."""

from __future__ import annotations

from pathlib import Path

import pytest
from gguf_files import little

from evalharness import ConfigError, load_config, load_suite
from evalharness.evaluation.plan import Plan, make_plan
from evalharness.testing import Project

REMOTE = """\
[tool.evalharness.models.{name}]
provider = "{provider}"
model = "{model}"
base_urls = {urls}
"""
LOCAL = """\
[tool.evalharness.models.{name}]
provider = "gguf"
path = "{path}"
"""
SUITE = """\
schema: 1
models: [SUBJECT]
prompts: {plain: [{user: "{{ word }}?"}]}
metrics:
  - judge: {name: polite, model: JUDGE, ask: "Is it polite?"}
cases: [{id: ann, vars: {word: when}}]
"""


def planned(project: Project, judge: str, subject: str, more: str = "") -> Plan:
    """The plan of a suite in which one model judges the answers of another."""
    text = SUITE.replace("SUBJECT", subject).replace("JUDGE", judge)
    project.write("suites/demo.yaml", text.replace('polite?"}', f'polite?"{more}}}'))
    config = load_config(project.root)
    return make_plan(load_suite("demo", config), config)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with models at two addresses, and with files of which two are equal."""
    project = Project(tmp_path)
    remote = [
        ("gpt", "openai", "m", ["http://localhost:1/v1"]),
        ("twin", "openai", "m", ["http://localhost:2/v1", "http://localhost:1/v1/"]),
        ("other_api", "anthropic", "m", ["http://localhost:1/v1"]),
        ("other_name", "openai", "n", ["http://localhost:1/v1"]),
        ("other_place", "openai", "m", ["http://localhost:3/v1"]),
    ]
    text = "".join(REMOTE.format(name=a, provider=b, model=c, urls=d) for a, b, c, d in remote)
    text += "".join(LOCAL.format(name=name, path=f"{name}.gguf") for name in ("one", "two", "three"))
    project.write("pyproject.toml", text)
    for name, heads in [("one", 3), ("two", 3), ("three", 1)]:
        little(project.root / f"{name}.gguf", heads)
    return project


@pytest.mark.parametrize(
    ("judge", "subject", "what"),
    [
        ("gpt", "twin", "'m' at http://localhost:1/v1"),
        ("gpt", "other_api", "'m' at http://localhost:1/v1"),
        ("two", "one", "the file with the SHA-256 "),
    ],
)
def test_another_name_of_the_same_model(project: Project, judge: str, subject: str, what: str) -> None:
    """A copy of the file, or another name of the model at its address, is refused before the first request."""
    with pytest.raises(ConfigError) as caught:
        planned(project, judge, subject)
    message = f"suites/demo.yaml: metrics: polite: the models '{judge}' and '{subject}' are one, {what}"
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith("name another model, or allow it with itself: true")
    assert planned(project, judge, subject, ", itself: true").metric_models


@pytest.mark.parametrize(
    ("judge", "subject"), [("gpt", "other_name"), ("gpt", "other_place"), ("three", "one"), ("one", "gpt")]
)
def test_two_models(project: Project, judge: str, subject: str) -> None:
    """Another name at the same address, the same name at another one, and another file are other models."""
    assert list(planned(project, judge, subject).metric_models) == [judge]
