"""The folder of recorded responses, which a job may have put into its checkout: no commit can bring its files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from evalharness.errors import StoreError
from evalharness.store.commit import Commit
from evalharness.store.git import head
from evalharness.store.git_command import place_of


def check_cache(folder: Path, root: Path) -> None:
    """Raise StoreError if the commit that is checked out holds files of the cache, or a link above it.

    The author of a commit would choose the responses. Raises GitError.
    """
    place = place_of(root) if shutil.which("git") else None
    if place is None:
        return
    top = place.git_dir.parent
    ways = {os.path.abspath(folder): top, str(folder.resolve()): top.resolve()}  # noqa: PTH100 - keeps links
    inside = [Path(way).relative_to(start).as_posix() for way, start in ways.items() if Path(way).is_relative_to(start)]
    if not inside or (commit := head(root)) is None:
        return
    there = Commit(top, commit)
    if held := next((path for path in inside if there.holding(path) or there.files(path)), None):
        raise StoreError(
            f"the cache {held} is in the commit that is checked out: expected a folder that no commit holds, because "
            "its files are recorded responses; set XDG_CACHE_HOME to another folder, or remove the files from git"
        )
