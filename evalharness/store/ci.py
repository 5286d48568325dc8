"""The event that started a CI job, and the base that its change is compared with.

Each CI system has its own variables. A pull request and a merge queue name their base. A push to the default branch is
compared with the commit before it, and everything else with the default branch. Where a system does not say which
branch that is, the base is unknown: it is never guessed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.errors import GitError

_MOST_EVENT_BYTES = 25_000_000
"""GitHub cuts the payload of an event at 25 MB."""
_NO_COMMIT = ("0" * 40, "0" * 64)
_HERE = ("HEAD",)
_Variables = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Event:
    """What started a CI job. Without a commit and a branch, its base is unknown."""

    system: str
    kind: str
    """In plain words: pull request, merge queue, push, tag, schedule."""
    commits: tuple[str, ...] = ()
    """The base, as ids; the first one in this clone counts."""
    branches: tuple[str, ...] = ()
    """The base, as branches of `origin`, where no commit is in this clone."""

    @property
    def is_known(self) -> bool:
        """Whether the event has a base."""
        return bool(self.commits or self.branches)


def in_ci() -> bool:
    """Whether this is a CI job, by the variables of the known systems or by `CI`."""
    return event() is not None


def event() -> Event | None:
    """The event that started this CI job; None outside of CI. Raises GitError if its description cannot be read."""
    variables = {name: value.strip() for name, value in os.environ.items()}
    for sign, (system, read) in _SYSTEMS.items():
        if _is_set(variables.get(sign, "")):
            return read(system, variables)
    if not _is_set(variables.get("CI", "")):
        return None
    if variables["CI"] in ("woodpecker", "drone"):
        return _woodpecker(variables["CI"].title(), variables)
    return Event("this CI system", "job")


def _is_set(value: str) -> bool:
    return value.lower() not in ("", "0", "false")


def _pull_request(system: str, *branches: str, commits: tuple[str, ...] = ()) -> Event:
    return Event(system, "pull request", tuple(filter(None, commits)), tuple(filter(None, branches)))


def _other(system: str, kind: str, *, branch: str, default: str, before: str | None = None) -> Event:
    """A job that is not of a pull request.

    `before` is the commit before a push: zeros where the push created the branch, None without a push. A push to
    another branch than the default one has the default branch as its base, because the push before may already hold a
    part of the change.
    """
    if not default:
        return Event(system, kind)
    if before is None or branch != default:
        return Event(system, kind, branches=(default,))
    return Event(system, kind, commits=_HERE if before in _NO_COMMIT else tuple(filter(None, (before,))))


def _github(system: str, variables: _Variables) -> Event:
    """GitHub, Gitea and Forgejo. The payload of the event is a file outside of the checkout."""
    payload, name = _payload(variables.get("GITHUB_EVENT_PATH", "")), variables.get("GITHUB_EVENT_NAME", "job")
    base = _table(_table(payload, "pull_request"), "base")
    if target := variables.get("GITHUB_BASE_REF") or _text(base, "ref"):
        return _pull_request(system, target)
    if group := _table(payload, "merge_group"):
        return Event(system, "merge queue", commits=(_text(group, "base_sha"),))
    reference = variables.get("GITHUB_REF", "")
    branch = reference.removeprefix("refs/heads/")
    default = branch if name == "schedule" else _text(_table(payload, "repository"), "default_branch")
    kind = "tag" if reference.startswith("refs/tags/") else name.replace("_", " ")
    before = _text(payload, "before") if kind == "push" else None
    return _other(system, kind, branch=branch, default=default, before=before)


def _payload(path: str) -> Mapping[str, Any]:
    if not path:
        return {}
    try:
        with Path(path).open("rb") as file:
            found = json.loads(file.read(_MOST_EVENT_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise GitError(f"GITHUB_EVENT_PATH: the event cannot be read: {error}") from None
    return found if isinstance(found, dict) else {}


def _table(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, dict) else {}


def _text(values: Mapping[str, Any], name: str) -> str:
    found = values.get(name)
    return found.strip() if isinstance(found, str) else ""


def _gitlab(system: str, variables: _Variables) -> Event:
    """GitLab. In the pipeline of a fork, `origin` is the fork, so that its branches say nothing."""
    get = variables.get
    if get("CI_MERGE_REQUEST_IID") or get("CI_MERGE_REQUEST_DIFF_BASE_SHA"):
        is_fork = get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID") != get("CI_MERGE_REQUEST_PROJECT_ID")
        branch = "" if is_fork else get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "")
        return _pull_request(system, branch, commits=(get("CI_MERGE_REQUEST_DIFF_BASE_SHA", ""),))
    if get("CI_EXTERNAL_PULL_REQUEST_IID"):
        target = get("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME", "")
        return _pull_request(system, target, commits=(get("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA", ""),))
    source, default = get("CI_PIPELINE_SOURCE", "job"), get("CI_DEFAULT_BRANCH", "")
    if source in ("parent_pipeline", "pipeline"):  # what started the parent is not in the variables
        return Event(system, "child pipeline")
    kind = "tag" if get("CI_COMMIT_TAG") else source
    before = get("CI_COMMIT_BEFORE_SHA", "") if kind == "push" else None
    return _other(system, kind, branch=get("CI_COMMIT_BRANCH", ""), default=default, before=before)


def _azure(system: str, variables: _Variables) -> Event:
    if target := variables.get("SYSTEM_PULLREQUEST_TARGETBRANCH", ""):
        return _pull_request(system, target)
    source, reason = variables.get("BUILD_SOURCEBRANCH", ""), variables.get("BUILD_REASON", "job")
    return Event(system, "tag" if source.startswith("refs/tags/") else reason)


def _jenkins(system: str, variables: _Variables) -> Event:
    """Jenkins, a multibranch project. `BRANCH_IS_PRIMARY` marks the default branch."""
    get = variables.get
    if target := get("CHANGE_TARGET", ""):
        return _pull_request(system, target)
    branch = get("BRANCH_NAME", "")
    default = branch if _is_set(get("BRANCH_IS_PRIMARY", "")) and not get("TAG_NAME") else ""
    kind = "tag" if get("TAG_NAME") else "branch"
    return _other(system, kind, branch=branch, default=default, before=get("GIT_PREVIOUS_COMMIT", ""))


def _buildkite(system: str, variables: _Variables) -> Event:
    get = variables.get
    if get("BUILDKITE_PULL_REQUEST", "false") != "false":
        return _pull_request(system, get("BUILDKITE_PULL_REQUEST_BASE_BRANCH", ""))
    if base := get("BUILDKITE_MERGE_QUEUE_BASE_COMMIT", ""):
        return Event(system, "merge queue", commits=(base,))
    default, branch = get("BUILDKITE_PIPELINE_DEFAULT_BRANCH", ""), get("BUILDKITE_BRANCH", "")
    kind = "tag" if get("BUILDKITE_TAG") else get("BUILDKITE_SOURCE", "job").replace("webhook", "push")
    if kind == "push" and branch == default:  # no variable has the commit before
        return Event(system, "push to the default branch")
    return _other(system, kind, branch=branch, default=default)


def _codebuild(system: str, variables: _Variables) -> Event:
    get = variables.get
    name = get("CODEBUILD_WEBHOOK_EVENT", "")
    if name.startswith("PULL_REQUEST") and name != "PULL_REQUEST_MERGED":
        return _pull_request(system, get("CODEBUILD_WEBHOOK_BASE_REF", ""))
    trigger = get("CODEBUILD_WEBHOOK_TRIGGER", "")
    return Event(system, "tag" if trigger.startswith("tag/") else name.lower().replace("_", " ") or "job")


def _bitbucket(system: str, variables: _Variables) -> Event:
    if target := variables.get("BITBUCKET_PR_DESTINATION_BRANCH", ""):
        return _pull_request(system, target)
    return Event(system, "tag" if variables.get("BITBUCKET_TAG") else "push")


def _woodpecker(system: str, variables: _Variables) -> Event:
    """Woodpecker, and Drone by the older names."""
    own = {name.removeprefix("DRONE_"): value for name, value in variables.items() if name.startswith("DRONE_")}
    kind = (variables.get("CI_PIPELINE_EVENT") or own.get("BUILD_EVENT") or "job").replace("_", " ")
    if kind.startswith("pull request"):
        return _pull_request(system, variables.get("CI_COMMIT_TARGET_BRANCH") or own.get("TARGET_BRANCH", ""))
    branch = "" if kind == "tag" else variables.get("CI_COMMIT_BRANCH") or own.get("BRANCH", "")
    before = variables.get("CI_PREV_COMMIT_SHA") or own.get("COMMIT_BEFORE", "")
    default = variables.get("CI_REPO_DEFAULT_BRANCH") or own.get("REPO_BRANCH", "")
    return _other(system, kind, branch=branch, default=default, before=before if kind == "push" else None)


def _travis(system: str, variables: _Variables) -> Event:
    if variables.get("TRAVIS_PULL_REQUEST", "false") != "false":
        return _pull_request(system, variables.get("TRAVIS_BRANCH", ""))
    return Event(system, "tag" if variables.get("TRAVIS_TAG") else variables.get("TRAVIS_EVENT_TYPE", "job"))


def _semaphore(system: str, variables: _Variables) -> Event:
    if variables.get("SEMAPHORE_GIT_PR_NUMBER"):
        return _pull_request(system, variables.get("SEMAPHORE_GIT_BRANCH", ""))
    return Event(system, variables.get("SEMAPHORE_GIT_REF_TYPE", "job"))


def _appveyor(system: str, variables: _Variables) -> Event:
    if variables.get("APPVEYOR_PULL_REQUEST_NUMBER"):
        return _pull_request(system, variables.get("APPVEYOR_REPO_BRANCH", ""))
    return Event(system, "tag" if variables.get("APPVEYOR_REPO_TAG_NAME") else "push")


def _without_base(system: str, variables: _Variables) -> Event:
    """A system whose variables never name a base."""
    return Event(system, "tag" if variables.get("CIRCLE_TAG") else "job")


_SYSTEMS: Mapping[str, tuple[str, Callable[[str, _Variables], Event]]] = {
    "GITHUB_ACTIONS": ("GitHub", _github),
    "GITLAB_CI": ("GitLab", _gitlab),
    "TF_BUILD": ("Azure Pipelines", _azure),
    "JENKINS_URL": ("Jenkins", _jenkins),
    "BUILDKITE": ("Buildkite", _buildkite),
    "CODEBUILD_BUILD_ID": ("CodeBuild", _codebuild),
    "BITBUCKET_BUILD_NUMBER": ("Bitbucket", _bitbucket),
    "DRONE": ("Drone", _woodpecker),
    "TRAVIS": ("Travis CI", _travis),
    "SEMAPHORE": ("Semaphore", _semaphore),
    "APPVEYOR": ("AppVeyor", _appveyor),
    "CIRCLECI": ("CircleCI", _without_base),
    "TEAMCITY_VERSION": ("TeamCity", _without_base),
}
"""Variable that a system always sets -> its name and how to read its event. Sources: each system's documentation."""
CI_VARIABLES = ("CI", *_SYSTEMS)
"""The variables by which a CI job is known."""
