"""Symbolic links where files are compared: a link counts by its target and the content of the file it leads to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath


def links_below(root: Path, parts: Iterable[str]) -> dict[str, str]:
    """The symbolic links at and below these paths: path -> target."""
    return dict(link for name in parts for link in _links_at(root, root / name))


def _links_at(root: Path, path: Path) -> Iterator[tuple[str, str]]:
    relative = path.relative_to(root).as_posix()
    if path.is_symlink():
        yield relative, str(path.readlink())
    elif path.is_dir() and path.name != "__pycache__":
        for entry in sorted(path.iterdir()):
            yield from _links_at(root, entry)


def linked_content(target_of: Mapping[str, str], read: Callable[[str], bytes | None]) -> dict[str, str]:
    """Link -> its target and the digest of the file it leads to.

    `read` gives the content of a path relative to the root; None if there is no file, as for a folder.
    """
    found = {}
    for link, target in target_of.items():
        path = os.path.normpath(PurePosixPath(link).parent / target)
        content = None if path.startswith(("/", "..")) else read(path)
        found[link] = f"link to {target} {hashlib.sha256(content).hexdigest()[:12] if content is not None else ''}"
    return found
