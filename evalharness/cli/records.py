"""Which run a command means."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness.store.runs import RECORD


def record_of(root: Path, given: str | None) -> Path:
    """The record of a run: a file, the folder that holds one, or the suite whose last run is meant; without a word
    the latest of all. Raises click.ClickException.
    """
    if given is None:
        return _latest(root)
    path = Path(given)
    for found in (path / RECORD, path, root / "reports" / given / RECORD):
        if _is_file(found):
            return found
    raise click.ClickException(f"{given}: there is no run: name reports/SUITE, a run.jsonl, or a suite that was run")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for one
        return False


def _latest(root: Path) -> Path:
    found = sorted((root / "reports").glob(f"*/{RECORD}"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise click.ClickException("there is no run yet: pytest --llm-suite=NAME makes one")
    return found[-1]
