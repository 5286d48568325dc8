"""Runs git without running code of the checkout.

Git runs no hook, filter, textconv, pager or file system monitor, fetches nothing, enters no submodule and follows no
symbolic link. It starts outside of the checkout and does not read the user's configuration.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from evalharness.errors import GitError

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
_MOST_LISTED = 50_000_000
"""Limit of a list of names in bytes."""
_REASON_CHARS = 300
_SUBMODULE = re.compile(r"\.git/(worktrees/[^/]+/)?modules/")


class Place(NamedTuple):
    """The place of a project in its repository."""

    git_dir: Path
    prefix: PurePosixPath


def find_place(root: Path) -> Place:
    """The repository of a folder. Raises GitError outside of one."""
    if (place := place_of(root)) is None:
        raise GitError(f"{root}: not in a git repository")
    return place


def place_of(root: Path) -> Place | None:
    """The repository of a folder. The path as written comes first, because a link may lead out of the repository."""
    for start in (root.absolute(), root.resolve()):
        for folder in (start, *start.parents):
            if (folder / ".git").exists() and not _is_submodule(folder / ".git"):
                return Place(folder / ".git", PurePosixPath(start.relative_to(folder).as_posix()))
    return None


def _is_submodule(git_dir: Path) -> bool:
    """Whether this is a submodule. A pull request can choose its repository, so the merge base is the outer one's."""
    try:
        return git_dir.is_file() and bool(_SUBMODULE.search(git_dir.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError):
        return False


def one_line(place: Place, *words: str) -> str | None:
    """The output of a git command; None if it is empty."""
    with output_of(place, words, nothing=1) as lines:
        return bounded(lines).decode("utf-8", "replace").strip() or None


def bounded(output: IO[bytes]) -> bytes:
    """The whole output, which is a list of names. Raises GitError if it is too long."""
    found = output.read(_MOST_LISTED + 1)
    if len(found) > _MOST_LISTED:
        raise GitError(f"expected at most {_MOST_LISTED / 1e6:.0f} MB of names from git, got more than that")
    return found


@contextmanager
def output_of(place: Place, words: Sequence[str], *, stdin: bytes = b"", nothing: int = 0) -> Iterator[IO[bytes]]:
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
