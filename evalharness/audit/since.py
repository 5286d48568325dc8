"""The point that an audit starts from: a commit, a date, or the beginning.

Of a commit, entries count that its files do not have. Of a date, entries count that were written on it or later, by the
time in the entry itself: whoever edits the file chooses it, so for a release prefer a commit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from evalharness.errors import StoreError
from evalharness.store.acceptances import ACCEPTANCES
from evalharness.store.answer_labels import LABEL_FOLDER
from evalharness.store.git import commit_at

_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?")


@dataclass(frozen=True, slots=True)
class Since:
    """The point that an audit starts from."""

    name: str = ""
    """As given; empty: from the beginning."""
    folder: Path | None = None
    """The files of the commit, for a commit."""
    date: datetime | None = None

    def is_later(self, at: str) -> bool:
        """Whether an entry of this time counts: one whose time cannot be read always does."""
        found = time_of(at)
        return self.date is None or found is None or found >= self.date


@contextmanager
def since(root: Path, given: str) -> Iterator[Since]:
    """The point that `given` names: empty, a date (YYYY-MM-DD, or a time in ISO 8601), or a commit.

    Raises StoreError for an impossible date, and GitError for an unknown commit.
    """
    if not given:
        yield Since()
    elif _DATE.fullmatch(given):
        if (date := time_of(given)) is None:
            raise StoreError(f"--since: expected a date such as 2026-01-31, or a commit, got {given!r}")
        yield Since(given, date=date)
    else:
        commit = commit_at(root, given)
        with TemporaryDirectory(prefix="evalharness-") as folder:
            commit.write_to(Path(folder), ACCEPTANCES, LABEL_FOLDER)
            yield Since(given, folder=Path(folder))


def time_of(text: str) -> datetime | None:
    """The time in ISO 8601, of UTC where it names no zone; None if it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
