"""The files a command may replace: reports, and others only with `--force`."""

from __future__ import annotations

from pathlib import Path

from evalharness.errors import RefusedError

_OWN_FOLDERS = ("suites", "golden")


def refuse_to_replace(path: Path, root: Path, *, force: bool) -> None:
    """Raise RefusedError if writing `path` would replace a file of the user.

    Reports below `reports/` and empty files may be replaced, records not.
    """
    if force:
        return
    place, base = path.parent.resolve() / path.name, root.resolve()
    folder = next((name for name in _OWN_FOLDERS if place.is_relative_to(base / name)), None)
    if folder:
        raise RefusedError(f"{path}: {folder}/ holds your own files: choose another file, or write it with --force")
    is_report = place.is_relative_to(base / "reports") and place.suffix != ".jsonl"
    if place.exists() and not is_report and not (place.is_file() and place.stat().st_size == 0):
        raise RefusedError(f"{path}: the file exists: choose another file, or replace it with --force")
