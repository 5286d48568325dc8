"""Chooses the imported responses that a run replays, by the recordings of its merge base."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from evalharness.criteria.recordings import CommittedRecordings
from evalharness.store.recorded import Recorded


@dataclass(frozen=True)
class Imports:
    """The imported responses of a run with a merge base.

    A response that the merge base has is the merge base's, whatever else its recording contains now.
    """

    committed: CommittedRecordings
    only_committed: bool
    """Whether the model is requested instead of replaying a response that the change brings."""
    _used: set[str] = field(default_factory=set)
    _unused: dict[str, set[str]] = field(default_factory=dict)
    """Recording -> the keys of its responses that the change brings."""

    def admit(self, row: Recorded) -> Recorded | None:
        """The response with the origin that counts; None if it is not replayed. Raises GitError."""
        origin = self.committed.origin(row)
        if origin is None and self.only_committed and row.origin:
            self._unused.setdefault(row.origin.file, set()).add(row.key)
            return None
        self._used.add(row.key)
        return replace(row, origin=origin or row.origin)

    def unused(self) -> Iterator[str]:
        """A line for each recording with responses that were left out."""
        for file, keys in sorted(self._unused.items()):
            if count := len(keys - self._used):
                answers = "1 answer" if count == 1 else f"{count} answers"
                yield f"llm: {answers} of {file} not replayed, because this change adds or edits them: asked the model"
