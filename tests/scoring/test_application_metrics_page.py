"""The page on metrics of an application: its suite runs, and prints what the page shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from answering import Answers, answers_of

from evalharness.registry import BUILT_IN, find, options

PAGE = Path(__file__).parents[2] / "docs/application-metrics.md"


def block(kind: str, start: str = "") -> str:
    """The first block of a kind that starts so."""
    parts = PAGE.read_text().split(f"```{kind}\n")[1:]
    return next(text for part in parts if (text := part.partition("```")[0]).startswith(start))


def project_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """The suite of the page."""
    shown = yaml.safe_load(block("yaml"))
    project = answers_of(tmp_path, "citations", monkeypatch, {})
    project.write_suite({}, **shown)
    project.write("golden/demo.yaml", "{}\n")
    return project


GOOD: dict[str, Any] = {
    "text": "You pay the postage [returns].",
    "contexts": [{"id": "returns", "text": "You pay."}, {"id": "shipping", "text": "5 dollars."}],
    "tool_calls": [{"name": "find_order"}, {"name": "get_postage", "arguments": {"country": "US"}}],
}
BAD: dict[str, Any] = {
    "text": "You pay [returns]. It takes 3 days. It costs 5 dollars [9].",
    "contexts": GOOD["contexts"][:1],
    "tool_calls": [{"name": "find_order"}, {"name": "get_postage", "arguments": {"country": "UK"}}],
}


@pytest.mark.parametrize("metric", ["context_recall", "citations", "tool_calls"])
def test_the_suite_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: str) -> None:
    """A good answer has 1 in each metric, and a bad one the value and the explanation of the page."""
    project = project_of(tmp_path, monkeypatch)
    assert {score.value for score in project.sample(GOOD).scores} == {1.0}
    (score,) = (one for one in project.sample(BAD).scores if one.metric == metric)
    _, value, explanation = block("text", metric).strip().split("  ", 2)
    assert score.value == float(value)
    assert score.explanation.startswith(explanation.partition("; without a citation")[0])


def test_every_option_is_on_the_page() -> None:
    """The table names each metric that reads contexts or tool calls, with all its options."""
    rows = dict(line.strip("| ").split("` | ", 1) for line in PAGE.read_text().split("\n") if line.startswith("| `"))
    for name, place in BUILT_IN["metrics"].items():
        if place.partition(":")[0].rpartition(".")[2] in ("retrieval", "citations", "tool_calls"):
            row = rows["`" + name]
            assert [option for option in options(find("metrics", name)) if f"`{option}" not in row] == []
