"""Responses that were imported from recordings: a table of the ledger, apart from the responses of endpoints.

The author of a recording is the author of its responses, so each one keeps its origin. A ledger may serve the jobs of
several branches; each uses only what comes from a recording of its own checkout, see `job_ledger`.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from evalharness.errors import StoreError
from evalharness.store.files import read_regular

_TABLE = """
CREATE TABLE IF NOT EXISTS imported (
    key TEXT NOT NULL, file TEXT NOT NULL, digest TEXT NOT NULL, request TEXT NOT NULL, response TEXT NOT NULL,
    recorded_at TEXT NOT NULL, checksum BLOB NOT NULL, PRIMARY KEY (key, file, digest)
)
"""
Stored = tuple[str, str, str, str]
"""Key, request, response and date, as text."""


class Origin(NamedTuple):
    """The recording that a response was imported from."""

    file: str
    """Relative to the root of the project; the absolute path of a file outside of it."""
    digest: str
    """SHA-256 of the file."""

    def __str__(self) -> str:
        return f"{self.file}@{self.digest}"


def origin_of(path: Path, root: Path) -> Origin:
    """The origin of a recording. Raises StoreError if the file cannot be read, or lies behind a link."""
    whole, folder = path.resolve(), root.resolve()
    inside = whole.is_relative_to(folder)
    if not inside and Path(os.path.abspath(path)).is_relative_to(os.path.abspath(root)):  # noqa: PTH100 - keeps links
        raise StoreError(f"{path}: a symbolic link that leads out of the project: import the file itself")
    file = whole.relative_to(folder).as_posix() if inside else whole.as_posix()
    try:
        return Origin(file, hashlib.sha256(read_regular(whole)).hexdigest())
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from None


def make_table(connection: sqlite3.Connection) -> None:
    """Create the table of imported responses, which ledgers of earlier versions lack."""
    connection.execute(_TABLE)


def insert_imported(connection: sqlite3.Connection, origin: Origin, row: Stored, checksum: bytes) -> None:
    """Insert a response, or replace the one of the same request and recording."""
    make_table(connection)
    key, *rest = row
    connection.execute("INSERT OR REPLACE INTO imported VALUES (?, ?, ?, ?, ?, ?, ?)", (key, *origin, *rest, checksum))


def delete_others(connection: sqlite3.Connection, key: str) -> None:
    """Delete all responses to a request."""
    make_table(connection)
    connection.execute("DELETE FROM response WHERE key = ?", (key,))
    connection.execute("DELETE FROM imported WHERE key = ?", (key,))


def imported_rows(
    connection: sqlite3.Connection, keys: Sequence[str] | None = None
) -> Iterator[tuple[Origin, Stored, bytes]]:
    """The imported responses to requests, to all of them by default: origin, values and checksum, the latest first."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'imported'").fetchone():
        return
    where = "" if keys is None else f"WHERE key IN ({','.join('?' * len(keys))})"
    query = f"SELECT * FROM imported {where} ORDER BY rowid DESC"  # noqa: S608 - only ?,?,?
    for key, file, digest, request, response, recorded_at, checksum in connection.execute(query, keys or ()).fetchall():
        yield Origin(file, digest), (key, request, response, recorded_at), checksum
