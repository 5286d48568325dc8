"""Reads another commit of the repository without running code of the checkout.

Git runs no hook, filter, textconv, pager or file system monitor, fetches nothing, enters no submodule and follows no
symbolic link. It starts outside of the checkout and does not read the user's configuration.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from evalharness.errors import GitError, StoreError
from evalharness.store.ci import event, in_ci

_GIT = (
    *("git", "--no-pager", "--no-replace-objects", "--no-optional-locks", "--literal-pathspecs"),
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"),
)
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_ALLOW_PROTOCOL": "none",  # a partial clone would fetch missing objects from its remote
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
}
_TIMEOUT_S = 60
_MOST_LISTED, _MOST_FILE, _MOST_FILES = 50_000_000, 256_000_000, 1_000_000_000
"""Limits in bytes: of a list of names, of one file, of all files together."""
_REASON_CHARS = 300
_REGULAR = ("100644", "100755")
_OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SUBMODULE = re.compile(r"\.git/(worktrees/[^/]+/)?modules/")
_FOLDERS = ("remotes/origin", "heads")
_DEFAULTS = ("HEAD", "main", "master")
_WHOLE_HISTORY = "a shallow clone lacks it: set `fetch-depth: 0` (GitHub), `GIT_DEPTH: 0` (GitLab), or `git fetch` it"


class _Place(NamedTuple):
    """The place of a project in its repository."""

    git_dir: Path
    prefix: PurePosixPath


class _Entry(NamedTuple):
    """A regular file of a commit."""

    path: str
    """Relative to the root of the project."""
    blob: str
    size: int


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of the repository that the folder `root` lies in.

    Paths are relative to `root`.
    """

    root: Path
    sha: str

    def read(self, path: str) -> bytes | None:
        """The content of a regular file; None if there is none. Raises GitError."""
        entries = [entry for entry in self._entries(path) if entry.path == str(PurePosixPath(path))]
        return next((content for _, content in self._contents(entries)), None)

    def files(self, folder: str) -> list[str]:
        """The regular files below a folder, sorted. Raises GitError."""
        return sorted(entry.path for entry in self._entries(folder))

    def contents(self, folder: str, known: set[str]) -> Iterator[tuple[str, bytes]]:
        """Path and content of each regular file below a folder that is not in `known`.

        `known` has the ids of blobs; those of the yielded files are added. Raises GitError.
        """
        new = [entry for entry in self._entries(folder) if entry.blob not in known]
        known |= {entry.blob for entry in new}
        yield from ((entry.path, content) for entry, content in self._contents(new))

    def write_to(self, folder: Path, *paths: str) -> list[str]:
        """Copy the regular files at and below `paths` into an empty `folder`.

        Returns their paths. Raises GitError if git cannot read them, or if they are too large, and StoreError if they
        cannot be written.
        """
        entries = list(dict.fromkeys(entry for path in paths for entry in self._entries(path)))
        try:
            for entry, content in self._contents(entries):
                target = folder / entry.path
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as file:  # does not overwrite a file or follow a link
                    file.write(content)
        except OSError as error:
            raise StoreError(f"the files of {self.sha[:12]} cannot be written: {error.strerror or error}") from None
        return sorted(entry.path for entry in entries)

    def _entries(self, path: str) -> list[_Entry]:
        place, relative = _found(self.root), PurePosixPath(path)
        if relative.is_absolute() or ".." in relative.parts or "\0" in path:
            raise GitError(f"expected a path below the root, got {path!r}")
        listing = ("ls-tree", "-r", "-z", "-l", "--full-tree", self.sha, "--", str(place.prefix / relative))
        with _output(place, listing[:-2] if listing[-1] == "." else listing) as lines:
            return list(_regular_files(_bounded(lines).decode("utf-8", "surrogateescape"), place.prefix))

    def _contents(self, entries: Sequence[_Entry]) -> Iterator[tuple[_Entry, bytes]]:
        """The contents of the entries, one at a time, because together they may be large."""
        large = next((entry.path for entry in entries if entry.size > _MOST_FILE), None)
        if large or sum(entry.size for entry in entries) > _MOST_FILES:
            limit = f"more than {(_MOST_FILE if large else _MOST_FILES) / 1e6:.0f} MB"
            raise GitError(f"{large or 'the suites and goldens'} of {self.sha[:12]}: {limit}")
        blobs = "".join(f"{entry.blob}\n" for entry in entries).encode()
        with _output(_found(self.root), ("cat-file", "--batch"), stdin=blobs) as output:
            for entry in entries:
                if output.readline() != f"{entry.blob} blob {entry.size}\n".encode():
                    raise GitError(f"{entry.path} of {self.sha[:12]}: not in this clone: fetch it, or clone again")
                yield entry, output.read(entry.size)
                output.read(1)


def merge_base(root: Path, ref: str | None = None) -> Commit | None:
    """The merge base of HEAD and the target.

    None outside of a repository, or before its first commit. The target is `ref` if given, or the base of the event of
    this CI job (see `ci`), or the default branch. If there is no default branch outside of CI, the merge base is HEAD.
    Raises GitError if the target is missing, shares no commit with HEAD, or is not named by the CI system.
    """
    place = _place(root)
    if ref is None and not in_ci() and shutil.which("git") is None:
        return None  # a container with a copy of a repository, for example
    head = _commit(place, "HEAD") if place else None
    if place is None or head is None:
        return None
    target = _target(place) if ref is None else _given(place, ref)
    base = _line(place, "merge-base", head, target or head)
    if base is None:
        raise GitError(f"HEAD and {ref or 'the target branch'} share no commit in this clone; {_WHOLE_HISTORY}")
    return Commit(root, base)


