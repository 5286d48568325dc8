"""The ledger of requests and responses, in SQLite.

With it, no response is requested, or paid for, twice.

    intent committed -> request sent -> response committed -> scored

A transaction is on disk when `commit` returns (WAL, synchronous=FULL), so a killed run loses at most the requests in
flight. Every row has a checksum. A file that is damaged, or of a newer version, is refused.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from evalharness.errors import StoreError
from evalharness.store.imported import Origin, delete_others, imported_rows
from evalharness.store.ledger_file import is_read_only, open_tables, transaction
from evalharness.store.ledger_rows import insert_row, read_row
from evalharness.store.recorded import Recorded

_CHUNK = 500
_ROUNDING_USD = 1e-9

Admit = Callable[[Recorded], Recorded | None]
Grant = Literal["go", "recorded", "in flight", "over budget"]
"""The response to an intent.

`go`: send the request. `recorded`: its response has been recorded meanwhile. `in flight`: another process of this run
has sent it. `over budget`: its worst-case cost exceeds the remaining budget.
"""


@dataclass(frozen=True, slots=True)
class Intent:
    """A request before it is sent."""

    attempt: str
    """Id of the attempt."""
    key: str
    reserved_usd: float = 0.0
    """Worst-case cost."""
    ignore_recorded: bool = False
    """Whether to send the request even if its response is recorded."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The end of an attempt."""

    attempt: str
    outcome: str
    """`answered`, or the kind of error."""
    cost_usd: float
    recorded: Recorded | None = None


