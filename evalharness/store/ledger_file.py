"""Opens the file of the ledger: to write, or to read where it cannot be written."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from evalharness.errors import StoreError
from evalharness.store.ledger_tables import APPLICATION, make_tables, upgrade
from evalharness.store.locks import locked
from evalharness.store.upgrade import SCHEMA, SCHEMAS

_LOCKED_S = 30.0
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
_CHECKED_WHOLE_BYTES = 64 * 2**20
"""Files up to this size are checked page by page on opening. Rows are checked on reading in all files."""


def is_read_only(path: Path) -> bool:
    """Whether the file exists and cannot be written. Creates a missing file, and its folder. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        if error.errno in _READ_ONLY and path.is_file():
            return True
        raise
    return False


def open_tables(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """A connection to a checked ledger of this schema, for one thread at a time.

    Raises StoreError for a ledger of another schema, sqlite3.Error for another file, OSError.
    """
    connection = _connect(path, read_only=read_only)
    try:
        if read_only:
            _check(connection, path, read_only=True)
        else:
            with locked(path.parent):  # several processes may create the file at the same time
                _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit the statements of the block, or none of them."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    address = _address(path) if read_only else str(path)
    return sqlite3.connect(address, timeout=_LOCKED_S, isolation_level=None, check_same_thread=False, uri=read_only)


def _address(path: Path) -> str:
    """The file without its log where the log is empty: SQLite would have to create the files of a log."""
    log = path.with_name(f"{path.name}-wal")
    mode = "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"
    return f"file:{quote(str(path.absolute()))}?{mode}"


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = _check(connection, path)
    if not version:
        with transaction(connection):
            make_tables(connection)
    elif version < SCHEMA:
        with transaction(connection):
            upgrade(connection)


def _check(connection: sqlite3.Connection, path: Path, *, read_only: bool = False) -> int:
    """The schema of the file; 0 for a new file."""
    version, application = (_pragma(connection, name) for name in ("user_version", "application_id"))
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if version > SCHEMA and application == APPLICATION:
        raise StoreError(
            f"{path}: schema {version}, this version reads 1 to {SCHEMA}: upgrade evalharness, or move the file away "
            "(its responses are then requested again)"
        )
    if (tables or version) and (version not in SCHEMAS or application != APPLICATION):
        raise sqlite3.DatabaseError("not a ledger of evalharness")
    if read_only and version < SCHEMA:
        raise StoreError(f"{path}: read-only, and schema {version} needs an upgrade: make the file writable")
    if not read_only:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -65536")  # 64 MB: keys come in random order, each page many times
    if tables and path.stat().st_size <= _CHECKED_WHOLE_BYTES:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)
    return version if tables else 0


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
