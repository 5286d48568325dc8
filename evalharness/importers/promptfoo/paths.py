"""Resolve references between the files of another tool, below one root."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

from evalharness.suites.files import FileError, below

_MAGIC = re.compile(r"[*?\[{]")
_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_MAX_FORMS = 64
"""Patterns that the braces of one pattern expand to."""


def is_pattern(reference: str) -> bool:
    """Whether a reference contains wildcards or braces."""
    return _MAGIC.search(reference) is not None


def matches(root: Path, folder: Path, pattern: str, limit: int) -> list[str]:
    """The files that match a pattern as references relative to `folder`, sorted, at most `limit`.

    Hidden files match only if the pattern names them. Raises FileError if the pattern leaves the root.
    """
    found = (path for form in islice(_forms(pattern), _MAX_FORMS) for path in _glob(root, folder, form))
    names = {Path(os.path.relpath(path, folder)).as_posix() for path in islice(found, limit)}
    return sorted(names)


def _forms(pattern: str) -> Iterator[str]:
    braces = _BRACES.search(pattern)
    if braces is None:
        yield pattern
        return
    for part in braces[1].split(","):
        yield from _forms(pattern[: braces.start()] + part + pattern[braces.end() :])


def _glob(root: Path, folder: Path, pattern: str) -> Iterator[Path]:
    parts = PurePosixPath(pattern.replace("\\", "/")).parts
    fixed = next((index for index, part in enumerate(parts) if is_pattern(part)), len(parts) - 1)
    rest = parts[fixed:]
    if not rest or ".." in rest:
        raise FileError(f"'{pattern}' is not a pattern that this command reads: list the files")
    start = below(root, folder, "/".join(parts[:fixed])) if fixed else folder
    hidden = any(part.startswith(".") for part in rest)
    for path in start.glob("/".join(rest)):
        inner = path.relative_to(start).parts
        if path.is_file() and (hidden or not any(part.startswith(".") for part in inner)):
            yield path
