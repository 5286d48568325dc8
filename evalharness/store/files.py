"""Writes files atomically."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from evalharness.errors import StoreError
from evalharness.redaction import scrub

LONE_SURROGATES = "backslashreplace"
"""Error handler for half a surrogate pair, which JSON may contain and UTF-8 cannot: writes the JSON escape, \\ud83d."""


def write_whole(path: Path, content: str | bytes | Iterable[str | bytes]) -> None:
    """Write a file atomically: readers see the old content or the new.

    Keys in text are redacted. Raises StoreError if the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in [content] if isinstance(content, str | bytes) else content:
                    file.write(piece if isinstance(piece, bytes) else scrub(piece).encode("utf-8", LONE_SURROGATES))
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder. Waits for other processes that hold it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def all_or_none(paths: Iterable[Path]) -> Iterator[None]:
    """Restore the content of these files if the block raises."""
    before = {path: path.read_bytes() if path.is_file() else None for path in paths}
    try:
        yield
    except BaseException:
        for path, data in before.items():
            _restore(path, data)
        raise


def _restore(path: Path, data: bytes | None) -> None:
    if data is None:
        path.unlink(missing_ok=True)
    elif path.read_bytes() != data:
        path.write_bytes(data)
