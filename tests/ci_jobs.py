"""Jobs of CI systems: the variables that a system sets for an event, and the base of its change.

Sources: the documentation of each system on its predefined variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

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

_EVENT = {"pull_request": {"base": {"ref": "main"}}}
_ON_MAIN = {"BUILDKITE_SOURCE": "webhook", "BUILDKITE_BRANCH": "main"}
_DRONE_PR = {"DRONE_BUILD_EVENT": "pull_request", "DRONE_TARGET_BRANCH": "main"}
_WOODPECKER_PR = {"CI_PIPELINE_EVENT": "pull_request", "CI_COMMIT_TARGET_BRANCH": "main"}
TARGET, QUEUE, BEFORE, DEFAULT, NONE = (
    "target branch",
    "base of the queue",
    "commit before",
    "default branch",
    "`--llm-base`",
)
BASES: Mapping[str, Base] = {
    TARGET: "fork point",
    QUEUE: "fork point",
    BEFORE: "before",
    DEFAULT: "fork point",
    NONE: "error",
}
"""Word of the table -> the base in the repository of the tests, whose default branch is at the fork point."""
TABLE_EVENTS = ("pull request", "fork", "merge queue", "push", "tag", "schedule")
"""`push` is one to the default branch."""
_Cell = tuple[str, Mapping[str, str]] | tuple[str, Mapping[str, str], Mapping[str, Any]] | None
TABLE: Mapping[str, tuple[_Cell, ...]] = {
    "GitHub, Gitea, Forgejo": (
        (TARGET, {**GITHUB, "GITHUB_EVENT_NAME": "pull_request", "GITHUB_BASE_REF": "main"}, _EVENT),
        (TARGET, {**GITHUB, "GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF": "refs/heads/main"}, _EVENT),
        (QUEUE, {**GITHUB, "GITHUB_EVENT_NAME": "merge_group"}, {"merge_group": {"base_sha": "FORK POINT"}}),
        (BEFORE, {**GITHUB, "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main"}, {"before": "BEFORE"}),
        (DEFAULT, {**GITHUB, "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/tags/v1"}, {"before": NO_COMMIT}),
        (DEFAULT, {**GITHUB, "GITHUB_EVENT_NAME": "schedule", "GITHUB_REF": "refs/heads/main"}, {}),
    ),
    "GitLab": (
        (TARGET, {**GITLAB_MR, **OWN, "CI_MERGE_REQUEST_DIFF_BASE_SHA": "FORK POINT"}),
        (TARGET, {**GITLAB_MR, **FORK, "CI_MERGE_REQUEST_DIFF_BASE_SHA": "FORK POINT"}),
        (
            QUEUE,
            {
                **GITLAB_MR,
                **OWN,
                "CI_MERGE_REQUEST_EVENT_TYPE": "merge_train",
                "CI_MERGE_REQUEST_DIFF_BASE_SHA": "FORK POINT",
            },
        ),
        (
            BEFORE,
            {**GITLAB, "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_BEFORE_SHA": "BEFORE"},
        ),
        (DEFAULT, {**GITLAB, "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_TAG": "v1"}),
        (DEFAULT, {**GITLAB, "CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main"}),
    ),
    "Azure Pipelines": (
        (TARGET, {**AZURE, "BUILD_REASON": "PullRequest", "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main"}),
        (TARGET, {**AZURE, "SYSTEM_PULLREQUEST_ISFORK": "True", "SYSTEM_PULLREQUEST_TARGETBRANCH": "main"}),
        None,
        (NONE, {**AZURE, "BUILD_REASON": "IndividualCI", "BUILD_SOURCEBRANCH": "refs/heads/main"}),
        (NONE, {**AZURE, "BUILD_REASON": "IndividualCI", "BUILD_SOURCEBRANCH": "refs/tags/v1"}),
        (NONE, {**AZURE, "BUILD_REASON": "Schedule", "BUILD_SOURCEBRANCH": "refs/heads/main"}),
    ),
    "Jenkins, multibranch": (
        (TARGET, {**JENKINS, "CHANGE_ID": "7", "CHANGE_TARGET": "main", "BRANCH_NAME": "PR-7"}),
        (TARGET, {**JENKINS, "CHANGE_FORK": "contributor", "CHANGE_TARGET": "main"}),
        None,
        (BEFORE, {**JENKINS, "BRANCH_NAME": "main", "BRANCH_IS_PRIMARY": "true", "GIT_PREVIOUS_COMMIT": "BEFORE"}),
        (NONE, {**JENKINS, "BRANCH_NAME": "v1", "TAG_NAME": "v1"}),
        (BEFORE, {**JENKINS, "BRANCH_NAME": "main", "BRANCH_IS_PRIMARY": "true", "GIT_PREVIOUS_COMMIT": "BEFORE"}),
    ),
    "Buildkite": (
        (TARGET, {**BUILDKITE, "BUILDKITE_PULL_REQUEST": "7", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main"}),
        (
            TARGET,
            {
                **BUILDKITE,
                "BUILDKITE_PULL_REQUEST": "7",
                "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main",
                "BUILDKITE_BRANCH": "contributor:main",
            },
        ),
        (QUEUE, {**BUILDKITE, "BUILDKITE_MERGE_QUEUE_BASE_COMMIT": "FORK POINT"}),
        (NONE, {**BUILDKITE, **_ON_MAIN}),
        (DEFAULT, {**BUILDKITE, "BUILDKITE_TAG": "v1", "BUILDKITE_SOURCE": "webhook"}),
        (DEFAULT, {**BUILDKITE, **_ON_MAIN, "BUILDKITE_SOURCE": "schedule"}),
    ),
    "CodeBuild": (
        (
            TARGET,
            {
                **CODEBUILD,
                "CODEBUILD_WEBHOOK_EVENT": "PULL_REQUEST_UPDATED",
                "CODEBUILD_WEBHOOK_BASE_REF": "refs/heads/main",
            },
        ),
        (
            TARGET,
            {
                **CODEBUILD,
                "CODEBUILD_WEBHOOK_EVENT": "PULL_REQUEST_CREATED",
                "CODEBUILD_WEBHOOK_BASE_REF": "refs/heads/main",
            },
        ),
        None,
        (NONE, {**CODEBUILD, "CODEBUILD_WEBHOOK_EVENT": "PUSH", "CODEBUILD_WEBHOOK_PREV_COMMIT": "BEFORE"}),
        (NONE, {**CODEBUILD, "CODEBUILD_WEBHOOK_TRIGGER": "tag/v1"}),
        (NONE, CODEBUILD),
    ),
    "Bitbucket": (
        (TARGET, {**BITBUCKET, "BITBUCKET_PR_DESTINATION_BRANCH": "main"}),
        None,
        None,
        (NONE, {**BITBUCKET, "BITBUCKET_BRANCH": "main"}),
        (NONE, {**BITBUCKET, "BITBUCKET_TAG": "v1"}),
        (NONE, {**BITBUCKET, "BITBUCKET_BRANCH": "main"}),
    ),
    "Woodpecker": (
        (TARGET, {**WOODPECKER, **_WOODPECKER_PR}),
        (TARGET, {**WOODPECKER, **_WOODPECKER_PR, "CI_COMMIT_SOURCE_BRANCH": "main"}),
        None,
        (
            BEFORE,
            {**WOODPECKER, "CI_PIPELINE_EVENT": "push", "CI_COMMIT_BRANCH": "main", "CI_PREV_COMMIT_SHA": "BEFORE"},
        ),
        (DEFAULT, {**WOODPECKER, "CI_PIPELINE_EVENT": "tag"}),
        (DEFAULT, {**WOODPECKER, "CI_PIPELINE_EVENT": "cron", "CI_COMMIT_BRANCH": "main"}),
    ),
    "Drone": (
        (TARGET, {**DRONE, **_DRONE_PR}),
        (TARGET, {**DRONE, **_DRONE_PR, "DRONE_SOURCE_BRANCH": "main"}),
        None,
        (BEFORE, {**DRONE, "DRONE_BUILD_EVENT": "push", "DRONE_BRANCH": "main", "DRONE_COMMIT_BEFORE": "BEFORE"}),
        (DEFAULT, {**DRONE, "DRONE_BUILD_EVENT": "tag", "DRONE_BRANCH": "v1"}),
        (DEFAULT, {**DRONE, "DRONE_BUILD_EVENT": "cron", "DRONE_BRANCH": "main"}),
    ),
    "Travis CI": (
        (TARGET, {**TRAVIS, "TRAVIS_PULL_REQUEST": "7", "TRAVIS_BRANCH": "main"}),
        (
            TARGET,
            {**TRAVIS, "TRAVIS_PULL_REQUEST": "7", "TRAVIS_BRANCH": "main", "TRAVIS_PULL_REQUEST_SLUG": "fork/shop"},
        ),
        None,
        (NONE, {**TRAVIS, "TRAVIS_EVENT_TYPE": "push", "TRAVIS_BRANCH": "main"}),
        (NONE, {**TRAVIS, "TRAVIS_EVENT_TYPE": "push", "TRAVIS_TAG": "v1", "TRAVIS_BRANCH": "v1"}),
        (NONE, {**TRAVIS, "TRAVIS_EVENT_TYPE": "cron", "TRAVIS_BRANCH": "main"}),
    ),
    "Semaphore": (
        (TARGET, {**SEMAPHORE, "SEMAPHORE_GIT_PR_NUMBER": "7", "SEMAPHORE_GIT_BRANCH": "main"}),
        (
            TARGET,
            {
                **SEMAPHORE,
                "SEMAPHORE_GIT_PR_NUMBER": "7",
                "SEMAPHORE_GIT_BRANCH": "main",
                "SEMAPHORE_GIT_PR_SLUG": "fork/shop",
            },
        ),
        None,
        (NONE, {**SEMAPHORE, "SEMAPHORE_GIT_REF_TYPE": "branch", "SEMAPHORE_GIT_BRANCH": "main"}),
        (NONE, {**SEMAPHORE, "SEMAPHORE_GIT_REF_TYPE": "tag"}),
        (NONE, {**SEMAPHORE, "SEMAPHORE_GIT_REF_TYPE": "branch", "SEMAPHORE_GIT_BRANCH": "main"}),
    ),
    "AppVeyor": (
        (TARGET, {**APPVEYOR, "APPVEYOR_PULL_REQUEST_NUMBER": "7", "APPVEYOR_REPO_BRANCH": "main"}),
        (TARGET, {**APPVEYOR, "APPVEYOR_PULL_REQUEST_NUMBER": "8", "APPVEYOR_REPO_BRANCH": "main"}),
        None,
        (NONE, {**APPVEYOR, "APPVEYOR_REPO_BRANCH": "main"}),
        (NONE, {**APPVEYOR, "APPVEYOR_REPO_TAG_NAME": "v1"}),
        (NONE, {**APPVEYOR, "APPVEYOR_REPO_BRANCH": "main", "APPVEYOR_SCHEDULED_BUILD": "True"}),
    ),
    "CircleCI": (
        (NONE, {"CIRCLECI": "true", "CIRCLE_BRANCH": "topic"}),
        (NONE, {"CIRCLECI": "true", "CIRCLE_PR_NUMBER": "7"}),
        None,
        (NONE, {"CIRCLECI": "true", "CIRCLE_BRANCH": "main"}),
        (NONE, {"CIRCLECI": "true", "CIRCLE_TAG": "v1"}),
        (NONE, {"CIRCLECI": "true", "CIRCLE_BRANCH": "main"}),
    ),
    "TeamCity": (
        (NONE, {"TEAMCITY_VERSION": "2026.1"}),
        (NONE, {"TEAMCITY_VERSION": "2026.1", "BUILD_NUMBER": "1"}),
        None,
        (NONE, {"TEAMCITY_VERSION": "2026.1", "BUILD_NUMBER": "2"}),
        (NONE, {"TEAMCITY_VERSION": "2026.1", "BUILD_NUMBER": "3"}),
        (NONE, {"TEAMCITY_VERSION": "2026.1", "BUILD_NUMBER": "4"}),
    ),
}
"""System -> a cell for each of `TABLE_EVENTS`: the base, the variables and on GitHub the event. None: there is none."""
CELLS = {
    f"{system}: {event}": cell
    for system, row in TABLE.items()
    for event, cell in zip(TABLE_EVENTS, row, strict=True)
    if cell is not None
}
