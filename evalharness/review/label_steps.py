"""The course of labelling: the current answer, and the effect of each key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from evalharness.records.answer_label import AnswerLabel, LabelItem, Labelled

_NEXT, _BACK = {"s", "\x1b[C", "\x1bOC"}, {"b", "\x1b[D", "\x1bOD"}


@dataclass
class LabelSteps:
    """The answers to label, the labels of one person, and the current position."""

    items: Sequence[LabelItem]
    by: str
    save: Callable[[AnswerLabel], None]
    """Called at once with each label. Raises StoreError."""
    place: int = 0
    made: dict[Labelled, str] = field(default_factory=dict)
    """The choices so far."""

    @property
    def current(self) -> LabelItem | None:
        """The answer on the screen; None at the end."""
        return self.items[self.place] if self.place < len(self.items) else None

    def press(self, key: str) -> str:
        """Apply a key. Returns a message if the key has no effect. Raises StoreError."""
        item = self.current
        if key in _BACK:
            self.place = max(0, self.place - 1)
        elif key in _NEXT:
            self.place = min(len(self.items), self.place + 1)
        elif item and (chosen := item.keys.get(key.casefold())):
            self._choose(item, *chosen)
        else:
            return "this key has no effect: press ? for help"
        return ""

    def _choose(self, item: LabelItem, choice: str, value: float) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        label = AnswerLabel(item.of, item.metric, choice, value, self.by, now, True, item.seed, item.drawn)
        self.save(label)
        self.made[item.of] = choice
        self.place += 1
