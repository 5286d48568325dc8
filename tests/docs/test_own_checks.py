"""The first check on the page works as written."""

from __future__ import annotations

from pathlib import Path

import yaml
from doc_pages import ROOT, blocks

from evalharness.testing import Project

PAGE = ROOT / "docs/extensions.md"
MOST_LINES = 6


def test_the_first_check(tmp_path: Path) -> None:
    """Six lines on the page make a check that breaks with its own words."""
    source, table, suite = blocks(PAGE, "python")[0], blocks(PAGE, "toml")[0], blocks(PAGE, "yaml")[0]
    assert sum(len(block.text.splitlines()) for block in (source, table, suite)) == MOST_LINES
    project = Project(tmp_path)
    cases = [{"id": "a", "vars": {"order": "17"}}, {"id": "b", "vars": {"order": "18"}}]
    prompts = {"plain": [{"user": "Where is {{ order }}?"}]}
    keys = {"cases": cases, "prompts": prompts, "metrics": [{"length": {"max_words": 9}}], "gates": []}
    project.write_suite({"a": "", "b": ""}, **keys, **yaml.safe_load(suite.text))
    (tmp_path / "golden/demo.yaml").unlink()
    project.answer({"a": "Order 17 is on its way.", "b": "It is on its way."})
    project.write("pyproject.toml", project.read("pyproject.toml") + table.text)
    project.write("checks.py", source.text)
    assert [one.failed_checks for one in project.evaluate().samples] == [(), ("must name the order 18",)]
