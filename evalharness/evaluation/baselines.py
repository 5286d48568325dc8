"""Reads the baselines of a suite: of the working tree, of a snapshot, or of a commit."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from evalharness.criteria.revisions import read_one
from evalharness.errors import StoreError
from evalharness.records import Baseline, Baselines
from evalharness.store import Commit, baseline_path
from evalharness.store.baselines import BASELINE_FOLDER

Pair = tuple[str, str]
"""A model and a prompt."""


def baselines_of(commit: Commit, name: str, pairs: Iterable[Pair]) -> Baselines:
    """The committed baselines. Raises GitError, StoreError."""
    with tempfile.TemporaryDirectory(prefix="evalharness-") as folder:
        commit.write_to(Path(folder), f"{BASELINE_FOLDER}/{name}")
        return baselines_at(Path(folder), name, pairs)


def baselines_at(
    root: Path, name: str, pairs: Iterable[Pair], *, pinned: bool = False
) -> dict[Pair, Baseline | StoreError | None]:
    """The baselines in a folder."""
    return {pair: read_one(baseline_path(root, name, *pair, pinned=pinned), root) for pair in pairs}


def baseline_in(given: str, root: Path, model: str, prompt: str) -> Baseline | StoreError | None:
    """The baseline in a file, or in the file of a folder for this model and prompt. `given` is relative to the root."""
    path = root / given
    path = path / f"{model}.{prompt}.jsonl" if path.is_dir() else path
    return read_one(path, root) if path.exists() else StoreError(f"{given}: no such file: {path}")
