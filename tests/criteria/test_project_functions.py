"""Checks and metrics of the project are part of what judges a change: each edit of one is listed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from kept import begin
from repository import Repository

from evalharness.store.ci import CI_VARIABLES
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

TABLES = """
[tool.evalharness.checks.is_german]
call = "rules.german:is_german"
path = ["quality"]
identity_files = ["quality/*.txt"]
[tool.evalharness.metrics.tone]
call = "tone:tone"
list = "allowed.json"
"""
FILES = {
    "quality/rules/__init__.py": "",
    "quality/rules/german.py": "def is_german(text):\n    from .words import WORDS\n    return text in WORDS\n",
    "quality/rules/words.py": "from spelling import FORMS\nWORDS = ['Ja.', *FORMS]\n",
    "quality/spelling.py": "FORMS = ['Nein.']\n",
    "quality/words.txt": "Ja\n",
    "quality/other.py": "UNUSED = 1\n",
    "tone.py": "def tone(text, list):\n    return 1.0\n",
    "allowed.json": "[]\n",
    "app.py": "def answer(text):\n    return text\n",
    ".gitignore": "reports/\n__pycache__/\ncache/\n",
}
GOLDENS = {f"case-{number}": "Ja." for number in range(10)}


def make_committed(project: Project) -> None:
    """Commit a project with functions of its own and an accepted run, on the branch of a change."""
    repository = Repository(project.root)
    gates = [{"metric": "exact"}, {"metric": "tone"}]
    project.write_suite(GOLDENS, metrics=["exact", "tone"], gates=gates, **{"assert": [{"is_german": True}]})
    project.write("pyproject.toml", project.read("pyproject.toml") + TABLES)
    for path, content in FILES.items():
        project.write(path, content)
    project.accept()
    repository.commit()
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    repository.branch()


@pytest.fixture
def change(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[Project], object]], tuple[str, str]]:
    """Commits a change on a branch, and returns the status of its run in CI and the lines that relax."""
    leave_ci(monkeypatch)
    for name in CI_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project: Project = begin(Project(tmp_path / "project"), make_committed, tmp_path_factory)
    repository = Repository(project.root, new=False)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")

    def changed(edit: Callable[[Project], object]) -> tuple[str, str]:
        edit(project)
        repository.commit()
        outcome = project.evaluate().outcome
        assert outcome
        return outcome.status, "\n".join(str(one) for one in outcome.relaxing)

    return changed


Edit = Callable[[Project], object]


def edited(path: str) -> Edit:
    """Add a line to a file."""
    return lambda project: project.write(path, f"{project.read(path)}\n")


def configured(old: str, new: str) -> Edit:
    """Edit the configuration."""
    return lambda project: project.edit("pyproject.toml", old, new)


PARTS = {
    "the function": "quality/rules/german.py",
    "its package": "quality/rules/__init__.py",
    "a module that it imports": "quality/rules/words.py",
    "a module that this one imports": "quality/spelling.py",
    "its data": "quality/words.txt",
    "the file of an option": "allowed.json",
}
EDITS: dict[str, tuple[Edit, str]] = {
    "another function": (
        configured("rules.german:is_german", "spelling:FORMS.append"),
        "configuration checks.is_german.call: ",
    ),
    "another deadline": (configured('"tone:tone"', '"tone:tone"\ndeadline_s = 9'), "configuration metrics.tone"),
    "fewer files": (
        configured('identity_files = ["quality/*.txt"]\n', ""),
        "configuration checks.is_german.identity_files",
    ),
    "a module in its place": (
        lambda project: project.write("quality/rules.py", "def is_german(text):\n    return True\n"),
        "",
    ),
}


def test_its_files_are_listed(change: Callable[[Edit], tuple[str, str]]) -> None:
    """An edit of each file that a function depends on is listed, and no other file."""

    def edit(project: Project) -> None:
        for path in PARTS.values():
            edited(path)(project)

    status, lines = change(edit)
    assert status != "pass"
    assert sorted(line.partition(": ")[0] for line in lines.splitlines()) == sorted(
        f"file {path}" for path in PARTS.values()
    )


@pytest.mark.parametrize(("edit", "line"), EDITS.values(), ids=EDITS)
def test_an_edit_is_listed(change: Callable[[Edit], tuple[str, str]], edit: Edit, line: str) -> None:
    """An edit of a function, or of what it depends on, relaxes the criteria and is not green."""
    status, lines = change(edit)
    if line:
        assert line in lines
    else:  # Python prefers the package
        assert status == "pass"


def test_other_code_is_not_listed(change: Callable[[Edit], tuple[str, str]]) -> None:
    """The application, and modules that no check or metric imports, are not part of the criteria."""
    assert change(lambda project: [edited(path)(project) for path in ("app.py", "quality/other.py")]) == ("pass", "")


def test_a_new_function_does_not_relax(change: Callable[[Edit], tuple[str, str]]) -> None:
    """A table that no suite used before is no relaxation."""

    def add(project: Project) -> None:
        project.write("pyproject.toml", project.read("pyproject.toml") + NEW)
        project.write("fresh.py", "def fresh(text):\n    return True\n")

    assert change(add) == ("pass", "")


NEW = '[tool.evalharness.checks.fresh]\ncall = "fresh:fresh"\n'
