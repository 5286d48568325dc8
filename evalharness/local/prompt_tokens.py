"""The tokens of a prompt, the same as those of llama.cpp's server, with control tokens from the chat template alone.

A prompt is tokenised as one text, because tokens join across the borders of its pieces. Only a prompt whose messages
contain the text of a control token is split, at the control tokens of the template; the text between them has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

_SPACE = " \t\n\v\f\r"
"""What llama.cpp strips beside a control token: C's isspace."""
Piece = tuple[str, bool]
"""A part of the prompt, and whether it is scaffolding."""


class ControlToken(NamedTuple):
    """A control token of a vocabulary, and whether it swallows the whitespace beside it."""

    text: str
    strips_left: bool
    strips_right: bool


_NONE = ControlToken("", False, False)


class Vocabulary(Protocol):
    """The part of a model that tokenises."""

    control_tokens: Sequence[ControlToken]
    """The control tokens that have a text."""

    def tokenise(self, text: str, *, special: bool) -> list[int]:
        """The tokens of a text; `special`: control texts become control tokens."""


def _overlapping(pattern: str, starts: Iterable[str]) -> re.Pattern[str]:
    """Finds every match, also of overlapping texts.

    It consumes the first character alone: a regex engine skips to one of a few characters much faster than it tries a
    thousand texts everywhere.
    """
    first = f"[{''.join(map(re.escape, sorted(starts)))}]"
    return re.compile(f"{first}(?<=(?=({pattern})){first})")


class PromptTokens:
    """Tokenises prompts of one model."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Prepare the search for control tokens."""
        self._vocabulary = vocabulary
        self._control = {token.text: token for token in vocabulary.control_tokens}
        longest_first = sorted(self._control, key=len, reverse=True)
        pattern = "|".join(map(re.escape, longest_first)) or "(?!)"
        self._borders = re.compile(f"({pattern})")
        self._overlapping = _overlapping(pattern, {text[0] for text in self._control} or {"<"})

    def of(self, pieces: Sequence[Piece]) -> list[int]:
        """The tokens of a prompt. Raises ProviderError."""
        text = "".join(part for part, _ in pieces)
        if not self._has_control_in_content(text, pieces):
            return self._vocabulary.tokenise(text, special=True)
        split = self._split(pieces)
        return [token for part, special in split for token in self._vocabulary.tokenise(part, special=special)]

    def _has_control_in_content(self, text: str, pieces: Sequence[Piece]) -> bool:
        """Whether the text of a control token has a character of a message."""
        content = b"".join((b"\0" if scaffolding else b"\1") * len(part) for part, scaffolding in pieces)
        return any(1 in content[found.start() : found.end(1)] for found in self._overlapping.finditer(text))

    def _split(self, pieces: Sequence[Piece]) -> Iterator[tuple[str, bool]]:
        """The control tokens of the scaffolding and the text between them, each with whether it is a token."""
        before, text = _NONE, ""
        for part, token in [*self._parts(pieces), ("", _NONE)]:
            if token is None:
                text += part
                continue
            text = text.lstrip(_SPACE) if before.strips_right else text
            text = text.rstrip(_SPACE) if token.strips_left else text
            yield from ((part, special) for part, special in ((text, False), (token.text, True)) if part)
            before, text = token, ""

    def _parts(self, pieces: Sequence[Piece]) -> Iterator[tuple[str, ControlToken | None]]:
        for piece, scaffolding in pieces:
            for number, part in enumerate(self._borders.split(piece) if scaffolding else [piece]):
                yield part, self._control[part] if number % 2 else None
