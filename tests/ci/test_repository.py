"""The repository's own workflows, forms and metadata: minimal rights, pinned actions and consistent versions."""

from __future__ import annotations

import contextlib
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import evalharness

REPOSITORY = Path(__file__).parents[2]
GITHUB = REPOSITORY / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
EXAMPLES = sorted((REPOSITORY / "docs/ci").glob("github*.yml"))
ACTIONS = [REPOSITORY / "action.yml", REPOSITORY / "action/comment/action.yml"]
FILES = [*WORKFLOWS, *EXAMPLES, *ACTIONS]
FORMS = [*(GITHUB / "ISSUE_TEMPLATE").glob("*.yml"), GITHUB / "dependabot.yml"]
OTHERS = [*(REPOSITORY / "docs/ci").glob("*.y*ml"), *FORMS]
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+\b")
OWN = re.compile(r"uses: \./\.evalharness(/[\w/-]+)?$")  # this repository, checked out: its address is not known
PLACEHOLDER = re.compile("(?<![A-Z_])OWN" + "ER(?![A-Z_S])")
"""An address that nothing fills in."""


def name(path: Path) -> str:
    """Return a path as a test's id."""
    return path.relative_to(REPOSITORY).as_posix()


def read(path: Path) -> dict[str, Any]:
    """Load a YAML file."""
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def jobs(path: Path) -> Iterator[dict[str, Any]]:
    """Return the jobs of a workflow; an action counts as one."""
    content = read(path)
    yield from content["jobs"].values() if "jobs" in content else [content["runs"]]


def steps(path: Path) -> Iterator[dict[str, Any]]:
    """Return the steps of a workflow or of an action."""
    for job in jobs(path):
        yield from job["steps"]


def test_workflows_exist() -> None:
    """There are workflows for the tests below."""
    assert {path.stem for path in WORKFLOWS} >= {"ci", "docs", "newest", "release"}
    assert EXAMPLES


@pytest.mark.parametrize("path", sorted({*FILES, *OTHERS}), ids=name)
def test_files_parse(path: Path) -> None:
    """Each file is a YAML mapping."""
    assert isinstance(read(path), dict)


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
def test_rights(path: Path) -> None:
    """A workflow has no rights; each job has the few that it names, and a time limit."""
    assert read(path)["permissions"] == {}
    for job in jobs(path):
        assert job["permissions"]
        assert job["timeout-minutes"] <= 60


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
def test_superseded_runs_end(path: Path) -> None:
    """Every workflow has a concurrency group, and a newer run of a pull request cancels the older one."""
    workflow = read(path)
    assert workflow["concurrency"]["group"]
    if "pull_request" in workflow[True]:  # YAML 1.1 reads `on` as true
        assert workflow["concurrency"]["cancel-in-progress"] is True


@pytest.mark.parametrize("path", FILES, ids=name)
def test_actions_are_pinned(path: Path) -> None:
    """Each foreign action is pinned by its commit, with the version in a comment."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if re.search(r"^\s*(- )?uses:", line)]
    assert len(lines) == sum("uses" in step for step in steps(path))
    assert [line for line in lines if not PINNED.search(line) and not OWN.search(line)] == []


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_expression_in_shell(path: Path) -> None:
    """Shell scripts get values only through the environment."""
    assert [step["run"] for step in steps(path) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("path", FILES, ids=name)
def test_checkouts_leave_no_credentials(path: Path) -> None:
    """The token does not stay in the checkout's configuration."""
    checkouts = [step for step in steps(path) if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
def test_make_targets_exist(path: Path) -> None:
    """Every target that a workflow makes is in the Makefile."""
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    shell = "\n".join(step.get("run", "") for step in steps(path))
    called = set(re.findall(r"^\s*make ([\w-]+)", shell, re.MULTILINE))
    assert called <= set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))


def test_no_address_is_left_to_fill_in() -> None:
    """No file that is committed has a placeholder for the address of this repository."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True).stdout.split(
        b"\0"
    )
    found = []
    for name in filter(None, map(bytes.decode, names)):
        with contextlib.suppress(UnicodeDecodeError, FileNotFoundError):
            if PLACEHOLDER.search((REPOSITORY / name).read_text(encoding="utf-8")):
                found.append(name)
    assert len(names) > 500
    assert found == []


def test_matrix_matches_the_package() -> None:
    """The tests run on exactly the Python versions that the package declares."""
    classifiers = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["classifiers"]
    declared = re.findall(r"^Programming Language :: Python :: (3\.\d+)$", "\n".join(classifiers), re.MULTILINE)
    assert read(GITHUB / "workflows/ci.yml")["jobs"]["test"]["strategy"]["matrix"]["python"] == declared


def test_citation() -> None:
    """The citation names this version and this licence."""
    citation = read(REPOSITORY / "CITATION.cff")
    assert str(citation["version"]) == evalharness.__version__
    assert citation["license"] == "Apache-2.0"


@pytest.mark.parametrize("page", ["SECURITY.md", "CODE_OF_CONDUCT.md"])
def test_links(page: str) -> None:
    """Every file that the page links to exists."""
    links = re.findall(r"\]\((?!https:)([^)#]+)", (REPOSITORY / page).read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (REPOSITORY / link).exists()] == []
