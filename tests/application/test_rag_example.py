"""The example of an application behind HTTP, in a process of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evalharness.records import Context
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

EXAMPLE = Path(__file__).parents[2] / "docs/examples/rag-app"
PAGE = EXAMPLE.parents[1] / "applications.md"


@contextmanager
def running(project: Project) -> Iterator[None]:
    """The application of this folder under uvicorn at a free port, which the configuration names."""
    command = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", "0"]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=project.root, text=True, **pipes) as process:
        try:
            port = _port(process)
            text = project.read("pyproject.toml")
            project.write("pyproject.toml", re.sub(r"localhost:\d+/ask", f"localhost:{port}/ask", text))
            yield
        finally:
            process.kill()


def _port(process: subprocess.Popen[str]) -> str:
    """The port that uvicorn prints when the application is ready."""
    assert process.stderr is not None
    read = ""
    for line in process.stderr:
        read += line
        if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
            return found[1]
    pytest.fail(f"uvicorn ended: {read}")


def test_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example is green at any port; a retriever that returns one document is red, and the lost answer is named."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns("reports", "__pycache__"))
    project = Project(tmp_path / "example", suite="shop")
    with running(project):
        good = project.command("run", "shop")
    assert good.exit_code == 0, good.output
    assert "PASS" in good.output
    assert "has changed" not in good.output
    (sample,) = (one for one in project.record().samples if one.key.case == "return-cost")
    assert sample.response is not None
    assert [one.id for one in sample.response.contexts] == ["returns", "shipping"]
    assert isinstance(sample.response.contexts[0], Context)
    project.edit("app/main.py", "TOP = 2", "TOP = 1")
    with running(project):
        bad = project.command("run", "shop")
    assert bad.exit_code == 1
    assert "return-cost: must contain '5 dollars'" in bad.output
    assert "has changed" not in bad.output
    (sample,) = (one for one in project.record().samples if one.key.case == "return-cost")
    lost = "1 of 2 relevant ids are among 1 contexts; missing: shipping; retrieved: returns"
    assert {one.metric: one.explanation for one in sample.scores}["context_recall"] == lost


def test_an_application_that_is_not_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is not running is one cause for all cases, with its address and what to do."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns("reports", "__pycache__"))
    project = Project(tmp_path / "example", suite="shop")
    project.edit("pyproject.toml", "localhost:8000/ask", "localhost:9/ask")
    project.edit("pyproject.toml", "deterministic", "retries = 0\ndeterministic")
    shown = " ".join(project.command("run", "shop").output.split())
    assert "no connection to http://localhost:9" in shown
    assert "start it or correct the address of rag" in shown


def test_the_page_shows_the_example() -> None:
    """The configuration and the lines on the page are those of the example."""
    page = PAGE.read_text()
    settings = (EXAMPLE / "pyproject.toml").read_text()
    assert settings in page
    assert "return-cost: must contain '5 dollars'" in page
