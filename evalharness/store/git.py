"""The commits of the repository that a project lies in: the merge base, a named one, the history of a folder."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from evalharness.errors import GitError
from evalharness.store.ci import event, in_ci
from evalharness.store.commit import Commit
from evalharness.store.git_command import Place, bounded, find_place, one_line, output_of, place_of

_OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_FOLDERS = ("remotes/origin", "heads")
_DEFAULTS = ("HEAD", "main", "master")
_SUBJECT_CHARS = 200
_WHOLE_HISTORY = "a shallow clone lacks it: set `fetch-depth: 0` (GitHub), `GIT_DEPTH: 0` (GitLab), or `git fetch` it"


def merge_base(root: Path, ref: str | None = None) -> Commit | None:
    """The merge base of HEAD and the target.

    None outside of a repository, or before its first commit. The target is `ref` if given, or the base of the event of
    this CI job (see `ci`), or the default branch. If there is no default branch outside of CI, the merge base is HEAD.
    Raises GitError if the target is missing, shares no commit with HEAD, or is not named by the CI system.
    """
    place = place_of(root)
    if ref is None and not in_ci() and shutil.which("git") is None:
        return None  # a container with a copy of a repository, for example
    head = _commit(place, "HEAD") if place else None
    if place is None or head is None:
        return None
    target = _target(place) if ref is None else _given(place, ref)
    base = head if target in (None, head) else one_line(place, "merge-base", head, target)
    if base is None:
        raise GitError(f"HEAD and {ref or 'the target branch'} share no commit in this clone; {_WHOLE_HISTORY}")
    return Commit(root, base)


def head(root: Path) -> str | None:
    """The id of the commit that is checked out; None outside of a repository, or before its first commit.

    Raises GitError.
    """
    place = place_of(root)
    return _commit(place, "HEAD") if place else None


def commit_at(root: Path, ref: str) -> Commit:
    """The commit with this name.

    Raises GitError if there is no repository, or no commit with this name.
    """
    return Commit(root, _given(find_place(root), ref))


class LoggedCommit(NamedTuple):
    """A commit with its date, ISO 8601, and the subject of its message."""

    commit: Commit
    date: str
    subject: str


def commits_that_changed(root: Path, folder: str, most: int) -> list[LoggedCommit]:
    """The latest `most` commits that changed a folder, oldest first.

    Follows the first parents of HEAD. Empty without git, repository or commits. Raises GitError.
    """
    place = place_of(root) if shutil.which("git") else None
    if place is None or _commit(place, "HEAD") is None:
        return []
    form = f"--format=%cI %<({_SUBJECT_CHARS},trunc)%s"
    options = ("--first-parent", f"--max-count={most}", "--encoding=UTF-8", form)
    with output_of(place, ("rev-list", *options, "HEAD", "--", str(place.prefix / folder))) as lines:
        texts = bounded(lines).decode("utf-8", "replace").split("\n")  # "commit HASH", "DATE SUBJECT", for each commit
    pairs = zip(texts[:-1:2], texts[1::2], strict=True)
    return [_logged(root, first.removeprefix("commit "), second) for first, second in pairs][::-1]


def _logged(root: Path, sha: str, line: str) -> LoggedCommit:
    date, _, subject = line.partition(" ")
    return LoggedCommit(Commit(root, sha), date, subject.strip()[:_SUBJECT_CHARS])


def has_whole_history(root: Path) -> bool:
    """Whether the clone is not shallow. True without a repository."""
    place = place_of(root) if shutil.which("git") else None
    return place is None or one_line(place, "rev-parse", "--is-shallow-repository") != "true"


def _given(place: Place, ref: str) -> str:
    if not ref or ref.startswith("-") or "\0" in ref:
        raise GitError(f"expected the name of a commit, got {ref!r}")
    if found := _commit(place, ref):
        return found
    raise GitError(f"no commit {ref!r} in this clone; {_WHOLE_HISTORY}")


def _target(place: Place) -> str | None:
    """The base of this CI job, or the default branch outside of CI. Raises GitError if CI names none that is here."""
    job = event()
    if job is None:
        return _first_branch(place, [f"refs/{folder}/{name}" for folder in _FOLDERS for name in _DEFAULTS])
    if not job.is_known:
        what = f"{job.system} does not say which commit this {job.kind} is compared with"
        raise GitError(f"{what}: name a branch or commit with --llm-base (pytest) or --base")
    commits = (_commit(place, name) for name in job.commits if name == "HEAD" or _OBJECT.fullmatch(name))
    # CI ignores local branches: a fork's branch may be called main
    branches = [f"refs/remotes/origin/{name.removeprefix('refs/heads/')}" for name in job.branches]
    found = next(filter(None, commits), None) or _first_branch(place, branches)
    if found is None:
        tried = ", ".join([*job.commits, *(name.removeprefix("refs/remotes/") for name in branches)])
        what = f"no target branch of this {job.kind} in this clone (tried {tried})"
        raise GitError(f"{what}; {_WHOLE_HISTORY}; or name a branch or commit with --llm-base (pytest) or --base")
    return found


def _first_branch(place: Place, names: Sequence[str]) -> str | None:
    """The commit of the first branch that exists."""
    branches = _branches(place, names) if names else {}
    return next((branches[name] for name in names if name in branches), None)


def _branches(place: Place, names: Sequence[str]) -> dict[str, str]:
    """Name -> commit of the existing branches. `rev-parse` would also find a tag with the name of a missing branch."""
    with output_of(place, ("for-each-ref", "--format=%(objectname) %(refname)", *names)) as lines:
        found = (line.partition(" ") for line in bounded(lines).decode("utf-8", "surrogateescape").split("\n"))
        return {name: sha for sha, _, name in found}


def _commit(place: Place, name: str) -> str | None:
    found = one_line(place, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    return found if found and _OBJECT.fullmatch(found) else None
