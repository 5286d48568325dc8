"""The responses of one worker that may be missing in the ledger of its run, on the disk of its machine.

    response -> outbox of the worker -> ledger of the run -> deleted from the outbox

A response is on disk when `add` returns, so it outlives the worker, its connection and the run. A worker writes files
of at most 200 lines, and deletes a file once all of its responses are in the ledger. It holds a lock on its files, so
those without one were left behind. Every line has a checksum; a torn or damaged line is left out.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from evalharness.errors import StoreError
from evalharness.redaction import scrubbed
from evalharness.store.files import open_regular, write_all
from evalharness.store.ledger_rows import read_row
from evalharness.store.ledger_tables import checksum_of
from evalharness.store.recorded import Recorded, canonical, response_to_json

_LINES = 200
_ENDING = ".jsonl"
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC


class Kept(NamedTuple):
    """A response in an outbox."""

    attempt: str
    row: Recorded


@dataclass(slots=True, eq=False)
class _File:
    path: Path
    handle: int
    missing: set[str] = field(default_factory=set)
    """Attempts whose responses are not known to be in the ledger."""
    lines: int = 0
    is_full: bool = False


class Outbox:
    """The files of one worker. Thread-safe. All methods raise StoreError."""

    def __init__(self, folder: Path, worker: str) -> None:
        """`worker`: an id that no other worker has."""
        self._folder, self._worker = folder, worker
        self._writing, self._syncing = threading.Lock(), threading.Lock()
        self._written = self._synced = self._numbers = 0
        self._files: list[_File] = []

    def add(self, attempt: str, row: Recorded) -> None:
        """Write the response of an attempt. Returns once it is on disk."""
        line = _line(attempt, row)
        try:
            with self._writing:
                file = self._open()
                write_all(file.handle, line)
                file.missing.add(attempt)
                file.lines += 1
                self._written += 1
                number = self._written
            self._sync(number)
        except OSError as error:
            raise StoreError(f"{self._folder}: cannot be written: {error.strerror or error}") from None

    def forget(self, attempts: Iterable[str]) -> None:
        """Note that these responses are in the ledger, and delete the files that hold no other."""
        found = set(attempts)
        with self._writing:
            for file in self._files:
                file.missing -= found
            over = [file for file in self._files if file.is_full and not file.missing]
            self._files = [file for file in self._files if file not in over]
        for file in over:
            _end(file, delete=True)

    def close(self) -> None:
        """Delete the files whose responses are all in the ledger; leave the others behind."""
        with self._writing, self._syncing:
            files, self._files = self._files, []
        for file in files:
            _end(file, delete=not file.missing)

    def _open(self) -> _File:
        """The file to write to, a new one where the last is full."""
        if self._files and self._files[-1].lines < _LINES:
            return self._files[-1]
        if self._files:
            os.fsync(self._files[-1].handle)
            self._files[-1].is_full = True
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{self._worker}-{self._numbers:06}{_ENDING}"
        file = _File(path, os.open(path, _FLAGS, 0o600))
        fcntl.flock(file.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _sync_folder(self._folder)
        self._numbers += 1
        self._files.append(file)
        return file

    def _sync(self, number: int) -> None:
        """Wait until line `number` is on disk. Lines that are written meanwhile share one call of the system."""
        with self._syncing:
            if self._synced >= number:
                return
            with self._writing:
                written, file = self._written, self._files[-1] if self._files else None
            if file is not None:
                os.fsync(file.handle)
            self._synced = written


def lines_of(folder: Path, worker: str) -> list[str]:
    """The lines of one worker. Raises StoreError."""
    return [line for path in _files(folder) if path.name.startswith(f"{worker}-") for line in _read(path)]


def left_behind(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The name and the lines of each file whose worker has ended. Raises StoreError."""
    for path in _files(folder):
        if _is_left(path):
            yield path.name, _read(path)


def delete(folder: Path, names: Iterable[str]) -> None:
    """Delete files that were left behind. A missing one is deleted already."""
    for name in names:
        with suppress(OSError):
            (folder / Path(name).name).unlink()


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == _ENDING)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{folder}: cannot be read: {error.strerror or error}") from None


def _is_left(path: Path) -> bool:
    try:
        with open(path, "rb", opener=open_regular) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # a worker holds its lock, or has deleted it
        return False
    return True


def kept_in(lines: Iterable[str]) -> Iterator[Kept]:
    """The responses in lines of an outbox, without the damaged ones."""
    for line in lines:
        with suppress(ValueError, TypeError, KeyError, RecursionError):  # the end of a killed worker's file
            yield _kept(json.loads(line))


def _read(path: Path) -> list[str]:
    with suppress(OSError), open(path, encoding="ascii", errors="replace", opener=open_regular) as file:
        return file.read().splitlines()
    return []


def _kept(line: dict[str, str]) -> Kept:
    checksum = bytes.fromhex(line["checksum"])
    row = read_row((*(line[name] for name in ("key", "request", "response", "recorded_at")), checksum))
    return Kept(line["attempt"], row)


def _line(attempt: str, row: Recorded) -> bytes:
    request = canonical(scrubbed(json.loads(row.request)))
    values = (row.key, request, canonical(scrubbed(response_to_json(row.response))), row.recorded_at)
    names = dict(zip(("key", "request", "response", "recorded_at"), values, strict=True))
    line = {"attempt": attempt, **names, "checksum": checksum_of(*values).hex()}
    return json.dumps(line).encode() + b"\n"


def _sync_folder(folder: Path) -> None:
    """Bring the name of a new file to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _end(file: _File, *, delete: bool) -> None:
    if delete:
        with suppress(FileNotFoundError):
            file.path.unlink()
    os.close(file.handle)
