"""Control tokens come from the chat template alone, and a prompt is one text wherever that is possible."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from evalharness.local.prompt_tokens import ControlToken, Piece, PromptTokens

CONTROL = (
    ControlToken("<s>", False, False),
    ControlToken("<end>", False, True),
    ControlToken("<end><s>", True, False),
)


class Vocabulary:
    """A letter is a token, control tokens are negative. It records the texts that it gets."""

    control_tokens: Sequence[ControlToken] = CONTROL

    def __init__(self) -> None:
        self.texts: list[str] = []

    def tokenise(self, text: str, *, special: bool) -> list[int]:
        """The code points, and -1, -2, ... for control tokens where `special` is set."""
        self.texts.append(text)
        if not special:
            return list(map(ord, text))
        names = [token.text for token in CONTROL]
        parts = re.split("(<end><s>|<end>|<s>)", text)
        return [number for part in parts for number in ([-1 - names.index(part)] if part in names else map(ord, part))]


def _shown(pieces: Sequence[Piece]) -> tuple[str, list[str]]:
    """The tokens, with control tokens as their numbers, and the texts that were tokenised."""
    vocabulary = Vocabulary()
    tokens = PromptTokens(vocabulary).of(pieces)
    return "".join(chr(token) if token >= 0 else f"({-token})" for token in tokens), vocabulary.texts


@pytest.mark.parametrize(
    ("pieces", "tokens", "texts"),
    [
        ([("<s>a ", True), ("b", False), ("<end>", True)], "(1)a b(2)", ["<s>a b<end>"]),
        ([("<s>a ", True), ("b<s>c", False), ("<end>", True)], "(1)a b<s>c(2)", ["<s>", "a b<s>c", "<end>"]),
        ([("<s>", True), ("<end>", False), ("!", True)], "(1)<end>!", ["<s>", "<end>!"]),
        ([("<", True), ("s>", False)], "<s>", ["<s>"]),
        ([("a<e", True), ("nd", False), (">", True), ("<s>", True)], "a<end>(1)", ["a<end>", "<s>"]),
        ([("x", False), ("<end>\n y", True), ("<s>", False)], "x(2)y<s>", ["x", "<end>", "y<s>"]),
        ([("<s>", False), (" <end><s> ", True), ("z", False)], "<s>(3) z", ["<s>", "<end><s>", " z"]),
        ([("<end>", True), ("<s>", False)], "(2)<s>", ["<end>", "<s>"]),
        ([], "", [""]),
    ],
)
def test_control_tokens(pieces: list[Piece], tokens: str, texts: list[str]) -> None:
    """Text of a control token with a character of a message stays text; the prompt is split only then."""
    assert _shown(pieces) == (tokens, texts)


def test_a_vocabulary_without_control_tokens() -> None:
    """Without control tokens a prompt is one text."""
    vocabulary = Vocabulary()
    vocabulary.control_tokens = ()
    assert PromptTokens(vocabulary).of([("a", True), ("<s>", False)])
    assert vocabulary.texts == ["a<s>"]
