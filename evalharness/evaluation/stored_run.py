"""The run record in a file, which may come from elsewhere, and the run of the other version next to it."""

from __future__ import annotations

from pathlib import Path

from evalharness.errors import StoreError
from evalharness.evaluation.merge_base import pairs_of
from evalharness.evaluation.report_files import REFERENCE
from evalharness.records import Run
from evalharness.records.names import is_name
from evalharness.store import read_run
from evalharness.store.runs import RECORD


def reference_of(path: Path) -> Run | None:
    """The run of the other version, which is stored next to a run record; None without one. Raises StoreError."""
    sibling = path.parent / REFERENCE
    return read_run(sibling) if path.name.startswith(RECORD) and sibling.exists() else None


def refuse_paths(path: Path, run: Run) -> None:
    """Raise StoreError for a name that is a path: the record is untrusted, and its names become file names."""
    for name in (run.header.suite, *(part for pair in pairs_of(run) for part in pair)):
        if not is_name(name):
            raise StoreError(f"{path}:1: expected the name of a suite, model or prompt, got '{name}'")
