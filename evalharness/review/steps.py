"""The course of a review: the current answer, and the effect of each key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalharness.review.decisions import Choice, Decisions
from evalharness.review.diffs import ChangedAnswer

_CHOICES: dict[str, Choice] = {"a": "golden", "k": "keep", "f": "flag"}
_NEXT, _BACK = {"\r", "\n", " ", "\x1b[C", "\x1bOC"}, {"b", "\x1b[D", "\x1bOD"}


@dataclass
class Review:
    """The answers, the decisions on them, and the current position."""

    answers: Sequence[ChangedAnswer]
    decisions: Decisions
    refusal: str = ""
    """Why no answer of this run can become golden; empty if they can."""
    place: int = 0

    def __post_init__(self) -> None:
        """Start at the first open answer."""
        self.place = next((i for i, one in enumerate(self.answers) if not self._done(one)), len(self.answers))

    def _done(self, one: ChangedAnswer) -> bool:
        return bool(self.decisions.on(one.key).choice)

    @property
    def current(self) -> ChangedAnswer | None:
        """The answer on the screen; None at the end."""
        return self.answers[self.place] if self.place < len(self.answers) else None

    @property
    def done(self) -> int:
        """The number of decided answers."""
        return sum(map(self._done, self.answers))

    def press(self, key: str) -> str:
        """Apply a key. Returns a message if the key has no effect here. Raises StoreError."""
        one = self.current
        if key in _BACK:
            self.place = max(0, self.place - 1)
        elif key in _NEXT:
            self.place = min(len(self.answers), self.place + 1)
        elif key in _CHOICES and one:
            return self._choose(one, _CHOICES[key])
        return ""

    def _choose(self, one: ChangedAnswer, choice: Choice) -> str:
        if choice == "golden" and self.refusal:
            return self.refusal
        if choice == "golden" and not one.text.strip():
            return "an empty answer cannot become golden"
        if self.decisions.on(one.key).choice != "written":
            self.decisions.decide(one.key, choice)
        self.place += 1
        return ""

    def chosen(self, choice: Choice) -> list[ChangedAnswer]:
        """The answers with this choice."""
        return [one for one in self.answers if self.decisions.on(one.key).choice == choice]
