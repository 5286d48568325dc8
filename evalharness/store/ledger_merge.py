"""Merges ledgers of several machines into one, so that the next run replays what any of them has asked.

Each ledger is one transaction: a merge that is killed leaves whole ledgers, and can be repeated. An answer is copied
with its checksum, byte for byte. Of two answers to one request, the later one counts, as in one ledger.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.errors import StoreError
from evalharness.store.imported import make_table
from evalharness.store.ledger_file import is_read_only, open_tables, transaction
from evalharness.store.ledger_tables import checksum_of

_AT_ONCE = 1_000
_ANSWERS = "SELECT key, request, response, recorded_at, checksum FROM response"
_IMPORTED = "SELECT key, request, response, recorded_at, file, digest, checksum FROM imported"
_KEEP = """
INSERT INTO response VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET
    request = excluded.request, response = excluded.response, recorded_at = excluded.recorded_at,
    checksum = excluded.checksum
WHERE (excluded.recorded_at, excluded.checksum) > (response.recorded_at, response.checksum)
"""
_KEEP_IMPORTED = """
INSERT OR IGNORE INTO imported (key, request, response, recorded_at, file, digest, checksum)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_KEEP_ATTEMPT = """
INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
    outcome = excluded.outcome, cost_usd = excluded.cost_usd
WHERE attempt.outcome IS NULL
"""
_KEEP_RUN = """
INSERT INTO run VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET taken_usd = max(run.taken_usd, excluded.taken_usd)
"""


@dataclass(frozen=True, slots=True)
class MergedLedgers:
    """What a merge of ledgers has changed."""

    before: int
    """Number of answers that the ledger had."""
    after: int


def merge_ledgers(into: Path, ledgers: Sequence[Path]) -> MergedLedgers:
    """Copy the answers, attempts and budgets of ledgers into one, which is created if there is none.

    For answers of endpoints, the order of the ledgers does not matter. Raises StoreError: a file is missing, damaged or
    of another schema; the ledger to write cannot be written, or is one of the others.
    """
    for path in ledgers:
        if not path.is_file():
            raise StoreError(f"{path}: no ledger found: expected a file {into.name}")
        if path.resolve() == into.resolve():
            raise StoreError(f"{path}: the others are merged into this ledger: leave it out")
    with closing(_target(into)) as target:
        before = _count(target)
        for path in ledgers:
            _copy(path, target)
        return MergedLedgers(before, _count(target))


def _target(path: Path) -> sqlite3.Connection:
    try:
        if is_read_only(path):
            raise StoreError(f"{path}: read-only: make the file writable")
        return open_tables(path, read_only=False)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path}: cannot be written: {error}") from None


def _count(ledger: sqlite3.Connection) -> int:
    return int(ledger.execute("SELECT count(*) FROM response").fetchone()[0])


def _copy(path: Path, target: sqlite3.Connection) -> None:
    """Copy one ledger in one transaction."""
    try:
        with closing(open_tables(path, read_only=True)) as source, transaction(target):
            target.executemany(_KEEP, _checked(path, source, _ANSWERS))
            if source.execute("SELECT 1 FROM sqlite_master WHERE name = 'imported'").fetchone():
                make_table(target)
                target.executemany(_KEEP_IMPORTED, _checked(path, source, _IMPORTED))
            target.executemany(_KEEP_ATTEMPT, _rows(source, "SELECT * FROM attempt"))
            target.executemany(_KEEP_RUN, _rows(source, "SELECT * FROM run"))
    except (sqlite3.Error, OSError) as error:
        raise _damaged(path, str(error)) from None


def _checked(path: Path, source: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...]]:
    """The rows, whose checksum is that of their values. Raises StoreError."""
    for row in _rows(source, query):
        *values, checksum = row
        if not all(isinstance(value, str) for value in values) or checksum_of(*values) != checksum:
            raise _damaged(path, f"checksum mismatch in row {str(row[0])[:12]}")
        yield row


def _rows(source: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...]]:
    found = source.execute(query)
    while rows := found.fetchmany(_AT_ONCE):
        yield from rows


def _damaged(path: Path, why: str) -> StoreError:
    return StoreError(f"{path}: damaged ({' '.join(why.split())[:300]}): leave it out, and its answers are asked again")
