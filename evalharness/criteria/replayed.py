"""Answers from recordings that differ from the merge base: the change has written them itself."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from evalharness.criteria.forms import in_form_of
from evalharness.records import CriteriaChange, Run
from evalharness.store import Commit

_FILE_CHARS = 100


def replayed_changes(commit: Commit, root: Path, *runs: Run | None) -> Iterator[CriteriaChange]:
    """A relaxing change for each recording that runs replay and that has other bytes at the commit. Raises GitError."""
    sources = Counter(source for run in runs if run for sample in run.samples for source in sample.recorded_from)
    for source, answers in sorted(sources.items()):
        file, _, digest = source.rpartition("@")
        then = _content_at(commit, file)
        if then is not None and hashlib.sha256(then).hexdigest() == digest:
            continue
        if then is not None and _restored(then, root / file) == digest:
            continue
        state = "new" if then is None else "changed"
        noun = "answer" if answers == 1 else "answers"
        what = f"{answers} {noun} replayed from {' '.join(file.split())[:_FILE_CHARS]}"
        yield CriteriaChange(what, "", f"this recording is {state}", relaxes=True)


def _content_at(commit: Commit, file: str) -> bytes | None:
    path = PurePosixPath(file)
    return None if "\0" in file or path.is_absolute() or ".." in path.parts or not path.parts else commit.read(file)


def _restored(then: bytes, now: Path) -> str:
    """The digest of a committed file in the form that a checkout gives it."""
    return hashlib.sha256(in_form_of(then, now)).hexdigest()
