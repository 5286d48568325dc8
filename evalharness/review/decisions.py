"""`reports/SUITE/review.jsonl`: the decision on each changed answer of a run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evalharness.records import SampleKey
from evalharness.store.lines import append_line, read_lines

FILE = "review.jsonl"
SCHEMA = 1
Choice = Literal["", "golden", "keep", "flag", "written"]
"""Open; to become golden; keep the goldens; flagged for a second look; became golden."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: Literal[1] = Field(alias="schema")
    run: str
    at: str
    key: SampleKey | None
    """None: deletes all earlier decisions on the run."""
    choice: Choice = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The choice and the note on one answer."""

    choice: Choice = ""
    note: str = ""


@dataclass
class Decisions:
    """The decisions on the answers of one run; the file may have decisions on others."""

    path: Path
    run: str
    root: Path | None = None
    """The project: below it, no symbolic link is followed."""
    made: dict[SampleKey, Decision] = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)
    """A problem for each unreadable line; its decision is open again."""

    @classmethod
    def read(cls, folder: Path, run: str, root: Path | None = None) -> Decisions:
        """The saved decisions. Raises StoreError."""
        found = cls(folder / FILE, run, root)
        lines, found.damage = read_lines(found.path, FILE)
        for number, value in lines:
            if not found._take(value):
                found.damage.append(f"{FILE}:{number}: expected a decision")
        return found

    def _take(self, value: dict[str, Any]) -> bool:
        try:
            line = _Line.model_validate(value)
        except ValidationError:
            return False
        if line.run == self.run and line.key is None:
            self.made.clear()
        elif line.run == self.run and line.key is not None:
            self.made[line.key] = Decision(line.choice, line.note)
        return True

    def on(self, key: SampleKey) -> Decision:
        """The decision on an answer; an empty one if it is open."""
        return self.made.get(key, Decision())

    def decide(self, key: SampleKey, choice: Choice) -> None:
        """Save a choice. Raises StoreError."""
        self._save(key, replace(self.on(key), choice=choice))

    def note(self, key: SampleKey, note: str) -> None:
        """Save a note. Raises StoreError."""
        self._save(key, replace(self.on(key), note=note))

    def _save(self, key: SampleKey, decision: Decision) -> None:
        self._append(key=list(key), choice=decision.choice, note=decision.note)
        self.made[key] = decision

    def start_over(self) -> None:
        """Delete the decisions on this run. Raises StoreError."""
        self._append(key=None)
        self.made.clear()

    def _append(self, **values: Any) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        append_line(self.path, {"schema": SCHEMA, "run": self.run, "at": now, **values}, self.root)
