"""A third party's destination gets runs by its name in the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalharness.testing import Project
from evalharness.testing.ci import leave_ci


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that names the destination."""
    leave_ci(monkeypatch)
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path)
    project.write_suite()
    table = '[tool.evalharness.publish.journal]\nfile = "journal.txt"\n'
    project.write("pyproject.toml", project.read("pyproject.toml") + table)
    return project


def test_it_gets_the_verdict(project: Project) -> None:
    """`evaluate()` and `evalharness publish` call it, also for a run that does not fail."""
    project.evaluate(publish=["journal"])
    result = project.command("publish", project.root / "reports/demo", "--to", "journal")
    assert result.output == "journal: demo published\n"
    assert project.read("journal.txt") == "demo: no baseline\n" * 2


def test_its_error_is_a_warning(project: Project) -> None:
    """What it raises is a warning with its text."""
    (project.root / "journal.txt").mkdir()
    evaluation = project.evaluate(publish=["journal"])
    assert evaluation.outcome
    assert evaluation.outcome.warnings == ("publish: journal: demo not published: journal.txt: Is a directory",)


def test_an_exception_is_a_warning(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception of another kind, and an exit, are warnings that name the line of its code."""
    from extensions.destination import Journal

    for error in (ZeroDivisionError("no"), SystemExit(3)):

        def publish(self: Journal, outcome: object, error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr(Journal, "publish", publish)
        evaluation = project.evaluate(publish=["journal"])
        assert evaluation.outcome
        (warning,) = evaluation.outcome.warnings
        assert warning.startswith(f"publish: journal: demo not published: it raised {type(error).__name__}: {error} (")


def test_its_options_are_checked(project: Project) -> None:
    """An option that it lacks is an error with the nearest name."""
    project.write("pyproject.toml", project.read("pyproject.toml").replace("file =", "fiel ="))
    result = project.command("publish", "suites", "--to", "journal")
    assert result.exit_code == 1
    assert "the destination 'journal' has no option 'fiel'; did you mean 'file'?" in result.stderr
