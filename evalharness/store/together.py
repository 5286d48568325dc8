"""Writes several files of `golden/` in one step, even if the process is killed on the way.

    journal with the old contents -> the new files, one after the other -> journal deleted

While there is a journal, the files count as unchanged: the next acceptance, run or gate restores them. The journal is
untrusted: it restores only files that have the content it expects.
"""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from evalharness.errors import StoreError
from evalharness.store.ci import in_ci
from evalharness.store.files import as_bytes, delete_leftovers, read_below, write_below
from evalharness.store.folders import folder_of, writing
from evalharness.store.locks import locked

JOURNAL = "golden/.acceptance.json"


def _checked(path: str) -> str:
    parts = PurePosixPath(path).parts
    if parts[:1] != ("golden",) or ".." in parts or "\0" in path or not path.endswith((".jsonl", ".yaml")):
        raise ValueError("expected a file of golden/")
    return path


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, populate_by_name=True)


class _File(_Strict):
    path: Annotated[str, AfterValidator(_checked)]
    old: Base64Bytes | None
    """The content; None if there was no file."""
    new: str
    """SHA-256 of the content."""


class _Journal(_Strict):
    schema_: Literal[1] = Field(default=1, alias="schema")
    kind: Literal["unfinished acceptance"] = "unfinished acceptance"
    files: list[_File]


@contextmanager
def written_together(root: Path, contents: Mapping[Path, str | bytes]) -> Iterator[None]:
    """Write these files, and restore the old ones if the block raises.

    The caller holds the lock of `golden/`. Raises StoreError.
    """
    data = {path: as_bytes(content) for path, content in contents.items()}
    for path in (*data, root / JOURNAL):
        with writing(path), folder_of(path, root) as folder:
            delete_leftovers([path.name], folder)
    files = [_entry(root, path, content) for path, content in data.items()]
    write_below(root, root / JOURNAL, _Journal(files=files).model_dump_json(by_alias=True))
    try:
        for path, content in data.items():
            write_below(root, path, content)
        yield
    except BaseException:
        _restore(root, files)
        raise
    _delete(root, root / JOURNAL)


def restore_interrupted(root: Path) -> None:
    """Restore the files of an acceptance that was killed. Waits for one that is under way.

    Raises StoreError: in CI, where nothing is changed; for a damaged journal, or a file that was edited since.
    """
    if not os.path.lexists(root / JOURNAL):
        return
    if in_ci():
        raise StoreError(
            f"{JOURNAL}: an acceptance was interrupted before it was complete: run evalharness accept again on your "
            "machine, and commit golden/"
        )
    with locked((root / JOURNAL).parent, root):
        restore_locked(root)


def restore_locked(root: Path) -> None:
    """The same for a caller that holds the lock of `golden/`."""
    data = read_below(root, root / JOURNAL)
    if data is None:
        return
    try:
        journal = _Journal.model_validate_json(data)
    except ValidationError as error:
        problem = error.errors()[0]["msg"]
        raise StoreError(f"{JOURNAL}: damaged ({problem}): restore golden/ from git, and delete it") from None
    for file in journal.files:
        _refuse_edited(root, file)
    _restore(root, journal.files)


def _entry(root: Path, path: Path, content: bytes) -> _File:
    old = read_below(root, path)
    name = path.relative_to(root).as_posix()
    return _File(path=name, old=None if old is None else b64encode(old), new=_digest(content))


def _refuse_edited(root: Path, file: _File) -> None:
    found = read_below(root, root / file.path)
    if found != file.old and (found is None or _digest(found) != file.new):
        raise StoreError(
            f"{file.path}: edited after an acceptance was interrupted: compare golden/ with git, and delete {JOURNAL}"
        )


def _restore(root: Path, files: Sequence[_File]) -> None:
    for file in files:
        path = root / file.path
        if file.old is None:
            _delete(root, path)
        elif read_below(root, path) != file.old:
            write_below(root, path, file.old)
    _delete(root, root / JOURNAL)


def _delete(root: Path, path: Path) -> None:
    with writing(path), folder_of(path, root) as folder:
        try:
            os.unlink(path.name, dir_fd=folder)
        except FileNotFoundError:
            return
        os.fsync(folder)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
