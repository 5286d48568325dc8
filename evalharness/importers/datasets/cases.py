"""Turn rows into cases, one at a time, and count the rows that are left out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from heapq import heappush, heappushpop
from typing import Any

from evalharness.importers.datasets.fields import Plan
from evalharness.importers.datasets.ids import Ids, content_id
from evalharness.importers.datasets.table import Row, Skipped
from evalharness.importers.datasets.texts import counted, is_empty

_NAMED = 3


@dataclass(frozen=True, slots=True)
class ImportedRow:
    """A case of a data set."""

    id: str
    variables: Mapping[str, Any]
    tags: Sequence[str]
    golden: Sequence[str]
    messages: Sequence[Mapping[str, str]] = ()
    """The conversation before the question."""

    @property
    def case_line(self) -> str:
        """The line of the case file."""
        parts = {"id": self.id, "vars": self.variables, "tags": self.tags, "messages": self.messages}
        return json.dumps({name: part for name, part in parts.items() if part}, ensure_ascii=False)

    @property
    def golden_line(self) -> str:
        """The line of the golden file."""
        return json.dumps({"id": self.id, "golden": self.golden}, ensure_ascii=False)


@dataclass
class Cases:
    """The cases of a data set. Each iteration reads the rows and counts again."""

    plan: Plan
    unit: str
    max_chars: int
    """Of the variables of one case, as `limits.prompt_chars`."""
    skipped: Skipped = field(default_factory=Skipped)
    ids: Ids = field(default_factory=Ids)
    duplicates: list[tuple[int, int]] = field(default_factory=list)
    """The first rows with the content of an earlier row, and the number of that row."""
    duplicate_count: int = 0

    def of(self, rows: Iterator[Row]) -> Iterator[ImportedRow]:
        """The cases of these rows in order."""
        self.skipped, self.ids = Skipped(self.unit), Ids()
        self.duplicates, self.duplicate_count = [], 0
        seen: dict[int, int] = {}
        id_field = next(self.plan.of("id"), None)
        for row in rows:
            variables = self.plan.variables(row.values)
            golden, messages = self.plan.golden(row.values), self.plan.messages(row.values)
            if reason := self.plan.problem(row.values) or self._reason(variables, messages):
                self.skipped.add(reason, row.number)
                continue
            content = content_id({**variables, "": messages} if messages else variables)
            self._note_duplicate(content, row.number, seen)
            name = self.ids.give(id_field.read(row.values) if id_field else None, content)
            yield ImportedRow(name, variables, self.plan.tags(row.values), golden, messages)

    def _reason(self, variables: Mapping[str, Any], messages: Sequence[Mapping[str, str]]) -> str:
        """Why a row is no case; "" if it is one."""
        inputs = [variables[name] for name in self.plan.main if name in variables]
        if all(map(is_empty, inputs or variables.values())):
            named = f" in '{self.plan.main[0]}'" if len(inputs) == 1 else ""
            return f"no text for the prompt{named}, left out"
        texts = (*variables.values(), *(text for message in messages for text in message.values()))
        if sum(len(text) for text in texts if isinstance(text, str)) > self.max_chars:
            return f"more than {self.max_chars:,} characters (limits.prompt_chars), left out"
        return ""

    def _note_duplicate(self, content: str, number: int, seen: dict[int, int]) -> None:
        earlier = seen.setdefault(hash(content), number)
        if earlier != number:
            self.duplicate_count += 1
            self.duplicates += [(number, earlier)] if len(self.duplicates) < _NAMED else []

    def notes(self) -> Iterator[str]:
        """What a reader must know of the rows, after an iteration."""
        yield from self.skipped.lines()
        if self.duplicate_count:
            unit = self.unit
            pairs = ", ".join(f"{unit} {number:,} repeats {unit} {earlier:,}" for number, earlier in self.duplicates)
            yield f"{counted(self.duplicate_count, 'row')} with repeated variables ({pairs})"
        if next(self.plan.of("id"), None):
            yield from self.ids.notes()


def sampled(rows: Iterator[Row], count: int, seed: int) -> set[int]:
    """The numbers of `count` rows, chosen by a hash of the seed and the content.

    The choice does not depend on the order, and a new row displaces at most one other.
    """
    heap: list[tuple[int, int]] = []
    for row in rows:
        text = json.dumps([seed, row.values], sort_keys=True, ensure_ascii=False, default=str)
        rank = -int.from_bytes(sha256(text.encode("utf-8", "surrogatepass")).digest()[:8])
        if len(heap) < count:
            heappush(heap, (rank, row.number))
        else:
            heappushpop(heap, (rank, row.number))
    return {number for _, number in heap}