class Ledger:
    """A ledger file, safe to use from several threads and processes.

    All methods raise StoreError.
    """

    def __init__(self, path: Path, counts: Callable[[Origin], bool] | None = None, admit: Admit | None = None) -> None:
        """Open a ledger.

        Args:
            path: The file.
            counts: Whether imported responses of this origin are found. Default: all are.
            admit: Returns an imported response as it is found, or None if it is not. Default: all are.

        """
        self.path, self._counts, self._admit = path, counts or (lambda _: True), admit or (lambda row: row)
        self._lock = Lock()
        with self._explained():
            self.read_only = is_read_only(path)
            self._connection = open_tables(path, read_only=self.read_only)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def begin(self, run: str, budget_usd: float | None) -> None:
        """Begin a run with its budget.

        Another process of the run shares the budget of the first. Does nothing if the file is read-only: then it
        refuses every intent.
        """
        if self.read_only:
            return
        with self._transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO run VALUES (?, ?, 0)", (run, budget_usd))

    def find(self, keys: Iterable[str]) -> dict[str, Recorded]:
        """The recorded responses by key, an imported one only where the endpoint's is missing."""
        wanted, found = list(dict.fromkeys(keys)), {}
        with self._lock, self._explained():
            for start in range(0, len(wanted), _CHUNK):
                chunk = wanted[start : start + _CHUNK]
                marks = ",".join("?" * len(chunk))
                query = f"SELECT * FROM response WHERE key IN ({marks})"  # noqa: S608 - only ?,?,?
                found.update({row[0]: self._recorded(row) for row in self._connection.execute(query, chunk)})
                imported = self._imported([key for key in chunk if key not in found])
                found |= {row.key: row for row in imported[::-1]}  # the latest one counts
        return found

    def count(self) -> int:
        """The number of recorded responses."""
        with self._lock, self._explained():
            answered = self._connection.execute("SELECT COUNT(*) FROM response").fetchone()[0]
            return int(answered) + len(self._imported())

    def all(self) -> Iterator[Recorded]:
        """All recorded responses: first those of the endpoint, then the imported ones, each the latest first."""
        with self._lock, self._explained():
            rows = self._connection.execute("SELECT * FROM response ORDER BY recorded_at DESC, key").fetchall()
            imported = sorted(self._imported(), key=lambda row: row.recorded_at, reverse=True)
        return chain(map(self._recorded, rows), imported)

    def commit(self, run: str, entries: Sequence[Intent | Settlement]) -> list[tuple[Grant, int]]:
        """Commit all entries in one transaction. Returns a grant and a number for each.

        The number is, with `go`, that of the earlier attempts of killed runs; with `over budget`, that of the attempts
        of this run in flight, which may return a part of their reservations.
        """
        with self._transaction() as connection:
            return [
                self._intend(connection, run, entry)
                if isinstance(entry, Intent)
                else self._settle(connection, run, entry)
                for entry in entries
            ]

    def keep(self, rows: Iterable[Recorded], *, replace: bool = False) -> None:
        """Record responses from another source, in one transaction. Those with an origin stay apart as imported."""
        with self._transaction() as connection:
            for row in rows:
                if replace:
                    delete_others(connection, row.key)
                insert_row(connection, row, replace=replace)

    def remaining_usd(self, run: str) -> float | None:
        """The part of a run's budget that no request has taken or reserved; None without a budget."""
        with self._lock, self._explained():
            row = self._connection.execute("SELECT budget_usd - taken_usd FROM run WHERE id = ?", (run,)).fetchone()
        return row[0] if row else None

    def in_flight(self, run: str) -> int:
        """The number of attempts of this run that are not settled."""
        with self._lock, self._explained():
            query = "SELECT count(*) FROM attempt WHERE run = ? AND outcome IS NULL"
            return int(self._connection.execute(query, (run,)).fetchone()[0])

    def attempts(self, run: str) -> list[tuple[str, str, str | None, float | None]]:
        """Id, key, outcome and cost of every attempt of a run, in the order of intents."""
        with self._lock, self._explained():
            query = "SELECT id, key, outcome, cost_usd FROM attempt WHERE run = ? ORDER BY rowid"
            return self._connection.execute(query, (run,)).fetchall()

    def _intend(self, connection: sqlite3.Connection, run: str, intent: Intent) -> tuple[Grant, int]:
        recorded = "SELECT 1 FROM response WHERE key = ?"
        if not intent.ignore_recorded and connection.execute(recorded, (intent.key,)).fetchone():
            return "recorded", 0
        others = connection.execute(
            "SELECT run, count(*) FROM attempt WHERE key = ? AND outcome IS NULL GROUP BY run", (intent.key,)
        ).fetchall()
        killed = {other: count for other, count in others if other != run}
        if len(killed) < len(others):
            return "in flight", 0
        taken = connection.execute(
            "UPDATE run SET taken_usd = taken_usd + :most "
            "WHERE id = :run AND (budget_usd IS NULL OR taken_usd + :most <= budget_usd + :rounding)",
            {"most": intent.reserved_usd, "run": run, "rounding": _ROUNDING_USD},
        )
        if taken.rowcount == 0:
            query = "SELECT count(*) FROM attempt WHERE run = ? AND outcome IS NULL"
            return "over budget", int(connection.execute(query, (run,)).fetchone()[0])
        if killed:
            connection.execute(
                "UPDATE attempt SET outcome = 'lost' WHERE key = ? AND outcome IS NULL AND run != ?", (intent.key, run)
            )
        row = (intent.attempt, intent.key, run, time.time(), None, intent.reserved_usd, None)
        connection.execute("INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return "go", sum(killed.values())

    def _settle(self, connection: sqlite3.Connection, run: str, entry: Settlement) -> tuple[Grant, int]:
        connection.execute(  # an attempt without an intent has no reservation
            "UPDATE run SET taken_usd = taken_usd + :cost "
            "- coalesce((SELECT reserved_usd FROM attempt WHERE id = :attempt), 0) WHERE id = :run",
            {"cost": entry.cost_usd, "attempt": entry.attempt, "run": run},
        )
        connection.execute(
            "UPDATE attempt SET outcome = ?, cost_usd = ? WHERE id = ?", (entry.outcome, entry.cost_usd, entry.attempt)
        )
        if entry.recorded:
            insert_row(connection, entry.recorded, replace=True)
        return "go", 0

    def _imported(self, keys: Sequence[str] | None = None) -> list[Recorded]:
        """The imported responses that count, the latest import first."""
        rows = imported_rows(self._connection, keys)
        found = (self._recorded((*row, checksum), origin) for origin, row, checksum in rows if self._counts(origin))
        return [admitted for row in found if (admitted := self._admit(row))]

    def _recorded(self, row: tuple[Any, ...], origin: Origin | None = None) -> Recorded:
        try:
            return read_row(row, origin)
        except ValueError as error:
            raise self._refused(str(error)) from None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._explained(), transaction(self._connection):
            yield self._connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            # a missing or different table; without a code: invalid UTF-8
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) == sqlite3.SQLITE_ERROR:
                raise self._refused(str(error)) from None
            raise StoreError(f"{self.path}: {error}") from None
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # messages of SQLite may quote damaged text
            raise self._refused(str(error)) from None
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be written: {error.strerror or error}") from None

    def _refused(self, why: str) -> StoreError:
        return StoreError(
            f"{self.path}: damaged ({' '.join(why.split())[:300]}): move the file away (its responses are then "
            "requested again)"
        )
