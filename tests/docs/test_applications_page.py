"""The answers to "how do I test my ...?" fit one screen, and the first one works as written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from doc_pages import ROOT, blocks

from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

PAGE = ROOT / "docs/applications.md"
SCREEN_LINES = 48
NEXT = "\n## "


def test_each_answer_fits_one_screen() -> None:
    """Each section has few lines, and the README links to each."""
    sections = PAGE.read_text(encoding="utf-8").split("\n## How do I test my ")[1:]
    lines = {one.partition("?")[0]: len(one.partition(NEXT)[0].splitlines()) for one in sections}
    assert list(lines) == ["function", "HTTP application", "conversation", "agent"]
    assert max(lines.values()) <= SCREEN_LINES, lines
    links = re.findall(r"applications\.md#how-do-i-test-my-([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert {one.replace("-", " ") for one in links} == {one.lower() for one in lines}


def test_the_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder, the three blocks are a suite that runs, and a lost sentence is red."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = Project(tmp_path, suite="helpdesk")
    project.write("pyproject.toml", blocks(PAGE, "toml")[0].text)
    project.write("src/helpdesk.py", blocks(PAGE, "python")[0].text)
    project.write("suites/helpdesk.yaml", blocks(PAGE, "yaml")[0].text)
    assert project.accept().means["app", "question"] == {"length": 1.0}
    project.edit("src/helpdesk.py", "within 30 days", "soon")
    bad = project.command("run", "helpdesk")
    assert bad.exit_code == 1
    assert "returns: must contain '30 days'" in bad.output
