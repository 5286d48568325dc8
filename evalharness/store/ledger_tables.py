"""The tables of the ledger, and their upgrade from schema 1."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import suppress
from json.encoder import encode_basestring_ascii
from typing import Any

from evalharness.store.recorded import request_key
from evalharness.store.upgrade import SCHEMA, upgraded_request

APPLICATION = 0x65766C67
"""Value of `PRAGMA application_id`: "evlg"."""
_TABLES = """
CREATE TABLE response (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, response TEXT NOT NULL, recorded_at TEXT NOT NULL,
    checksum BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE attempt (
    id TEXT PRIMARY KEY, key TEXT NOT NULL, run TEXT NOT NULL, started_at REAL NOT NULL, outcome TEXT,
    reserved_usd REAL NOT NULL, cost_usd REAL
);
CREATE INDEX attempt_of_key ON attempt (key);
CREATE INDEX attempt_under_way ON attempt (run) WHERE outcome IS NULL;
CREATE TABLE run (id TEXT PRIMARY KEY, budget_usd REAL, taken_usd REAL NOT NULL);
"""


def make_tables(connection: sqlite3.Connection) -> None:
    """Create the tables, unless another process has created them."""
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return
    for statement in _TABLES.split(";")[:-1]:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {SCHEMA}")


def upgrade(connection: sqlite3.Connection) -> None:
    """Upgrade the tables of schema 1: rename the column, and store new keys.

    Every response gets the key of its upgraded request. Damaged rows stay damaged.
    """
    connection.execute("ALTER TABLE response RENAME COLUMN asked_at TO recorded_at")
    for row in connection.execute("SELECT * FROM response").fetchall():
        with suppress(TypeError, ValueError, RecursionError):  # the values of a damaged row
            _upgrade_row(connection, row)
    connection.execute(f"PRAGMA user_version = {SCHEMA}")


def _upgrade_row(connection: sqlite3.Connection, row: tuple[Any, ...]) -> None:
    *values, checksum = row
    if checksum != checksum_of(*values) or (request := upgraded_request(row[1])) == row[1]:
        return
    fresh = (request_key(request), request, *row[2:4])
    replacement = (*fresh, checksum_of(*fresh))
    connection.execute("DELETE FROM response WHERE key = ?", row[:1])
    connection.execute("INSERT OR IGNORE INTO response VALUES (?, ?, ?, ?, ?)", replacement)


def checksum_of(*values: str) -> bytes:
    """The checksum of a row: SHA-256 of its values as a list in JSON. Raises TypeError for one that is no text."""
    return hashlib.sha256(f"[{', '.join(map(encode_basestring_ascii, values))}]".encode()).digest()
