"""Open the files that a suite names: regular files inside the root, within the limits, as strict UTF-8.

A suite is untrusted: what it names is never a path out of the root. Each component is checked, so that neither `..`
nor a symbolic link leads outside.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath

from evalharness.config import Limits


class FileProblem(Exception):
    """Why a file cannot be read, as a sentence."""

    def __init__(self, message: str, line: int = 0) -> None:
        self.line = line
        super().__init__(message)


def inside(root: Path, folder: Path, reference: str) -> Path:
    """The file that `reference`, written in a file of `folder`, means. Raises FileProblem if it is outside the root."""
    parts = PurePosixPath(reference.replace("\\", "/"))
    if not parts.parts or not reference.strip() or "\0" in reference:
        raise FileProblem("an empty path names no file")
    if parts.is_absolute() or ":" in parts.parts[0]:
        raise FileProblem(f"'{reference}' is absolute: write it relative to the folder of this file")
    if ".." in parts.parts:
        raise FileProblem(f"'{reference}' leads out of its folder with '..': put the file below the suite's folder")
    path = folder.joinpath(*parts.parts)
    _refuse_links(path, root)
    return path


def read_text(path: Path, root: Path, limits: Limits) -> str:
    """The text of a regular file inside the root.

    Raises FileProblem: missing, behind a symbolic link, not a regular file, too large, not UTF-8.
    """
    _refuse_links(path, root)
    try:
        data = _read(path, limits)
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        raise FileProblem("there is no such file") from None
    except OSError as error:
        raise FileProblem(f"it cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileProblem(f"byte {error.start} is not UTF-8: save the file as UTF-8", line) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise FileProblem("a NUL character, as UTF-16 is full of: save the file as UTF-8", line)
    return text


def _read(path: Path, limits: Limits) -> bytes:
    """Opened so that neither a link put there meanwhile nor a FIFO without a writer does harm."""
    with open(path, "rb", opener=_open_no_link) as file:
        status = os.fstat(file.fileno())
        if status.st_size > limits.file_mb * 1e6:
            raise FileProblem(f"it has {status.st_size / 1e6:.1f} MB, limits.file_mb is {limits.file_mb:g}")
        return file.read(status.st_size)


def _open_no_link(path: str, flags: int) -> int:
    found = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise FileProblem("it is not a regular file")
    return found


def _refuse_links(path: Path, root: Path) -> None:
    """Raises FileProblem if a component below the root is a symbolic link, or cannot be one."""
    below = path.relative_to(root)
    try:
        link = next((p for p in (below, *below.parents) if (root / p).is_symlink() and p.parts), None)
    except OSError as error:
        raise FileProblem(f"the path cannot be used: {error.strerror}") from None
    if link is not None:
        raise FileProblem(f"'{below}' passes a symbolic link ({link}): use the file itself")
