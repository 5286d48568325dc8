"""Write a file whole or not at all."""

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
"""UTF-8 cannot hold half a surrogate pair, which JSON may bring in: it is written as JSON escapes it, \\ud83d."""


def write_whole(path: Path, content: str | bytes | Iterable[str | bytes]) -> None:
    """Replace `path` in one step: a reader, or a crash, sees the old or the new file. Keys are removed from text.

    Raises StoreError: the file cannot be written.
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
    """Alone in this folder, among all who ask."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def all_or_none(paths: Iterable[Path]) -> Iterator[None]:
    """Where something goes wrong within, these files are afterwards what they were before."""
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
