"""Read files that a suite references: regular, below the root, strict UTF-8.

Suites are untrusted, so each component of a path is checked: neither `..` nor a symbolic link may leave the root.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from evalharness.config import Limits


class FileError(Exception):
    """A file cannot be read: the text has the reason. `line` is 0 for the whole file."""

    def __init__(self, message: str, line: int = 0) -> None:
        self.line = line
        super().__init__(message)


def inside(root: Path, folder: Path, reference: str) -> Path:
    """The path of `reference`, which is relative to `folder`.

    Raises FileError if the path leaves the folder or the root.
    """
    parts = PurePosixPath(reference.replace("\\", "/"))
    if not parts.parts or not reference.strip() or "\0" in reference:
        raise FileError(f"expected the path of a file, got {reference!r}")
    if parts.is_absolute() or ":" in parts.parts[0]:
        raise FileError(f"'{reference}' is an absolute path: write it relative to the folder of this file")
    if ".." in parts.parts:
        raise FileError(f"'{reference}' leaves its folder with '..': move the file below the suite's folder")
    path = folder.joinpath(*parts.parts)
    _reject_links(path, root)
    return path


def below(root: Path, folder: Path, reference: str) -> Path:
    """The path of `reference`, relative to `folder`, which may go up with `..` as far as `root`.

    Raises FileError if the path leaves the root, is absolute, or goes through a symbolic link.
    """
    path = reference.replace("\\", "/")
    if ".." not in PurePosixPath(path).parts:
        return inside(root, folder, reference)
    relative = os.path.normpath(PurePosixPath(Path(os.path.relpath(folder, root)).as_posix(), path))
    if path.startswith("/") or PurePosixPath(relative).parts[0] == "..":
        raise FileError(f"'{reference}' leaves the project: move the file below {root.name or 'the root'}/")
    return inside(root, root, relative)


def read_text(path: Path, root: Path, limits: Limits) -> str:
    """The text of a regular file below the root.

    Raises FileError: missing, reached through a symbolic link, not a regular file, too large, not UTF-8.
    """
    data = read_bytes(path, root, limits.file_mb, "file_mb")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileError(f"byte {error.start} is not UTF-8: save the file as UTF-8", line) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise FileError("NUL character found (is the file UTF-16?): save the file as UTF-8", line)
    return text


def lines_of(path: Path, root: Path, limits: Limits) -> Iterator[tuple[int, str]]:
    """The lines of a text file with their numbers, without their ends. Raises FileError, as `read_text`."""
    with opened(path, root, limits) as file:
        for number, line in enumerate(file, start=1):
            yield number, _decoded(line, number)


@contextmanager
def opened(path: Path, root: Path, limits: Limits) -> Iterator[BinaryIO]:
    """A regular file below the root, opened to read it in parts. Raises FileError, as `read_bytes`."""
    _reject_links(path, root)
    try:
        with open(path, "rb", opener=_open_no_link) as file:
            _check_size(file.fileno(), limits.file_mb, "file_mb")
            yield file
    except FileNotFoundError:
        raise FileError("file not found") from None
    except OSError as error:
        raise FileError(f"cannot read the file: {error.strerror}") from None


def _decoded(line: bytes, number: int) -> str:
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise FileError(f"byte {error.start} of the line is not UTF-8: save the file as UTF-8", number) from None
    if "\0" in text:
        raise FileError("NUL character found (is the file UTF-16?): save the file as UTF-8", number)
    return text


def read_bytes(path: Path, root: Path, most_mb: float, limit: str) -> bytes:
    """The content of a regular file below the root.

    `limit`: the name of the limit `most_mb`. Raises FileError: missing, reached through a symbolic link, not a regular
    file, too large.
    """
    _reject_links(path, root)
    try:
        return _read(path, most_mb, limit)
    except FileNotFoundError:
        raise FileError("file not found") from None
    except OSError as error:
        raise FileError(f"cannot read the file: {error.strerror}") from None


def _read(path: Path, most_mb: float, limit: str) -> bytes:
    """Read without following a link that was just put there, and without waiting for the writer of a FIFO."""
    with open(path, "rb", opener=_open_no_link) as file:
        return file.read(_check_size(file.fileno(), most_mb, limit))


def _check_size(handle: int, most_mb: float, limit: str) -> int:
    """The bytes of an open file. Raises FileError if they exceed the limit."""
    size = os.fstat(handle).st_size
    if size > most_mb * 1e6:
        raise FileError(f"{size / 1e6:.1f} MB exceed limits.{limit} = {most_mb:g}")
    return size


def _open_no_link(path: str, flags: int) -> int:
    found = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise FileError("not a regular file")
    return found


def _reject_links(path: Path, root: Path) -> None:
    """Raises FileError if a component below the root is a symbolic link, or the path is invalid."""
    below = path.relative_to(root)
    try:
        link = next((p for p in (below, *below.parents) if (root / p).is_symlink() and p.parts), None)
    except OSError as error:
        raise FileError(f"invalid path: {error.strerror}") from None
    if link is not None:
        raise FileError(f"'{below}' goes through a symbolic link ({link}): use the real path")