def commit_at(root: Path, ref: str) -> Commit:
    """The commit with this name.

    Raises GitError if there is no repository, or no commit with this name.
    """
    return Commit(root, _given(_found(root), ref))


def commits_that_changed(root: Path, folder: str, most: int) -> list[tuple[Commit, str]]:
    """The latest `most` commits that changed a folder, oldest first, with their dates.

    Dates are ISO 8601. Follows the first parents of HEAD. Empty without git, repository or commits. Raises GitError.
    """
    place = _place(root) if shutil.which("git") else None
    if place is None or _commit(place, "HEAD") is None:
        return []
    options = ("--first-parent", f"--max-count={most}", "--format=%cI")
    with _output(place, ("rev-list", *options, "HEAD", "--", str(place.prefix / folder))) as lines:
        words = _bounded(lines).decode("ascii").split()  # "commit", hash, date, for each commit
    pairs = zip(words[1::3], words[2::3], strict=True)
    return [(Commit(root, sha), date) for sha, date in pairs][::-1]


def has_whole_history(root: Path) -> bool:
    """Whether the clone is not shallow. True without a repository."""
    place = _place(root) if shutil.which("git") else None
    return place is None or _line(place, "rev-parse", "--is-shallow-repository") != "true"


def _given(place: _Place, ref: str) -> str:
    if not ref or ref.startswith("-") or "\0" in ref:
        raise GitError(f"expected the name of a commit, got {ref!r}")
    if found := _commit(place, ref):
        return found
    raise GitError(f"no commit {ref!r} in this clone; {_WHOLE_HISTORY}")


def _target(place: _Place) -> str | None:
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


def _first_branch(place: _Place, names: Sequence[str]) -> str | None:
    """The commit of the first branch that exists."""
    branches = _branches(place, names) if names else {}
    return next((branches[name] for name in names if name in branches), None)


def _branches(place: _Place, names: Sequence[str]) -> dict[str, str]:
    """Name -> commit of the existing branches. `rev-parse` would also find a tag with the name of a missing branch."""
    with _output(place, ("for-each-ref", "--format=%(objectname) %(refname)", *names)) as lines:
        found = (line.partition(" ") for line in _bounded(lines).decode("utf-8", "surrogateescape").split("\n"))
        return {name: sha for sha, _, name in found}


def _commit(place: _Place, name: str) -> str | None:
    found = _line(place, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    return found if found and _OBJECT.fullmatch(found) else None


def _found(root: Path) -> _Place:
    place = _place(root)
    if place is None:
        raise GitError(f"{root}: not in a git repository")
    return place


def _place(root: Path) -> _Place | None:
    """The repository of a folder. The path as written comes first, because a link may lead out of the repository."""
    for start in (root.absolute(), root.resolve()):
        for folder in (start, *start.parents):
            if (folder / ".git").exists() and not _is_submodule(folder / ".git"):
                return _Place(folder / ".git", PurePosixPath(start.relative_to(folder).as_posix()))
    return None


def _is_submodule(git_dir: Path) -> bool:
    """Whether this is a submodule. A pull request can choose its repository, so the merge base is the outer one's."""
    try:
        return git_dir.is_file() and bool(_SUBMODULE.search(git_dir.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError):
        return False


def _regular_files(listing: str, prefix: PurePosixPath) -> Iterator[_Entry]:
    for line in filter(None, listing.split("\0")):
        about, _, name = line.partition("\t")
        mode, _, blob, size = about.split()
        if mode in _REGULAR:
            path = PurePosixPath(name)
            if path.is_absolute() or {"..", ".git"} & set(path.parts) or not path.is_relative_to(prefix):
                raise GitError(f"expected the path of a file, got {name!r} (blob {blob[:12]})")
            yield _Entry(str(path.relative_to(prefix)), blob, int(size))


def _line(place: _Place, *words: str) -> str | None:
    """The output of a git command; None if it is empty."""
    with _output(place, words, nothing=1) as lines:
        return _bounded(lines).decode("utf-8", "replace").strip() or None


def _bounded(output: IO[bytes]) -> bytes:
    found = output.read(_MOST_LISTED + 1)
    if len(found) > _MOST_LISTED:
        raise GitError(f"expected at most {_MOST_LISTED / 1e6:.0f} MB of names from git, got more than that")
    return found


@contextmanager
def _output(place: _Place, words: Sequence[str], *, stdin: bytes = b"", nothing: int = 0) -> Iterator[IO[bytes]]:
    """The output of a git command. `--git-dir` is given, because a folder of the checkout can pose as a repository."""
    command = [*_GIT, f"--git-dir={place.git_dir}", *words]
    environment = {"PATH": os.environ.get("PATH", os.defpath), **_ENVIRONMENT}
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(  # noqa: S603
                command,
                input=stdin,
                stdout=output,
                stderr=subprocess.PIPE,
                timeout=_TIMEOUT_S,
                env=environment,
                cwd="/",
            )
        except subprocess.TimeoutExpired:
            raise GitError(f"git {words[0]} took more than {_TIMEOUT_S} s") from None
        except OSError as error:
            raise GitError(f"git cannot be run: {error.strerror or error}") from None
        if done.returncode not in (0, nothing):
            raise GitError(f"git {words[0]} failed: {_reason(done.stderr) or done.returncode}")
        output.seek(0)
        yield output


def _reason(stderr: bytes) -> str:
    message = " ".join(stderr.decode("utf-8", "replace").split())[:_REASON_CHARS]
    return "this partial clone lacks earlier files: clone without --filter" if "promisor" in message else message
