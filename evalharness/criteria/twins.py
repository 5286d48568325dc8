"""Names that are one name on some systems: in another case, with accents in another form, with a dot at the end."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from evalharness.criteria.inputs import FOLDERS


def twins(root: Path) -> set[tuple[str, str]]:
    """The pairs of paths in the compared folders that are one file on some systems."""
    first: dict[str, str] = {}
    paths = sorted(path.relative_to(root).as_posix() for path in _paths(root))
    return {(other, path) for path in paths if (other := first.setdefault(_folded(path), path)) != path}


def _paths(root: Path) -> Iterator[Path]:
    return (path for folder in FOLDERS for path in (root / folder).rglob("*"))


def _folded(path: str) -> str:
    """The path as macOS and Windows compare it: without case, composed, without dots and blanks at the ends."""
    parts = unicodedata.normalize("NFC", path).casefold().split("/")
    return "/".join(unicodedata.normalize("NFC", part).rstrip(". ") for part in parts)
