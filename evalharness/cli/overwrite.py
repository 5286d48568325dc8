"""Which files of the user a command may write over: what it wrote itself, and nothing else."""

from __future__ import annotations

from pathlib import Path

from evalharness.errors import StoreError

_START = b"<!doctype html>\n"
_SIGNS = (b'<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; ', b"<title>evalharness ")
_START_BYTES = 1_000
_FOLDERS = ("suites", "golden")
_SUFFIXES = (".jsonl", ".yaml", ".yml", ".toml", ".py")
"""Of suites, records, settings and programs: nothing that is written here."""


def refuse_to_replace_page(path: Path, *, force: bool) -> None:
    """Where there is a file that is no page of ours. Raises StoreError."""
    if path.exists() and not force and not _is_page(path):
        raise StoreError(f"{path}: there is another file: name another one, or replace it with --force")


def refuse_to_replace_text(path: Path, root: Path, *, force: bool) -> None:
    """Where people keep their own: a text cannot be known again, as a page can. Raises StoreError."""
    if force:
        return
    place = path.parent.resolve() / path.name
    folder = next((name for name in _FOLDERS if place.is_relative_to(root.resolve() / name)), None)
    if folder:
        raise StoreError(f"{path}: {folder}/ is for your own files: name another one, or write it with --force")
    if path.exists() and (not path.is_file() or path.suffix.lower() in _SUFFIXES):
        raise StoreError(f"{path}: there is another file: name another one, or replace it with --force")


def _is_page(path: Path) -> bool:
    """Whether a file is a page that evalharness wrote, or empty: writing over it loses nothing."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            start = file.read(_START_BYTES)
    except OSError:
        return False
    return not start or (start.startswith(_START) and all(sign in start for sign in _SIGNS))
