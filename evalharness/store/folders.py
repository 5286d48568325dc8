"""Folders that are opened from their parents by descriptor, so that no symbolic link below the root is followed.

A pull request can commit links: with `reports/demo -> /home/ci`, a run would delete and write files there. Files are
created, moved and deleted relative to these descriptors.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from evalharness.errors import StoreError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextmanager
def folder_of(path: Path, root: Path | None) -> Iterator[int]:
    """The descriptor of the folder of `path`, created if missing.

    Below `root`, links are not followed. A path elsewhere is the user's choice, as every path is without a root: its
    links are followed. Raises StoreError for a link, OSError.
    """
    base, names = _split(os.path.abspath(path), root and os.path.abspath(root))  # noqa: PTH100 - keeps links
    handle = _opened_base(base)
    try:
        for name in names:
            inner = _opened(name, handle, path)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise an OSError in the block as StoreError with the path."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from None


def refuse_link(path: Path, folder: int) -> None:
    """Raise StoreError if the file of this path, in the folder, is a symbolic link."""
    _refuse_link(path.name, folder, path)


def _refuse_link(name: str, folder: int, path: Path) -> None:
    with suppress(FileNotFoundError):
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise StoreError(f"{path}: cannot be written: '{name}' is a symbolic link: delete the link")


@lru_cache(maxsize=64)  # a record splits its path for each line
def _split(path: str, root: str | None) -> tuple[str, tuple[str, ...]]:
    """The part of an absolute path's folder whose links are followed, and the names below it."""
    place = Path(path).parent
    if root is None:
        return str(place), ()
    base = Path(root)
    if not place.is_relative_to(base):
        base = next((above for above in (*reversed(place.parents), place) if _same(above, base)), place)
    return str(base), place.relative_to(base).parts


def _same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one folder: the root has another name where a link above it is followed."""
    with suppress(OSError):
        return one.samefile(other)
    return False


def _opened_base(base: str) -> int:
    try:
        return os.open(base, _FOLDER)
    except FileNotFoundError:
        os.makedirs(base, exist_ok=True)  # noqa: PTH103
        return os.open(base, _FOLDER)


def _opened(name: str, parent: int, path: Path) -> int:
    try:
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    except FileNotFoundError:
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=parent)
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    except NotADirectoryError:
        _refuse_link(name, parent, path)
        raise
