"""Ids of cases that stay the same when rows are added, removed or moved."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from evalharness.importers.datasets.texts import counted, is_empty

_MAX_CHARS = 150
_HASH_CHARS = 12
"""48 bits: two of 100,000 rows collide in one of 50,000 data sets, and then get a number."""
_RESERVED = ("gate",)
_NAMED = 3


def content_id(variables: Mapping[str, Any]) -> str:
    """A short id from the variables of a row alone: 12 hexadecimal digits of their SHA-256."""
    text = json.dumps(variables, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_CHARS]


def valid_id(value: Any) -> str:
    """The id of a row with characters that a suite allows; "" if nothing is left."""
    if is_empty(value):
        return ""
    text = re.sub(r"[^\w.@+#/-]+", "-", str(value)).strip("-")
    return f"{text}-case" if text in _RESERVED else text[:_MAX_CHARS]


class Ids:
    """Gives each row an id that no other row has, and remembers what it had to change."""

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.repeated: dict[str, int] = {}
        """Ids that appear more than once, with the number of further rows."""
        self.changed = 0
        """Ids with characters that an id cannot have."""
        self.example = ("", "")
        """The first of them, and what it becomes."""
        self.missing = 0

    def give(self, value: Any, content: str) -> str:
        """The id of a row: `value`, else the one of its content. A repeated id gets -2, -3, ..."""
        name = valid_id(value)
        self.missing += not name
        if name and name != str(value):
            self.example = self.example if self.changed else (str(value), name)
            self.changed += 1
        return self._unique(name or content)

    def _unique(self, name: str) -> str:
        found = name
        if name in self.taken:
            self.repeated[name] = self.repeated.get(name, 0) + 1
        while found in self.taken:
            self.counts[name] += 1
            found = f"{name}-{self.counts[name] + 1}"
        self.taken.add(found)
        return found

    def notes(self) -> Iterator[str]:
        """What had to be changed, a line for each kind."""
        if self.repeated:
            names = ", ".join(f"'{name}'" for name in [*self.repeated][:_NAMED])
            yield f"{counted(sum(self.repeated.values()), 'row')} with a repeated id ({names}): they get -2, -3, ..."
        if self.changed:
            old, new = self.example
            yield f"{counted(self.changed, 'id')} with characters that an id cannot have: '{old}' becomes '{new}'"
        if self.missing:
            yield f"{counted(self.missing, 'row')} without an id: made from the content"
