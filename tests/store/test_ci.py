"""The base that a CI job is compared with, for each system and event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ci_jobs import BASES, CELLS, EVENTS, JOBS, Base
from kept import begin
from repository import Repository

from evalharness.errors import GitError
from evalharness.store import ci, in_ci
from evalharness.store.git import merge_base
from evalharness.testing.ci import leave_ci


def make_topic(place: Repository) -> None:
    """Make a branch of two commits, whose fork point is the main branch of origin. The local main is the branch."""
    repository = Repository(place.root)
    repository.commit()
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repository.branch()
    for _ in range(2):
        repository.commit()
    repository.git("branch", "--force", "main")


@pytest.fixture
def topic(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A branch of two commits, made once and copied."""
    leave_ci(monkeypatch)
    topic: Repository = begin(Repository(tmp_path / "repository", new=False), make_topic, tmp_path_factory)
    return topic


def commits_of(repository: Repository) -> dict[str, str]:
    """Name -> commit of the words in the tables."""
    names = {"FORK POINT": "HEAD~2", "BEFORE": "HEAD~1", "head": "HEAD"}
    return {name: repository.git("rev-parse", commit) for name, commit in names.items()}


def write_event(
    folder: Path, monkeypatch: pytest.MonkeyPatch, payload: Mapping[str, Any], commits: Mapping[str, str]
) -> None:
    """Describe an event as GitHub does, with the commits of the words in it."""
    text = json.dumps({"repository": {"default_branch": "main"}, **payload})
    for word, commit in commits.items():
        text = text.replace(f'"{word}"', f'"{commit}"')
    (folder / "event.json").write_text(text)
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(folder / "event.json"))


def assert_base(repository: Repository, base: Base) -> None:
    """The merge base is the expected one, or the error tells what to do."""
    if base == "error":
        with pytest.raises(GitError, match=r"does not say which commit .* with --llm-base"):
            merge_base(repository.root)
    else:
        found = merge_base(repository.root)
        assert found
        commits = commits_of(repository)
        assert {commits["FORK POINT"]: "fork point", commits["BEFORE"]: "before", commits["head"]: "head"}[
            found.sha
        ] == base


@pytest.mark.parametrize("job", JOBS)
def test_jobs(topic: Repository, monkeypatch: pytest.MonkeyPatch, job: str) -> None:
    """Each job is known as one of CI, and is compared with the base of its event."""
    variables, base = JOBS[job]
    for name, value in variables.items():
        monkeypatch.setenv(name, commits_of(topic).get(value, value))
    assert in_ci()
    assert_base(topic, base)


@pytest.mark.parametrize("cell", CELLS)
def test_table(topic: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: str) -> None:
    """Each cell of the table in docs/trust-tables.md."""
    word, variables, *payload = CELLS[cell]
    commits = commits_of(topic)
    for name, value in variables.items():
        monkeypatch.setenv(name, commits.get(value, value))
    if payload:
        write_event(tmp_path, monkeypatch, payload[0], commits)
    assert in_ci()
    assert_base(topic, BASES[word])


@pytest.mark.parametrize("event", EVENTS)
def test_events_of_github(topic: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: str) -> None:
    """GitHub describes its event in a file."""
    reference, payload, base = EVENTS[event]
    write_event(tmp_path, monkeypatch, payload, commits_of(topic))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_NAME", event.partition(" ")[0])
    monkeypatch.setenv("GITHUB_REF", reference)
    assert_base(topic, base)


@pytest.mark.parametrize("payload", ["", "[]", "{", '{"repository": 3, "pull_request": []}', "[" * 100_000])
def test_event_that_says_nothing(
    topic: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, payload: str
) -> None:
    """A payload of another shape is an error, never another base."""
    (tmp_path / "event.json").write_text(payload)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "push")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    with pytest.raises(GitError, match=r"GITHUB_EVENT_PATH|--llm-base"):
        merge_base(topic.root)


@pytest.mark.parametrize("before", ["gone", "--upload-pack=x", "1" * 40, "HEAD~1"])
def test_commit_that_is_not_there(topic: Repository, monkeypatch: pytest.MonkeyPatch, before: str) -> None:
    """A commit that this clone lacks is an error, never another base. A name of a commit is no id."""
    for name, value in {**JOBS["GitLab push to default"][0], "CI_COMMIT_BEFORE_SHA": before}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(GitError, match=r"no target branch of this push .*fetch-depth: 0"):
        merge_base(topic.root)


def test_given_base(topic: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A given base takes precedence, also where the system says nothing."""
    monkeypatch.setenv("TEAMCITY_VERSION", "2026.1")
    found = merge_base(topic.root, "HEAD~1")
    assert found
    assert found.sha == commits_of(topic)["BEFORE"]


def test_every_system_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test kit hides each system."""
    for name in ci.CI_VARIABLES:
        monkeypatch.setenv(name, "true")
    assert in_ci()
    leave_ci(monkeypatch)
    assert not in_ci()
