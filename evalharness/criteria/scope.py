"""The files of a project that are compared, apart from its suites and goldens."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from evalharness.criteria.imports import announcements, import_folders, imported_files, is_import
from evalharness.criteria.input_settings import python_path, settings_in
from evalharness.criteria.inputs import FOLDERS, PATTERNS, names
from evalharness.criteria.named import named_paths
from evalharness.errors import StoreError
from evalharness.store import Commit

_PATTERNS = names(PATTERNS)
_MOST_FILES = 10_000


@dataclass(frozen=True, slots=True)
class Scope:
    """Which files are compared. Paths are relative to the root."""

    folders: tuple[str, ...]
    """Folders that Python imports from."""
    named: tuple[str, ...]
    """Paths that the configuration names, as written and with links resolved."""
    loaded: tuple[str, ...] = ()
    """Files that pytest has read settings from or loaded as plugins."""
    untracked: frozenset[str] = frozenset()
    """Files that no commit of the change holds, such as those that the job has built. They are not compared."""

    def parts(self, names_in: Callable[[str], list[str]]) -> list[str]:
        """The paths at and below which the compared files are; `names_in` lists a folder."""
        top = names_in("")
        literal = [pattern for pattern in _PATTERNS if "*" not in pattern]
        folders = ["", *(name for name in top if name.startswith("test"))]
        tests = [path for folder in folders for path in _beside_tests(folder, top if not folder else names_in(folder))]
        hidden = [path for folder in self.folders for path in hiding(folder, names_in(folder))]
        return list(dict.fromkeys([*FOLDERS, "pyproject.toml", *literal, *tests, *hidden, *self.named, *self.loaded]))


def scope_of(root: Path, loaded: Iterable[str] = ()) -> Scope:
    """The scope of a project. Raises ConfigError."""
    folders = dict.fromkeys([*import_folders(root), *_folders_of_pytest(root)])
    return Scope(tuple(folders), named_paths(root, root), tuple(sorted(loaded)))


def _folders_of_pytest(root: Path) -> Iterator[str]:
    """The folders that pytest puts on Python's path: `evalharness verify` runs without it."""
    yield from (name for name in python_path(root) if not name.startswith("..") and (root / name).is_dir())
    folders = [root / "suites", *sorted(root.glob("test*"))]
    yield from (one.name for one in folders if (one / "conftest.py").is_file() and not (one / "__init__.py").exists())


def tracked(scope: Scope, head: Commit, there: Path, written: Collection[str]) -> Scope:
    """The scope without the files that neither the earlier commit (in `there`) nor `head` holds.

    A file that the configuration names now and did not name then counts with the configuration. Raises ConfigError,
    GitError.
    """
    root = head.root
    built = [path.relative_to(root).as_posix() for path in announcements(root, scope.folders) if path.is_file()]
    new = {path for path in (*scope.named, *scope.loaded, *built) if path not in written}
    if not new:
        return scope
    held = head.holding(*new)
    known = {path for path in held & set(scope.named) if path in named_paths(there, root)}
    named = tuple(path for path in scope.named if path in written or path in known)
    return replace(scope, named=named, untracked=frozenset(new - held))


def _beside_tests(folder: str, names_there: Iterable[str]) -> Iterator[str]:
    """The files and folders that Python imports before or in place of conftest.py, and conftest.py itself."""
    known = ("__init__", "conftest")
    return (f"{folder}/{name}" if folder else name for name in names_there if name.partition(".")[0] in known)


def hiding(folder: str, top: Iterable[str]) -> Iterator[str]:
    """The entries of a folder that Python would import in place of installed modules."""
    return (f"{folder}/{name}" if folder else name for name in top if is_import(name))


def input_files(root: Path, scope: Scope) -> dict[str, str]:
    """Path -> digest of each compared file below a folder, apart from suites, goldens and named files.

    Of a file with settings, only those that can influence a verdict count.
    """
    paths = {path for pattern in _PATTERNS for path in root.glob(pattern)}
    paths |= {path for folder in scope.folders for path in imported_files(root / folder)}
    paths |= {*announcements(root, scope.folders), *(root / path for path in scope.loaded)}
    files = {path.relative_to(root).as_posix(): path for path in sorted(paths) if path.is_file()}
    if len(files) > _MOST_FILES:
        raise StoreError(f"expected at most {_MOST_FILES:,} files that Python or pytest can import, got {len(files):,}")
    counted = {name: file for name, file in files.items() if name not in scope.untracked and not _is_empty(name, file)}
    found = {name: _digest(file) for name, file in counted.items()}
    return {path: digest for path, digest in found.items() if digest}


def _is_empty(name: str, path: Path) -> bool:
    """Whether a file makes a folder of tests a package, and runs nothing."""
    folder, _, file = name.partition("/")
    return folder.startswith("test") and file == "__init__.py" and not path.read_bytes().strip()


def _digest(path: Path) -> str:
    """The digest of a file; empty where it holds no setting that counts."""
    settings = settings_in(path)
    if settings == "":
        return ""
    content = path.read_bytes() if settings is None else settings.encode()
    return hashlib.sha256(content).hexdigest()
