"""Accepted samples, and samples compared with them, whose texts stay in a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from evalharness.records.verdict import BaselineSample


class StoredText(NamedTuple):
    """A text in a file."""

    hash: int
    """Python's hash of the text."""
    read: Callable[[], str]
    """Reads the text."""


class TextOnDisk(BaselineSample):
    """A sample whose text is read each time that it is needed, which is seldom. Its numbers are in memory."""

    __slots__ = ("_text",)
    _text: str | StoredText

    @classmethod
    def of(
        cls,
        text: StoredText,
        run: str,
        scores: Mapping[str, float],
        tokens: tuple[int, int],
        timings: tuple[float | None, float | None, float | None],
        not_applicable: tuple[str, ...],
    ) -> TextOnDisk:
        """The sample with a stored text. `timings`: seconds of each of the `TIMINGS`."""
        found = cls(run, "", scores, *tokens, *timings, not_applicable=not_applicable)
        object.__setattr__(found, "_text", text)
        return found

    @property
    def text(self) -> str:
        """The text."""
        return self._text if isinstance(self._text, str) else self._text.read()

    @text.setter
    def text(self, text: str) -> None:
        object.__setattr__(self, "_text", text)  # as the constructor does with each field of a frozen record

    @property
    def text_hash(self) -> int:
        """Python's hash of the text."""
        return hash(self._text) if isinstance(self._text, str) else self._text.hash

    def with_scores(self, scores: Mapping[str, float]) -> TextOnDisk:
        """The sample with other scores."""
        found = TextOnDisk(
            self.run,
            "",
            scores,
            self.prompt_tokens,
            self.completion_tokens,
            self.total_s,
            self.first_token_s,
            self.per_token_s,
            not_applicable=self.not_applicable,
        )
        object.__setattr__(found, "_text", self._text)
        return found

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BaselineSample):
            return NotImplemented
        return (self.run, self.row(), self.not_applicable) == (other.run, other.row(), other.not_applicable)

    __hash__ = None  # type: ignore[assignment]
