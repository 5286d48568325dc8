"""Compares the criteria of a suite in the working tree with those at a commit."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from evalharness.config import Config, load_config
from evalharness.criteria.above import changes_above
from evalharness.criteria.input_settings import toml_settings
from evalharness.criteria.inputs import FOLDERS, SETTINGS, names
from evalharness.criteria.links import linked_content, links_below
from evalharness.criteria.scope import Scope, input_files, scope_of, tracked
from evalharness.criteria.snapshot import Snapshot
from evalharness.errors import StoreError
from evalharness.records import Baseline, CriteriaChange
from evalharness.store import Commit, commit_at, read_baseline
from evalharness.store.baselines import BASELINE_FOLDER, PINNED
from evalharness.store.origins import read_origins
from evalharness.suites import load_suite, suite_names

if TYPE_CHECKING:
    from evalharness.criteria.criteria import Criteria

_NOT_COMPARED = set(names(SETTINGS)) - set(names(SETTINGS, "compared"))
"""Settings that cannot relax the criteria."""


def criteria_changes(commit: Commit, root: Path, name: str, loaded: Iterable[str] = ()) -> list[CriteriaChange]:
    """The differences between the criteria of one suite at the commit and under `root`: see `Revisions.changes`."""
    return Revisions(Snapshot(commit, root), root, lambda: loaded).changes(name)


@dataclass(frozen=True)
class Revisions:
    """The criteria of a project at a commit and in the working tree. Reads both once for all suites."""

    then: Snapshot
    root: Path
    loaded: Callable[[], Iterable[str]]
    """Returns the files that pytest has read or loaded, relative to the root."""
    _compared: dict[object, _Comparison] = field(default_factory=dict)

    def changes(self, name: str) -> list[CriteriaChange]:
        """The differences between the criteria of a suite at the commit and under `root`.

        Other deleted suites are listed too. Raises GitError, StoreError, and SuiteError or ConfigError if either
        version of the suite is invalid.
        """
        loaded = frozenset(self.loaded())
        imported = len({name.partition(".")[0] for name in sys.modules})
        state = loaded, imported  # what is imported since can be hidden by a file of the project
        if state not in self._compared:
            self._compared[state] = _compare(self.then, self.root, loaded)
        return self._compared[state].changes(name)


def _compare(then: Snapshot, root: Path, loaded: Iterable[str]) -> _Comparison:
    """The comparison of the files in today's scope."""
    scope = scope_of(root, loaded)
    parts = scope.parts(then.commit.names)
    then.add(parts)
    head = commit_at(root, "HEAD")
    scope = tracked(scope, head, then.folder, then.written)
    mine = scope.parts(lambda name: _names_in(root / name))
    links = linked_content(then.commit.links(*parts), then.commit.read)
    there = _Project(then.folder, scope, links, real=root)
    here = _Project(root, scope, linked_content(links_below(root, mine), _reader(root)), real=root)
    moved = _moved_submodules(then.commit, head, parts)
    of_commits = *_new_bytecode(then.commit, head, scope), *moved, *changes_above(then.commit, head, root)
    return _Comparison(there, here, of_commits)


@dataclass(frozen=True)
class _Comparison:
    """Two versions of the project."""

    there: _Project
    here: _Project
    of_commits: tuple[CriteriaChange, ...]
    """Changes that only the commits show."""

    def changes(self, name: str) -> list[CriteriaChange]:
        """The differences of one suite, and those of the project."""
        if self._are_equal and not self.of_commits:
            return []
        from evalharness.criteria.changes import changes, deleted_suite

        found = changes(self.there.criteria(name), self.here.criteria(name))
        gone = sorted(self.there.suites - self.here.suites - {name})
        return [*found, *map(deleted_suite, gone), *self._of_files]

    @cached_property
    def _are_equal(self) -> bool:
        """Whether nothing that can influence a verdict has changed."""
        there, here = self.there, self.here
        return there.links == here.links and _contents(there.root, there.scope) == _contents(here.root, here.scope)

    @cached_property
    def _of_files(self) -> list[CriteriaChange]:
        roots = self.there.root, self.here.root
        return [*_lost_acceptances(*roots), *_changed_labels(*roots), *_new_twins(*roots), *self.of_commits]


def _changed_labels(there: Path, here: Path) -> Iterator[CriteriaChange]:
    if any((root / "golden/labels").exists() for root in (there, here)):
        from evalharness.criteria.labels import changed_labels  # few projects have labels

        yield from changed_labels(there, here)


