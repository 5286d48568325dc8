"""Writes files atomically."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from evalharness.redaction import scrub
from evalharness.store.folders import folder_of, refuse_link, writing

LONE_SURROGATES = "backslashreplace"
"""Error handler for half a surrogate pair, which JSON may contain and UTF-8 cannot: writes the JSON escape, \\ud83d."""
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MODE = 0o644
Content = str | bytes | Iterable[str | bytes]


def write_whole(path: Path, content: Content) -> None:
    """Write a file that the user has named, atomically: readers see the old content or the new.

    Links to its folder are followed; a link with its name is replaced. Keys in text are redacted. Raises StoreError if
    the file cannot be written.
    """
    _write(path, content, None)


def write_below(root: Path, path: Path, content: Content) -> None:
    """Write a file of the project as `write_whole` does.

    Raises StoreError, also if a folder below the root is a symbolic link.
    """
    _write(path, content, root)


def _write(path: Path, content: Content, root: Path | None) -> None:
    with writing(path), folder_of(path, root) as folder:
        _replace(path.name, content, folder)


def _replace(name: str, content: Content, folder: int) -> None:
    temporary = f".{name}.{secrets.token_hex(4)}"
    handle = os.open(temporary, CREATE, 0o600, dir_fd=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in [content] if isinstance(content, str | bytes) else content:
                file.write(as_bytes(piece))
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), _MODE)
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise


def delete_leftovers(names: Iterable[str], folder: int) -> None:
    """Delete what killed processes have left of files with these names. No other process may write them now."""
    wanted = {f".{name}" for name in names}
    for found in os.listdir(folder):
        stem, _, end = found.rpartition(".")
        if stem in wanted and re.fullmatch("[0-9a-f]{8}", end):
            with suppress(OSError):
                os.unlink(found, dir_fd=folder)


def read_below(root: Path, path: Path) -> bytes | None:
    """The content of a file of the project; None if there is none. Raises StoreError, also for a symbolic link."""
    with writing(path), folder_of(path, root) as folder:
        refuse_link(path, folder)
        try:
            handle = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError:
            return None
        with os.fdopen(handle, "rb") as file:
            return file.read()


def open_regular(path: str, flags: int) -> int:
    """An `opener` of `open` that refuses devices and pipes: a commit can bring a link to `/dev/zero`, which never ends.

    Raises OSError.
    """
    handle = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return handle
    os.close(handle)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise OSError(errno.EINVAL, "not a regular file", path)


def read_regular(path: Path) -> bytes:
    """The content of a regular file. Raises OSError."""
    with open(path, "rb", opener=open_regular) as file:
        return file.read()


def create_below(root: Path, path: Path, content: str | bytes) -> None:
    """Write a new file of the project. Raises StoreError, also if the file exists."""
    _put(root, path, CREATE, content)


def append_below(root: Path, path: Path, content: str | bytes) -> None:
    """Append to a file of the project. Raises StoreError, also for a symbolic link."""
    _put(root, path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, content)


def _put(root: Path, path: Path, flags: int, content: str | bytes) -> None:
    with writing(path), folder_of(path, root) as folder:
        refuse_link(path, folder)
        handle = os.open(path.name, flags, _MODE, dir_fd=folder)
        try:
            write_all(handle, as_bytes(content))
        finally:
            os.close(handle)


def as_bytes(content: str | bytes) -> bytes:
    """The bytes of a file; keys in text are redacted."""
    return content if isinstance(content, bytes) else scrub(content).encode("utf-8", LONE_SURROGATES)


def write_all(handle: int, data: bytes) -> None:
    """Write all bytes to a descriptor. Raises OSError."""
    while data:
        data = data[os.write(handle, data) :]
