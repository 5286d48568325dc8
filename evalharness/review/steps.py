"""The way through a review: which answer is looked at, and what a key does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalharness.review.decisions import Choice, Decisions
from evalharness.review.diffs import Changed

_CHOICES: dict[str, Choice] = {"a": "golden", "k": "keep", "f": "flag"}
_NEXT, _BACK = {"\r", "\n", " ", "\x1b[C", "\x1bOC"}, {"b", "\x1b[D", "\x1bOD"}


@dataclass
class Review:
    """The answers, the decisions on them, and where one is."""

    answers: Sequence[Changed]
    decisions: Decisions
    refusal: str = ""
    """Why no answer of this run can become golden."""
    place: int = 0

    def __post_init__(self) -> None:
        """Begin at the first one that is open."""
        self.place = next((i for i, one in enumerate(self.answers) if not self._done(one)), len(self.answers))

    def _done(self, one: Changed) -> bool:
        return bool(self.decisions.on(one.key).choice)

    @property
    def current(self) -> Changed | None:
        """The answer that is looked at; None at the end."""
        return self.answers[self.place] if self.place < len(self.answers) else None

    @property
    def done(self) -> int:
        """How many are decided on."""
        return sum(map(self._done, self.answers))

    def press(self, key: str) -> str:
        """Do what the key means here; a sentence where that cannot be done. Raises StoreError."""
        one = self.current
        if key in _BACK:
            self.place = max(0, self.place - 1)
        elif key in _NEXT:
            self.place = min(len(self.answers), self.place + 1)
        elif key in _CHOICES and one:
            return self._choose(one, _CHOICES[key])
        return ""

    def _choose(self, one: Changed, choice: Choice) -> str:
        if choice == "golden" and self.refusal:
            return self.refusal
        if choice == "golden" and not one.text.strip():
            return "an empty answer is no golden one"
        if self.decisions.on(one.key).choice != "written":
            self.decisions.decide(one.key, choice)
        self.place += 1
        return ""

    def chosen(self, choice: Choice) -> list[Changed]:
        """The answers on which this was decided."""
        return [one for one in self.answers if self.decisions.on(one.key).choice == choice]