def _names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _new_bytecode(there: Commit, head: Commit, scope: Scope) -> Iterator[CriteriaChange]:
    """Bytecode that the change commits where compared files are: Python can run it in place of their source."""
    named = {PurePosixPath(name).parent for name in (*scope.named, *scope.loaded)}
    tests = [name for name in _names_in(head.root) if name.startswith("test")]
    folders = {"", *scope.folders, *tests, *map(str, named)} - {"."}
    places = [f"{folder}/__pycache__" if folder else "__pycache__" for folder in sorted(folders)]
    for path, _ in sorted(head.bytecode(*places, *FOLDERS) - there.bytecode(*places, *FOLDERS)):
        yield CriteriaChange(f"file {path[:100]}", "", "bytecode that this change commits", relaxes=True)


def _moved_submodules(there: Commit, head: Commit, parts: Iterable[str]) -> Iterator[CriteriaChange]:
    """Submodules that are at another commit than at the merge base, whose files this clone does not hold."""
    then, now = there.submodules(*parts), head.submodules(*parts)
    for path in sorted({path for path, _ in then ^ now}):
        before, after = (dict(side).get(path, "none")[:12] for side in (then, now))
        yield CriteriaChange(f"submodule {path[:100]}", before, after, relaxes=True)


def _reader(root: Path) -> Callable[[str], bytes | None]:
    return lambda name: (root / name).read_bytes() if (root / name).is_file() else None


def _lost_acceptances(there: Path, here: Path) -> Iterator[CriteriaChange]:
    """Removed or edited lines of the list of acceptances. Without an origin, a golden answer is strict: no relaxing."""
    from evalharness.store.acceptances import ACCEPTANCES

    then, now = ((root / ACCEPTANCES).read_bytes() if (root / ACCEPTANCES).is_file() else b"" for root in (there, here))
    lost = len(set(then.splitlines()) - set(now.splitlines()))
    if lost:
        lines = "1 line is" if lost == 1 else f"{lost} lines are"
        yield CriteriaChange(ACCEPTANCES, "", f"{lines} removed or edited; lines may only be added", relaxes=False)


def _new_twins(there: Path, here: Path) -> Iterator[CriteriaChange]:
    from evalharness.criteria.twins import twins

    for one, other in sorted(twins(here) - twins(there)):
        yield CriteriaChange(f"file {other[:100]}", "", f"on some systems the same file as {one[:100]}", relaxes=True)


def _contents(root: Path, scope: Scope) -> dict[str, object]:
    """Path -> digest of each file that can change the criteria."""
    paths = [path for folder in FOLDERS for path in (root / folder).rglob("*")]
    paths += [root / name for name in (*scope.named, "pyproject.toml")]
    found = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts
    }
    return {**found, **input_files(root, scope)}


@dataclass(frozen=True)
class _Project:
    """One version of the project. Its suites share the configuration and the files."""

    root: Path
    scope: Scope
    links: Mapping[str, str]
    real: Path
    """The working tree."""

    @cached_property
    def suites(self) -> frozenset[str]:
        """The names of its suites."""
        return frozenset(suite_names(self.root))

    @cached_property
    def _config(self) -> Config:
        return load_config(self.root)

    @cached_property
    def _settings(self) -> Mapping[str, Any]:
        return self._config.model_dump(mode="json", exclude=_NOT_COMPARED) | toml_settings(self.root)

    @cached_property
    def _files(self) -> Mapping[str, str]:
        """Path -> digest of each input and named file; symbolic links.

        Recordings are left out: a run that replays answers of a change lists them, see `replayed.py`.
        """
        paths = [self.root / name for name in self.scope.named]
        files = {
            path.relative_to(self.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in paths
            if path.is_file()
        }
        return files | input_files(self.root, self.scope) | dict(self.links)

    def criteria(self, name: str) -> Criteria | None:
        """The criteria of a suite; None if there is no suite with this name."""
        from evalharness.criteria.criteria import criteria_of  # brings numpy

        if name not in self.suites:
            return None
        suite = load_suite(name, self._config.model_copy(update={"root": self.real}).anchored(self.root))
        baselines = dict(_baselines(self.root, name))
        origins = read_origins(self.root)
        return criteria_of(suite, config=self._settings, baselines=baselines, files=self._files, origins=origins)


def _baselines(root: Path, suite: str) -> Iterator[tuple[tuple[str, str], Baseline | StoreError | None]]:
    """The baselines in the suite's folder, by model and prompt. The model of a pinned one has the prefix `pinned/`."""
    folder = root / BASELINE_FOLDER / suite
    for path in sorted([*folder.glob("*.jsonl"), *(folder / PINNED).glob("*.jsonl")]):
        model, _, prompt = path.stem.partition(".")
        pinned = f"{PINNED}/" if path.parent.name == PINNED else ""
        yield (f"{pinned}{model}", prompt), read_one(path, root)


def read_one(path: Path, root: Path) -> Baseline | StoreError | None:
    """The baseline in a file, or the error that reading it raises."""
    try:
        return read_baseline(path, root)
    except StoreError as error:
        return error
