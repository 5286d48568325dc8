"""Read all rows once and keep, for each column, the little that the guesses need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evalharness.importers.datasets.chat import as_chat, roles_of
from evalharness.importers.datasets.names import key, parts
from evalharness.importers.datasets.table import DatasetError, Row, Values
from evalharness.importers.datasets.texts import is_empty, structure
from evalharness.importers.datasets.words import IDS, LISTS, OBJECTS, ROW_NUMBERS, WRAPPERS

MAX_VALUES = 50
_STRUCTURES = LISTS | OBJECTS | WRAPPERS
_MAX_COLUMNS = 1_000
_MAX_SEQUENCES = 50
_MAX_SAMPLE = 200
_MAX_FIELDS = 30


@dataclass
class ColumnProfile:
    """What is known of a column after all rows."""

    name: str
    filled: int = 0
    """Rows with a value."""
    values: dict[str, None] = field(default_factory=dict)
    """The first distinct texts, at most `MAX_VALUES` + 1."""
    max_chars: int = 0
    kinds: set[type] = field(default_factory=set)
    sequences: dict[tuple[str, ...], int] = field(default_factory=dict)
    """Roles of the messages in a column of chats, with the number of rows."""
    hashes: set[int] | None = None
    """Of all values, if the name is that of an id."""
    counting: bool = True
    """Whether the values are 0, 1, 2, ... or 1, 2, 3, ... in order."""

    @property
    def key(self) -> str:
        """The last part of the name without case and signs: `question` of `inputs.question`."""
        return key(parts(self.name)[1])

    @property
    def series(self) -> str:
        """The key without a number at its end: `answer` of `answer2`."""
        return self.key.rstrip("0123456789") or self.key

    @property
    def different(self) -> int:
        """The number of different values of a column that is named like an id; 0 for others."""
        return len(self.hashes or ())

    @property
    def group(self) -> str:
        """The first part: `inputs` of `inputs.question`, else ""."""
        return key(parts(self.name)[0])

    def add(self, value: Any, index: int) -> None:
        """Count the value of the row at `index`, from 0."""
        if is_empty(value):
            self.counting = False
            return
        self.filled += 1
        self.kinds.add(bytes if _has_bytes(value) else str if isinstance(value, str) else type(value))
        if isinstance(value, list) and (turns := as_chat(value)) and len(self.sequences) < _MAX_SEQUENCES:
            roles = roles_of(turns)
            self.sequences[roles] = self.sequences.get(roles, 0) + 1
        self._add_text(value if isinstance(value, str) else repr(value), index)

    def _add_text(self, text: str, index: int) -> None:
        self.max_chars = max(self.max_chars, len(text))
        if len(self.values) <= MAX_VALUES and len(text) <= 1_000:
            self.values[text] = None
        if self.hashes is not None:
            offset = 0 if "0" in self.values else 1
            self.counting = self.counting and text.strip() == str(index + offset)
            self.hashes.add(hash(text))


def _has_bytes(value: Any) -> bool:
    """Whether the value is an image or another file, alone, in an object or in a list."""
    if isinstance(value, dict):
        return any(isinstance(item, bytes) for item in value.values())
    return isinstance(value, bytes) or (isinstance(value, list) and any(map(_has_bytes, value)))


@dataclass
class Profile:
    """The columns in the order of their first appearance, and the number of rows."""

    columns: dict[str, ColumnProfile] = field(default_factory=dict)
    rows: int = 0
    sample: list[Values] = field(default_factory=list)
    """The first rows."""

    def by_key(self, *keys: str) -> ColumnProfile | None:
        """The first column with one of these keys and a value, in the order of the keys."""
        known = {column.key: column for column in reversed(self.columns.values()) if column.filled}
        return next((known[one] for one in keys if one in known), None)


def profile_rows(rows: Iterable[Row]) -> Profile:
    """The profile of all rows. Raises DatasetError for more than 1,000 columns."""
    profile = Profile()
    for index, row in enumerate(rows):
        profile.rows += 1
        profile.sample += [row.values] if len(profile.sample) < _MAX_SAMPLE else []
        for name, value in row.values.items():
            if name not in profile.columns:
                if len(profile.columns) == _MAX_COLUMNS:
                    raise DatasetError(f"more than {_MAX_COLUMNS:,} columns: is this a table of rows?")
                hashes: set[int] | None = set() if key(parts(name)[1]) in (*IDS, *ROW_NUMBERS) else None
                profile.columns[name] = ColumnProfile(name, hashes=hashes)
            profile.columns[name].add(value, index)
    return profile


def flat(values: Values) -> dict[str, Any]:
    """The cells with the objects of known wrappers spread out: `inputs.question`. Lists in texts become lists."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        column = key(name)
        found = structure(value, lists=column in LISTS) if column in _STRUCTURES else value
        if isinstance(found, Mapping) and set(found) == {"$oid"}:
            result[name] = found["$oid"]
        elif isinstance(found, Mapping) and column in WRAPPERS and 0 < len(found) <= _MAX_FIELDS:
            result |= {f"{name}.{inner}": item for inner, item in found.items()}
        else:
            result[name] = found
    return result
