"""The base that a CI job is compared with, for each system and event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from repository import Repository

from evalharness.errors import GitError
from evalharness.store import ci, in_ci
from evalharness.store.git import merge_base
from evalharness.testing.ci import leave_ci

Base = Literal["fork point", "before", "head", "error"]
NO_COMMIT = "0" * 40

GITHUB = {"GITHUB_ACTIONS": "true", "CI": "true"}
GITLAB = {"GITLAB_CI": "true", "CI": "true", "CI_DEFAULT_BRANCH": "main"}
GITLAB_MR = {**GITLAB, "CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": "7"}
OWN, FORK = ({"CI_MERGE_REQUEST_PROJECT_ID": "1", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": source} for source in "12")
AZURE = {"TF_BUILD": "True"}
JENKINS = {"JENKINS_URL": "https://ci.example"}
BUILDKITE = {"BUILDKITE": "true", "BUILDKITE_PULL_REQUEST": "false", "BUILDKITE_PIPELINE_DEFAULT_BRANCH": "main"}
CODEBUILD = {"CODEBUILD_BUILD_ID": "demo:1"}
BITBUCKET = {"BITBUCKET_BUILD_NUMBER": "1", "CI": "true"}
WOODPECKER = {"CI": "woodpecker", "CI_REPO_DEFAULT_BRANCH": "main"}
DRONE = {"DRONE": "true", "CI": "true", "DRONE_REPO_BRANCH": "main"}
TRAVIS = {"TRAVIS": "true", "CI": "true", "TRAVIS_PULL_REQUEST": "false"}
SEMAPHORE = {"SEMAPHORE": "true", "CI": "true"}
APPVEYOR = {"APPVEYOR": "True", "CI": "True"}

JOBS: Mapping[str, tuple[Mapping[str, str], Base]] = {
    # a pull request: the branch it goes into
    "GitHub pull request": ({**GITHUB, "GITHUB_EVENT_NAME": "pull_request", "GITHUB_BASE_REF": "main"}, "fork point"),
    "GitLab merge request": ({**GITLAB_MR, **OWN, "CI_MERGE_REQUEST_DIFF_BASE_SHA": "FORK POINT"}, "fork point"),
    "GitLab merge request, branch": (
        {**GITLAB_MR, **OWN, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"},
        "fork point",
    ),
    "GitLab external": (
        {
            **GITLAB,
            "CI_PIPELINE_SOURCE": "external_pull_request_event",
            "CI_EXTERNAL_PULL_REQUEST_IID": "7",
            "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME": "main",
        },
        "fork point",
    ),
    "Azure pull request": (
        {**AZURE, "BUILD_REASON": "PullRequest", "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main"},
        "fork point",
    ),
    "Jenkins pull request": (
        {**JENKINS, "CHANGE_ID": "7", "CHANGE_TARGET": "main", "BRANCH_NAME": "PR-7"},
        "fork point",
    ),
    "Buildkite pull request": (
        {**BUILDKITE, "BUILDKITE_PULL_REQUEST": "7", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main"},
        "fork point",
    ),
    "CodeBuild pull request": (
        {
            **CODEBUILD,
            "CODEBUILD_WEBHOOK_EVENT": "PULL_REQUEST_UPDATED",
            "CODEBUILD_WEBHOOK_BASE_REF": "refs/heads/main",
        },
        "fork point",
    ),
    "Bitbucket pull request": ({**BITBUCKET, "BITBUCKET_PR_DESTINATION_BRANCH": "main"}, "fork point"),
    "Woodpecker pull request": (
        {**WOODPECKER, "CI_PIPELINE_EVENT": "pull_request", "CI_COMMIT_TARGET_BRANCH": "main"},
        "fork point",
    ),
    "Drone pull request": ({**DRONE, "DRONE_BUILD_EVENT": "pull_request", "DRONE_TARGET_BRANCH": "main"}, "fork point"),
    "Travis pull request": ({**TRAVIS, "TRAVIS_PULL_REQUEST": "7", "TRAVIS_BRANCH": "main"}, "fork point"),
    "Semaphore pull request": (
        {**SEMAPHORE, "SEMAPHORE_GIT_PR_NUMBER": "7", "SEMAPHORE_GIT_BRANCH": "main"},
        "fork point",
    ),
    "AppVeyor pull request": (
        {**APPVEYOR, "APPVEYOR_PULL_REQUEST_NUMBER": "7", "APPVEYOR_REPO_BRANCH": "main"},
        "fork point",
    ),
    # of a fork: `origin` is the fork on GitLab, so that only the commit counts
    "GitLab fork": ({**GITLAB_MR, **FORK, "CI_MERGE_REQUEST_DIFF_BASE_SHA": "FORK POINT"}, "fork point"),
    "GitLab fork without a commit": ({**GITLAB_MR, **FORK, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}, "error"),
    "Azure fork": (
        {**AZURE, "SYSTEM_PULLREQUEST_ISFORK": "True", "SYSTEM_PULLREQUEST_TARGETBRANCH": "main"},
        "fork point",
    ),
    "Jenkins fork": ({**JENKINS, "CHANGE_FORK": "contributor", "CHANGE_TARGET": "main"}, "fork point"),
    # a merge queue
    "GitLab merge train": (
        {
            **GITLAB_MR,
            **OWN,
            "CI_MERGE_REQUEST_EVENT_TYPE": "merge_train",
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": "FORK POINT",
        },
        "fork point",
    ),
    "Buildkite merge queue": ({**BUILDKITE, "BUILDKITE_MERGE_QUEUE_BASE_COMMIT": "FORK POINT"}, "fork point"),
    # a push to another branch: the default branch, not the push before
    "GitLab push": (
        {**GITLAB, "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "topic", "CI_COMMIT_BEFORE_SHA": "BEFORE"},
        "fork point",
    ),
    "Buildkite push": ({**BUILDKITE, "BUILDKITE_SOURCE": "webhook", "BUILDKITE_BRANCH": "topic"}, "fork point"),
    "Woodpecker push": (
        {**WOODPECKER, "CI_PIPELINE_EVENT": "push", "CI_COMMIT_BRANCH": "topic", "CI_PREV_COMMIT_SHA": "BEFORE"},
        "fork point",
    ),
    "Drone push": (
        {**DRONE, "DRONE_BUILD_EVENT": "push", "DRONE_BRANCH": "topic", "DRONE_COMMIT_BEFORE": "BEFORE"},
        "fork point",
    ),
    # a push to the default branch: the commit before
    "GitLab push to default": (
        {**GITLAB, "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_BEFORE_SHA": "BEFORE"},
        "before",
    ),
    "GitLab first push": (
        {**GITLAB, "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_BEFORE_SHA": NO_COMMIT},
        "head",
    ),
    "Jenkins default branch": (
        {**JENKINS, "BRANCH_NAME": "main", "BRANCH_IS_PRIMARY": "true", "GIT_PREVIOUS_COMMIT": "BEFORE"},
        "before",
    ),
    "Woodpecker push to default": (
        {**WOODPECKER, "CI_PIPELINE_EVENT": "push", "CI_COMMIT_BRANCH": "main", "CI_PREV_COMMIT_SHA": "BEFORE"},
        "before",
    ),
    "Drone push to default": (
        {**DRONE, "DRONE_BUILD_EVENT": "push", "DRONE_BRANCH": "main", "DRONE_COMMIT_BEFORE": "BEFORE"},
        "before",
    ),
    # a tag, a schedule, a click: the default branch
    "GitLab tag": ({**GITLAB, "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_TAG": "v1"}, "fork point"),
    "GitLab schedule": ({**GITLAB, "CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "topic"}, "fork point"),
    "GitLab web": ({**GITLAB, "CI_PIPELINE_SOURCE": "web", "CI_COMMIT_BRANCH": "topic"}, "fork point"),
    "Buildkite tag": ({**BUILDKITE, "BUILDKITE_TAG": "v1", "BUILDKITE_SOURCE": "webhook"}, "fork point"),
    "Buildkite schedule": ({**BUILDKITE, "BUILDKITE_SOURCE": "schedule", "BUILDKITE_BRANCH": "main"}, "fork point"),
    "Woodpecker tag": ({**WOODPECKER, "CI_PIPELINE_EVENT": "tag"}, "fork point"),
    "Drone cron": ({**DRONE, "DRONE_BUILD_EVENT": "cron", "DRONE_BRANCH": "main"}, "fork point"),
    # the system does not say it
    "GitLab child pipeline": (
        {**GITLAB, "CI_PIPELINE_SOURCE": "parent_pipeline", "CI_COMMIT_BRANCH": "topic"},
        "error",
    ),
    "Azure push": ({**AZURE, "BUILD_REASON": "IndividualCI", "BUILD_SOURCEBRANCH": "refs/heads/main"}, "error"),
    "Azure schedule": ({**AZURE, "BUILD_REASON": "Schedule", "BUILD_SOURCEBRANCH": "refs/heads/main"}, "error"),
    "Azure tag": ({**AZURE, "BUILD_REASON": "IndividualCI", "BUILD_SOURCEBRANCH": "refs/tags/v1"}, "error"),
    "Jenkins branch": ({**JENKINS, "BRANCH_NAME": "topic", "GIT_PREVIOUS_COMMIT": "BEFORE"}, "error"),
    "Jenkins first build": ({**JENKINS, "BRANCH_NAME": "main", "BRANCH_IS_PRIMARY": "true"}, "error"),
    "Jenkins tag": ({**JENKINS, "BRANCH_NAME": "v1", "TAG_NAME": "v1"}, "error"),
    "Buildkite push to default": ({**BUILDKITE, "BUILDKITE_SOURCE": "webhook", "BUILDKITE_BRANCH": "main"}, "error"),
    "CodeBuild push": (
        {**CODEBUILD, "CODEBUILD_WEBHOOK_EVENT": "PUSH", "CODEBUILD_WEBHOOK_PREV_COMMIT": "BEFORE"},
        "error",
    ),
    "CodeBuild tag": ({**CODEBUILD, "CODEBUILD_WEBHOOK_TRIGGER": "tag/v1"}, "error"),
    "CodeBuild by hand": (CODEBUILD, "error"),
    "Bitbucket push": ({**BITBUCKET, "BITBUCKET_BRANCH": "main"}, "error"),
    "Bitbucket tag": ({**BITBUCKET, "BITBUCKET_TAG": "v1"}, "error"),
    "Travis push": ({**TRAVIS, "TRAVIS_EVENT_TYPE": "push", "TRAVIS_BRANCH": "main"}, "error"),
    "Semaphore push": ({**SEMAPHORE, "SEMAPHORE_GIT_REF_TYPE": "branch", "SEMAPHORE_GIT_BRANCH": "main"}, "error"),
    "AppVeyor push": ({**APPVEYOR, "APPVEYOR_REPO_BRANCH": "main"}, "error"),
    "CircleCI": ({"CIRCLECI": "true", "CI": "true", "CIRCLE_BRANCH": "main"}, "error"),
    "TeamCity": ({"TEAMCITY_VERSION": "2026.1"}, "error"),
    "an unknown system": ({"CI": "true"}, "error"),
}
EVENTS: Mapping[str, tuple[str, dict[str, Any], Base]] = {
    "pull_request": ("refs/pull/7/merge", {"pull_request": {"base": {"ref": "main"}}}, "fork point"),
    "pull_request_review": ("refs/pull/7/merge", {"pull_request": {"base": {"ref": "main"}}}, "fork point"),
    "merge_group": (
        "refs/heads/gh-readonly-queue/main/pr-7",
        {"merge_group": {"base_sha": "FORK POINT"}},
        "fork point",
    ),
    "push": ("refs/heads/topic", {"before": "BEFORE"}, "fork point"),
    "push to default": ("refs/heads/main", {"before": "BEFORE"}, "before"),
    "push of a new branch": ("refs/heads/topic", {"before": NO_COMMIT}, "fork point"),
    "push of a tag": ("refs/tags/v1", {"before": NO_COMMIT}, "fork point"),
    "release": ("refs/tags/v1", {}, "fork point"),
    "schedule": ("refs/heads/main", {}, "fork point"),
    "workflow_dispatch": ("refs/heads/topic", {}, "fork point"),
    "issue_comment": ("refs/heads/main", {"issue": {"pull_request": {}}}, "fork point"),
}


@pytest.fixture
def topic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A branch of two commits, whose fork point is the main branch of origin. The local main is the branch itself."""
    leave_ci(monkeypatch)
    repository = Repository(tmp_path / "repository")
    repository.commit()
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repository.branch()
    for _ in range(2):
        repository.commit()
    repository.git("branch", "--force", "main")
    return repository


def commits_of(repository: Repository) -> dict[str, str]:
    """Name -> commit of the words in the tables."""
    names = {"FORK POINT": "HEAD~2", "BEFORE": "HEAD~1", "head": "HEAD"}
    return {name: repository.git("rev-parse", commit) for name, commit in names.items()}


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


@pytest.mark.parametrize("event", EVENTS)
def test_events_of_github(topic: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: str) -> None:
    """GitHub describes its event in a file."""
    reference, payload, base = EVENTS[event]
    text = json.dumps({"repository": {"default_branch": "main"}, **payload})
    for word, commit in commits_of(topic).items():
        text = text.replace(f'"{word}"', f'"{commit}"')
    (tmp_path / "event.json").write_text(text)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_NAME", event.partition(" ")[0])
    monkeypatch.setenv("GITHUB_REF", reference)
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
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
