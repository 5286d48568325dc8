"""Opens a source: a run, a baseline, or the baselines of a commit."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from evalharness.errors import StoreError
from evalharness.records import Baseline, Run
from evalharness.store import commit_at, read_run
from evalharness.store.baselines import BASELINE_FOLDER, read_baseline
from evalharness.store.results import read_results
from evalharness.store.runs import record_in, stored_lines

GIT = "git:"


def open_source(given: str, root: Path, suite: str | None = None) -> Run | list[Baseline]:
    """The run or the baselines of a source.

    A source is the folder or record of a run, a file or folder of baselines, the results of Inspect, promptfoo or
    Langfuse, or `git:REF`. `git:REF` needs the name of the suite. Raises StoreError.
    """
    if given.startswith(GIT):
        return _committed(given.removeprefix(GIT), root, suite)
    path = _place(given, root)
    if path is None:
        raise StoreError(f"{given}: no such file or folder; expected a run, a baseline, or {GIT}REF")
    if (record := record_in(path)).is_file():
        return read_run(record)
    if path.is_dir():
        return _baselines(sorted(path.glob("*.jsonl")), root, given)
    if (results := read_results(path)) is not None:
        return results
    _, first = next(stored_lines(path), (1, {}))
    return read_run(path) if first.get("kind") == "run" else _baselines([path], root, given)


def _place(given: str, root: Path) -> Path | None:
    """The existing path, in the working directory or below the root; None if there is none."""
    with suppress(OSError):  # the name is too long for a file
        return next((path for path in (Path(given), root / given) if path.exists()), None)
    return None


def _committed(ref: str, root: Path, suite: str | None) -> list[Baseline]:
    if suite is None:
        raise StoreError(f"{GIT}{ref}: unknown suite; set --suite, or put a run of the suite before it")
    with tempfile.TemporaryDirectory(prefix="evalharness-") as folder:
        place = f"{BASELINE_FOLDER}/{suite}"
        commit_at(root, ref).write_to(Path(folder), place)
        return _baselines(sorted((Path(folder) / place).glob("*.jsonl")), Path(folder), f"{place} at {ref}")


def _baselines(paths: Iterable[Path], root: Path, given: str) -> list[Baseline]:
    found = [baseline for path in paths if (baseline := read_baseline(path.resolve(), root)) is not None]
    if not found:
        raise StoreError(f"{given}: contains no run and no baseline")
    return found
