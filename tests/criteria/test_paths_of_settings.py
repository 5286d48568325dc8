"""Files that the settings of main name in unusual ways, or that lie above the project, are compared too."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from repository import Repository
from trust_project import judged

from evalharness.store.ci import CI_VARIABLES
from evalharness.testing.project import Project

ANSWERS = '{"*": "Yes."}'
CASES = {f"case-{number}": "Yes." for number in range(20)}
Settings = Callable[[Repository], str]


def answers_in(path: str) -> Settings:
    """The configuration of a model whose answers are in this file; ROOT is the folder of the project."""
    return lambda shop: f'[tool.evalharness.models.scripted]\nprovider = "scripted"\nanswers = "{path}"\n'.replace(
        "ROOT", str(shop.root)
    )


def python_path(path: str) -> Settings:
    """The same model, with a folder that pytest puts on Python's path."""
    table = f'[tool.pytest.ini_options]\npythonpath = ["{path}"]\n'
    return lambda shop: answers_in("answers.json")(shop) + table.replace("ROOT", str(shop.root))


ROWS = {
    "a folder with a colon": (answers_in("models/v1:2/answers.json"), "models/v1:2/answers.json"),
    "an absolute path": (answers_in("ROOT/models/answers.json"), "models/answers.json"),
    "a path through another folder": (answers_in("suites/../models/answers.json"), "models/answers.json"),
    "a file above": (answers_in("../models/answers.json"), "../models/answers.json"),
    "an absolute path above": (answers_in("ROOT/../models/answers.json"), "../models/answers.json"),
    "modules on an absolute path": (python_path("ROOT/src"), "src/secrets.py"),
    "modules on a path through another folder": (python_path("suites/../src"), "src/secrets.py"),
    "modules above": (python_path("../src"), "../src/secrets.py"),
    "a package above": (answers_in("answers.json"), "../__init__.py"),
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A project in a folder of a repository, which is a package."""
    for name in CI_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    top = Repository(tmp_path / "top")
    project = Project(top.root / "shop")
    project.write_suite(CASES)
    project.write("answers.json", ANSWERS)
    project.write("__init__.py", "")
    project.write("conftest.py", "")
    top.write(".gitignore", "reports/\n")
    return Repository(project.root, new=False)


def accept(shop: Repository, settings: Settings, file: str) -> None:
    """Accept the suite on main with these settings, and start a branch."""
    shop.write("pyproject.toml", settings(shop))
    shop.write(file, ANSWERS if file.endswith(".json") else "")
    judged(shop).accept()
    shop.commit()
    shop.git("update-ref", "refs/remotes/origin/main", "HEAD")
    shop.branch()


def relaxing(shop: Repository) -> list[str]:
    """What the run of this commit lists as relaxing."""
    outcome = judged(shop).outcome
    assert outcome
    return [change.what for change in outcome.relaxing]


@pytest.mark.parametrize("row", ROWS)
def test_an_edit_is_listed(shop: Repository, row: str) -> None:
    """An edit of the file is listed, and an edit of another file beside it is not."""
    settings, file = ROWS[row]
    accept(shop, settings, file)
    shop.write(str(Path(file).parent / "notes.md"), "Read me.")
    shop.write("../README.md", "A shop.")
    shop.commit()
    assert relaxing(shop) == []
    shop.write(file, '{ "*": "Yes." }' if file.endswith(".json") else "X = 1\n")
    shop.commit()
    assert relaxing(shop) == [f"file {file}"]


def test_a_file_above_that_is_added_or_deleted(shop: Repository) -> None:
    """A package above that a change adds or deletes is listed."""
    accept(shop, answers_in("answers.json"), "../setup.md")
    shop.write("../__init__.py", "X = 1\n")
    shop.commit()
    assert relaxing(shop) == ["file ../__init__.py"]
    shop.git("update-ref", "refs/remotes/origin/main", "HEAD")
    shop.remove("../__init__.py")
    shutil.rmtree(shop.root / "reports")
    shop.commit()
    assert relaxing(shop) == ["file ../__init__.py"]
