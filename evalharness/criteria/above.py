"""Files above the project that a run reads.

A project in a folder of a repository can name them, import from them, and lie in a package.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from evalharness.config import load_config
from evalharness.criteria.input_settings import python_path
from evalharness.criteria.named import options_of, paths_of
from evalharness.criteria.scope import hiding
from evalharness.records import CriteriaChange
from evalharness.store import Commit
from evalharness.store.git_command import find_place


def changes_above(then: Commit, head: Commit, root: Path) -> Iterator[CriteriaChange]:
    """A relaxing change for each file above the root that differs. Raises ConfigError, GitError."""
    place = find_place(root)
    top, folder = place.git_dir.parent, place.prefix
    if not folder.parts:
        return
    commits = [Commit(top, one.sha) for one in (then, head)]
    paths = dict.fromkeys([*_packages(top, folder, commits), *_named(root, folder), *_hidden(root, folder, commits)])
    before, after = (commit.identities(*paths) for commit in commits)
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            then_id, now_id = (side[path][:12] if path in side else "none" for side in (before, after))
            yield CriteriaChange(f"file {os.path.relpath(path, folder)[:100]}", then_id, now_id, relaxes=True)


def _packages(top: Path, folder: PurePosixPath, commits: Iterable[Commit]) -> Iterator[str]:
    """The files that Python runs before the conftest.py of a project that lies in packages."""
    below = top / folder
    for parent in folder.parents:
        if not any(below.glob("__init__.*")):
            return
        below = top / parent
        names = {name for commit in commits for name in commit.names(_text(parent))}
        yield from (str(parent / name) for name in sorted(names) if name.startswith("__init__."))


def _named(root: Path, folder: PurePosixPath) -> Iterator[str]:
    """The paths above the root that the configuration names."""
    names = (name for option in options_of(load_config(root)) for name in paths_of(option, root))
    yield from _in_repository(names, folder)


def _hidden(root: Path, folder: PurePosixPath, commits: Iterable[Commit]) -> Iterator[str]:
    """The modules above the root that hide installed ones."""
    for place in _in_repository(python_path(root), folder):
        names = {name for commit in commits for name in commit.names(_text(PurePosixPath(place)))}
        yield from hiding(place if place != "." else "", sorted(names))


def _in_repository(names: Iterable[str], folder: PurePosixPath) -> Iterator[str]:
    """The paths above the root that are in the repository, relative to it."""
    for name in names:
        path = os.path.normpath(folder / name)
        if name.startswith("..") and not path.startswith(".."):
            yield path


def _text(folder: PurePosixPath) -> str:
    return str(folder) if folder.parts else ""
