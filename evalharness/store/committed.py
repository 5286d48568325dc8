"""Files that the commit of this checkout brings: its author chose their content."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from evalharness.errors import StoreError
from evalharness.store.commit import Commit
from evalharness.store.git import head
from evalharness.store.git_command import place_of

_AT_ONCE = 500
"""Paths in one call of git, whose command line has a limit."""


def refuse_committed(files: Sequence[Path], root: Path) -> None:
    """Raise StoreError for a file that the commit holds, or that lies below a link in it. Raises GitError.

    The results of a job come from the job. A change that brings some could put answers into the place of missing ones.
    """
    place = place_of(root) if shutil.which("git") else None
    if place is None or (commit := head(root)) is None:
        return
    top = place.git_dir.parent
    there, inside = Commit(top, commit), [path for file in files if (path := _below(file, top))]
    for start in range(0, len(inside), _AT_ONCE):
        if held := sorted(there.holding(*inside[start : start + _AT_ONCE])):
            raise StoreError(
                f"{held[0]}: the commit that is checked out brings this file: expected a result of a job; remove it "
                "from git, or name the folder of the downloaded results"
            )


def _below(file: Path, top: Path) -> str:
    """The path relative to the top of the repository, as written or behind links; "" outside of it."""
    for path, start in ((Path(os.path.abspath(file)), top), (file.resolve(), top.resolve())):  # noqa: PTH100 - keeps links
        if path.is_relative_to(start):
            return path.relative_to(start).as_posix()
    return ""
