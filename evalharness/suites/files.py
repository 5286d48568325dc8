"""Open the files that a suite names: regular files inside the root, within the limits, as strict UTF-8.

A suite is untrusted: what it names is never a path out of the root. Each component is checked, so that neither `..`
nor a symbolic link leads outside.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from evalharness.config import Limits


class FileProblem(Exception):
    """Why a file cannot be read, as a sentence."""


def inside(root: Path, folder: Path, reference: str) -> Path:
    """The file that `reference`, written in a file of `folder`, means. Raises FileProblem if it is outside the root."""
    parts = PurePosixPath(reference.replace("\\", "/"))
    if not reference.strip() or "\0" in reference:
        raise FileProblem("an empty path names no file")
    if parts.is_absolute() or ":" in parts.parts[0]:
        raise FileProblem(f"'{reference}' is absolute: write it relative to the folder of this file")
    if ".." in parts.parts:
        raise FileProblem(f"'{reference}' leads out of its folder with '..': put the file below the suite's folder")
    path = folder
    for part in parts.parts:
        path = path / part
        if path.is_symlink():
            raise FileProblem(f"'{reference}' passes a symbolic link ({path.relative_to(root)}): use the file itself")
    return path


def read_text(path: Path, limits: Limits) -> str:
    """The text of a regular file. Raises FileProblem: missing, not a regular file, too large, not UTF-8."""
    if path.is_symlink() or not path.is_file():
        raise FileProblem("there is no such file" if not path.exists() else "it is not a regular file")
    size_mb = path.stat().st_size / 1e6
    if size_mb > limits.file_mb:
        raise FileProblem(f"it has {size_mb:.1f} MB, limits.file_mb is {limits.file_mb:g}")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileProblem(f"byte {error.start} is not UTF-8: save the file as UTF-8") from None
