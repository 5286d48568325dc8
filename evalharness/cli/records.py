"""The run that a command's argument names."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness.store.runs import RECORD, record_in


def record_of(root: Path, given: str | None) -> Path:
    """The path of a run record.

    `given` is a record, the folder that holds one, or a suite, for its last run; None: the latest run of all. Raises
    click.ClickException: there is no such run.
    """
    if given is None:
        return _latest(root)
    path = Path(given)
    for found in (record_in(path), path, record_in(root / "reports" / given)):
        if _is_file(found):
            return found
    raise click.ClickException(f"{given}: no run found: expected reports/SUITE, a run.jsonl, or a suite with a run")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long
        return False


def _latest(root: Path) -> Path:
    found = sorted((root / "reports").glob(f"*/{RECORD}"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise click.ClickException("no run found below reports/: run pytest --llm-suite=NAME first")
    return found[-1]
