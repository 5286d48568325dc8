"""Write a file whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from evalharness.errors import StoreError
from evalharness.redaction import scrub

LONE_SURROGATES = "backslashreplace"
"""UTF-8 cannot hold half a surrogate pair, which JSON may bring in: it is written as JSON escapes it, \\ud83d."""


def write_whole(path: Path, text: str | Iterable[str]) -> None:
    """Replace `path` by the text, less any key: a reader, or a crash, sees the old or the new. Raises StoreError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors=LONE_SURROGATES, newline="\n") as file:
                for piece in [text] if isinstance(text, str) else text:
                    file.write(scrub(piece))
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from None
