"""Names of columns: what they become in templates, and how they are recognized."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_WRAPPERS = re.compile(
    r"^(inputs?|item|vars|variables|fields|example|row|metadata|additional_?metadata)\.", re.IGNORECASE
)
_RESERVED = frozenset("not true false none True False None self and or in is if else elif for".split())  # noqa: SIM905
_MAX_CHARS = 60


@lru_cache(maxsize=10_000)
def key(column: str) -> str:
    """The name without case, spaces and signs: `Expected Output`, `expectedOutput` and `expected_output` are equal."""
    text = unicodedata.normalize("NFKC", column).casefold()
    return "".join(character for character in text if character.isalnum())


def parts(column: str) -> tuple[str, str]:
    """The wrapper of a column, "" for none, and the name inside: `inputs` and `question` of `inputs.question`."""
    wrapper, _, name = column.rpartition(".")
    return (wrapper, name) if wrapper and name.strip() else ("", column)


def variable_name(column: str, position: int) -> str:
    """A name that a template can use: `first_name` for `First Name`. Letters of all scripts are kept."""
    text = unicodedata.normalize("NFKC", _WRAPPERS.sub("", column)).strip()
    if not text.isidentifier():
        text = re.sub(r"\W+", "_", text).strip("_").lower()[:_MAX_CHARS].strip("_")
        text = f"_{text}" if text[:1].isdigit() else text
    if not text.isidentifier():
        return f"column_{position}"
    return f"{text}_" if text in _RESERVED else text


def unique(name: str, taken: Iterable[str]) -> str:
    """The name, or the name with the first free number: `topic_2`."""
    known, number, found = set(taken), 1, name
    while found in known:
        number += 1
        found = f"{name}_{number}"
    return found
