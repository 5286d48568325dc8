"""Embedding vectors on disk: a cache that may be deleted at any time, shared by threads and processes.

One SQLite file in WAL mode. A row is (model fingerprint, SHA-256 of the text) -> float32 vector, little endian. The
file never stops a run: a damaged file, or one of another version, is moved aside and replaced, and where no file can
be written the vectors stay in memory. Both cases give one warning.
"""

from __future__ import annotations

import fcntl
import hashlib
import sqlite3
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TypeVar

from evalharness.logs import clean_line

VERSION = 1
"""Written to `PRAGMA user_version`; a file with another number is replaced."""

_LOCKED_S = 30.0
"""Seconds to wait for another process that writes."""
_CHUNK = 500
"""Keys in one SELECT; SQLite before 3.32 takes 999 parameters."""
T = TypeVar("T")
_TABLE = "CREATE TABLE vectors (model TEXT, text BLOB, vector BLOB, PRIMARY KEY (model, text)) WITHOUT ROWID"


class VectorFile:
    """The vectors of one model, kept between runs.

    Each call opens and closes the file. That takes 0.5 ms to read and 2 ms to write (measured), where a batch takes
    hundreds, and leaves no connection for threads to share, for a fork to inherit or for a caller to close.
    """

    def __init__(self, path: Path, model: str) -> None:
        self.path, self.model = path, model
        self._lock = Lock()
        self._usable, self._warned = True, False

    def read(self, texts: Iterable[str]) -> dict[str, bytes]:
        """Return the vectors that the file has for these texts."""
        keys = {_key(text): text for text in texts}
        return (self._attempt(lambda connection: dict(self._select(connection, keys))) if keys else None) or {}

    def write(self, vectors: Mapping[str, bytes]) -> None:
        """Store these vectors in one transaction; a text that another process stored meanwhile stays as it is."""
        rows = [(self.model, _key(text), vector) for text, vector in vectors.items()]
        self._attempt(lambda connection: connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)", rows))

    def _select(self, connection: sqlite3.Connection, keys: Mapping[bytes, str]) -> Iterator[tuple[str, bytes]]:
        wanted = list(keys)
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            marks = ",".join("?" * len(chunk))
            query = f"SELECT text, vector FROM vectors WHERE model = ? AND text IN ({marks})"  # noqa: S608 - only ?,?,?
            rows = connection.execute(query, [self.model, *chunk])
            yield from ((keys[key], vector) for key, vector in rows if isinstance(vector, bytes))

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """The result of `work` in a transaction, or None if the file failed: a cache may miss."""
        with self._lock:
            try:
                return self._transaction(work) if self._usable else None
            except (OSError, sqlite3.DatabaseError) as error:
                if _damaged(error):
                    self._begin_again(error)
                else:
                    self._give_up(error)
                return None

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with _exclusive(self.path):
            connection = _open(self.path)
        with closing(connection), connection:
            return work(connection)

    def _begin_again(self, error: Exception) -> None:
        aside = self.path.with_name(f"{self.path.name}.unusable")
        try:
            with _exclusive(self.path):
                _move(self.path, aside)
        except OSError as failure:
            self._give_up(failure)
        else:
            self._warn(f"{self.path} was unusable ({error}); it is now {aside.name}, and a new file replaces it")

    def _give_up(self, error: Exception) -> None:
        self._usable = False
        self._warn(f"{self.path}: {error}; embedding vectors of this run are not kept")

    def _warn(self, text: str) -> None:
        # Under `-W error` the warning is an exception, which would cost the scores of a whole batch.
        with suppress(UserWarning):
            if not self._warned:
                self._warned = True
                warnings.warn(clean_line(text), UserWarning, stacklevel=2)


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _open(path: Path) -> sqlite3.Connection:
    """A connection to a file of this version, created if missing. Raises DatabaseError for any other file."""
    connection = sqlite3.connect(path, timeout=_LOCKED_S)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # a lost transaction is only computed once more
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found == 0:
            connection.execute(_TABLE)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        elif found != VERSION:
            raise sqlite3.DatabaseError(f"version {found}, not {VERSION}")
    except BaseException:
        connection.close()
        raise
    return connection


def _damaged(error: Exception) -> bool:
    """Whether the file itself is bad, and not only out of reach (locked, read-only, disk full).

    A missing or different table is an OperationalError too, with the generic code.
    """
    if isinstance(error, sqlite3.OperationalError):
        return error.sqlite_errorcode == sqlite3.SQLITE_ERROR
    return isinstance(error, sqlite3.DatabaseError)


def _move(path: Path, aside: Path) -> None:
    """Move the write-ahead log too: SQLite would take it for the log of the new file."""
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(aside.with_name(aside.name + suffix))


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """One process at a time makes or replaces the file: SQLite cannot lock a file that is not there yet."""
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
