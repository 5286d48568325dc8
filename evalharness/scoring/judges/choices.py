"""The choices of a question: short texts that a judge and a program can tell apart."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import permutations

from evalharness.records.response import AROUND_CHOICE

MOST_CHOICES, MOST_CHARS = 20, 200
_TAKEN = {"decided", "flip_rate", "sentences"}
"""Parts of a score besides the probabilities of the choices."""


def checked_choices(given: Sequence[str], option: str) -> tuple[str, ...]:
    """Return the choices without blanks around them. Raises ValueError unless a judge can decide between them."""
    choices = tuple(one.strip() for one in given)
    if not 2 <= len(choices) <= MOST_CHOICES or not all(choices):
        raise ValueError(f"{option}: expected 2 to {MOST_CHOICES} texts, got {[one[:MOST_CHARS] for one in given]}")
    for one in choices:
        if problem := _problem(one):
            raise ValueError(f"{option}: expected {problem}, got {one[:MOST_CHARS]!r}")
    if taken := next((one for one in choices if one in _TAKEN), None):
        raise ValueError(f"{option}: '{taken}' is the name of a part of the score: choose another word")
    for one, other in permutations(choices, 2):
        if _plain(other).startswith(_plain(one)):
            raise ValueError(f"{option}: '{other}' starts with '{one}': choose texts that a first word tells apart")
    return choices


def _problem(choice: str) -> str:
    """What a choice must be that it is not; empty if it is one."""
    if len(choice) > MOST_CHARS:
        return f"texts of at most {MOST_CHARS} characters"
    if len(choice.splitlines()) > 1:
        return "texts of one line"
    if not _plain(choice) or any(unicodedata.category(sign) in ("Cc", "Cs") for sign in choice):
        return "texts that can be read"
    if "," in choice:
        return "texts without a comma, which separates them"
    return "texts without quotes, * and full stops around them" if choice.strip(f"{AROUND_CHOICE}.") != choice else ""


def _plain(text: str) -> str:
    """The text as a reader tells it apart: without invisible signs, in one form of its letters, and in any case."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sign for sign in folded if unicodedata.category(sign) != "Cf")
