"""Scores and assertions of whole runs, as a suite asks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalharness.scoring.schemas.formats import FORMATS
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

_PAGE = Path(__file__).parents[2] / "docs/suites.md"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project, away from the CI of this repository."""
    leave_ci(monkeypatch)
    return Project(tmp_path)


def _assert(schema: dict[str, Any]) -> dict[str, Any]:
    return {"metrics": ["exact"], "gates": [], "assert": [{"json_schema": schema}]}


def test_symbols(project: Project) -> None:
    """A wrong symbol scores 0, the right one 1."""
    project.write_suite({"thumb": "👍", "tick": "✓"}, metrics=["token_f1"], gates=[])
    project.answer({"thumb": "👎", "tick": "✓"})
    project.evaluate()
    scores = {sample.key.case: sample.scores[0].value for sample in project.record().samples}
    assert scores == {"thumb": 0.0, "tick": 1.0}


def test_an_asserted_schema(project: Project) -> None:
    """A price in hundredths and a date pass; a finer price and a text that is no date break the assertion."""
    properties = {"price": {"multipleOf": 0.01}, "due": {"type": "string", "format": "date"}}
    good, fine, vague = '{"price": 4.02}', '{"price": 4.021}', '{"due": "next week"}'
    project.write_suite({"good": good, "fine": fine, "vague": vague}, **_assert({"properties": properties}))
    project.evaluate()
    failed = {sample.key.case: " ".join(sample.failed_checks) for sample in project.record().samples}
    assert failed["good"] == ""
    assert "4.021 is not a multiple of 0.01" in failed["fine"]
    assert "'next week' is not of the format 'date'" in failed["vague"]


def test_validate_names_the_keyword(project: Project) -> None:
    """`evalharness validate` refuses a misspelt keyword with its line."""
    project.write_suite({"a": "{}"}, **_assert({"type": "object", "requird": ["a"]}))
    result = project.command("validate")
    assert result.exit_code == 1
    assert "unknown keyword 'requird'; did you mean 'required'?" in result.output
    assert "suites/demo.yaml:" in result.output


def test_every_format_is_on_the_page() -> None:
    """docs/suites.md lists the formats that are checked."""
    section = _PAGE.read_text(encoding="utf-8").partition("### JSON schemas")[2].partition("\n### ")[0]
    assert [name for name in FORMATS if f"`{name}`" not in section] == []
