"""The rows of the ledger's responses, each with a checksum."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from evalharness.redaction import scrubbed
from evalharness.store.imported import Origin, insert_imported
from evalharness.store.ledger_tables import checksum_of
from evalharness.store.recorded import Recorded, canonical, response_from_text, response_to_json


def insert_row(connection: sqlite3.Connection, row: Recorded, *, replace: bool) -> None:
    """Insert a response, without keys: an imported one into a table of its own."""
    request = canonical(scrubbed(json.loads(row.request)))
    response = canonical(scrubbed(response_to_json(row.response)))
    values = (row.key, request, response, row.recorded_at)
    if row.origin:
        insert_imported(connection, row.origin, values, checksum_of(*values, *row.origin))
        return
    word = "REPLACE" if replace else "IGNORE"
    connection.execute(
        f"INSERT OR {word} INTO response VALUES (?, ?, ?, ?, ?)",  # noqa: S608 - one of two words
        (*values, checksum_of(*values)),
    )


def read_row(row: tuple[Any, ...], origin: Origin | None = None) -> Recorded:
    """The response in a row. Raises ValueError: the row is damaged."""
    key, request, response, recorded_at, checksum = row
    try:
        if checksum == checksum_of(key, request, response, recorded_at, *(origin or ())):
            return Recorded(key, request, response_from_text(response), recorded_at, origin)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"row {str(key)[:12]} cannot be read: {error}") from None
    raise ValueError(f"checksum mismatch in row {str(key)[:12]}")
