"""Compared files of the checkout that are no longer those of its commit.

Code of a change that has run in the job can delete or restore its own file, so that the work tree shows nothing of it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from evalharness.criteria.input_settings import settings_in, toml_settings
from evalharness.criteria.snapshot import Snapshot
from evalharness.store import commit_at


def altered_files(root: Path) -> list[str]:
    """The compared files of HEAD that the work tree lacks, or has with other content, sorted.

    Raises ConfigError, GitError, StoreError.
    """
    there = Snapshot(commit_at(root, "HEAD"), root)
    return sorted(name for name in there.written if not _is_kept(there.folder, root, name))


def _is_kept(there: Path, root: Path, name: str) -> bool:
    then, now = there / name, root / name
    if now.is_symlink() or not now.is_file():
        return False
    if then.read_bytes() == now.read_bytes():
        return True
    if name == "pyproject.toml":
        return _tables(there) == _tables(root)
    settings = settings_in(then)
    return settings is not None and settings == settings_in(now)


def _tables(root: Path) -> tuple[Any, Any]:
    """The tables of pyproject.toml that count. The file is valid, because the configuration was read from it."""
    try:
        document = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        return document.get("tool", {}).get("evalharness"), toml_settings(root)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, AttributeError):
        return root, None
