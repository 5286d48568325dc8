"""The recordings at the merge base, response by response: what a change appends does not touch the earlier ones."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from evalharness.criteria.forms import in_form_of
from evalharness.errors import StoreError
from evalharness.store import Commit
from evalharness.store.imported import Origin
from evalharness.store.recorded import Recorded
from evalharness.store.recordings import read_recording


@dataclass(frozen=True)
class CommittedRecordings:
    """The recordings of a commit. Reads each file once."""

    commit: Commit
    root: Path
    """The working tree."""
    _files: dict[str, _File | None] = field(default_factory=dict)

    def origin(self, row: Recorded) -> Origin | None:
        """The origin of an imported response in the commit; None if its recording lacks this response there.

        Raises GitError.
        """
        if row.origin is None:
            return None
        file = row.origin.file
        if file not in self._files:
            self._files[file] = self._read(file)
        committed = self._files[file]
        return Origin(file, committed.digest) if committed and committed.has(row) else None

    def _read(self, file: str) -> _File | None:
        then = content_at(self.commit, file)
        if then is None:
            return None
        return _File(sha256(then), in_form_of(then, self.root / file))


@dataclass(frozen=True)
class _File:
    digest: str
    """SHA-256 of the committed bytes."""
    content: bytes
    """The bytes in the form that a checkout gives them."""

    def has(self, row: Recorded) -> bool:
        """Whether the file has a response, as it is."""
        if row.origin and row.origin.digest in self._digests:
            return True
        return self._rows.get(row.key) == row

    @cached_property
    def _digests(self) -> tuple[str, str]:
        return self.digest, sha256(self.content)

    @cached_property
    def _rows(self) -> dict[str, Recorded]:
        return _rows(self.content)


def content_at(commit: Commit, file: str) -> bytes | None:
    """The committed bytes of a file; None if it is missing, or outside of the project. Raises GitError."""
    path = PurePosixPath(file)
    return None if "\0" in file or path.is_absolute() or ".." in path.parts or not path.parts else commit.read(file)


def sha256(content: bytes) -> str:
    """The digest of a recording, as an origin has it."""
    return hashlib.sha256(content).hexdigest()


def _rows(content: bytes) -> dict[str, Recorded]:
    """The responses of a recording; none if it is invalid."""
    with tempfile.TemporaryDirectory(prefix="evalharness-") as folder:
        path = Path(folder) / "recording.jsonl"
        path.write_bytes(content)
        try:
            return {row.key: row for row in read_recording(path)}
        except StoreError:
            return {}
