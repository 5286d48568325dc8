"""Names of a suite from free texts: case ids in any script, other names in ASCII."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

_MAX_NAME_CHARS = 60
_MAX_ID_CHARS = 120
_MAX_TAG_CHARS = 100
_TAG_SIGNS = ".@+#/=&%,'()!?:-"
_RESERVED = "gate"
"""The id of gate results."""


def unique_names(texts: Iterable[str], fallback: str) -> Iterator[str]:
    """A unique name of a prompt or a model for each text, in ASCII: Café becomes Cafe."""
    yield from _unique(texts, fallback, _ascii, set())


def unique_ids(texts: Iterable[str], fallback: str) -> Iterator[str]:
    """A unique case id for each text, with the letters of all scripts in NFC."""
    yield from _unique(texts, fallback, _letters, {_RESERVED})


def tag_name(text: str) -> str:
    """The text as a tag: spaces replace what a tag cannot contain."""
    kept = "".join(sign if _in_id(sign) or sign in _TAG_SIGNS else " " for sign in unicodedata.normalize("NFC", text))
    words = (word.lstrip(":") for word in kept.split())
    return " ".join(word for word in words if word)[:_MAX_TAG_CHARS].strip()


def loses_letters(text: str) -> bool:
    """Whether the ASCII name of a text lacks letters that have no form in ASCII."""
    return any(ord(character) > 127 and unicodedata.category(character)[0] in "LN" for character in _folded(text))


def _unique(texts: Iterable[str], fallback: str, name_of: Callable[[str], str], taken: set[str]) -> Iterator[str]:
    last: Counter[str] = Counter()
    for number, text in enumerate(texts, start=1):
        name = name_of(text) or f"{fallback}-{number}"
        base, unique = name.casefold(), name
        while unique.casefold() in taken:
            last[base] += 1
            unique = f"{name}-{last[base] + 1}"
        taken.add(unique.casefold())
        yield unique


def _ascii(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "-", _folded(text)).strip("-")[:_MAX_NAME_CHARS].strip("-")


def _folded(text: str) -> str:
    """The text without marks on Latin letters."""
    return re.sub(r"(?<=[A-Za-z])[\u0300-\u036f]+", "", unicodedata.normalize("NFKD", text))


def _letters(text: str) -> str:
    kept = (character if _in_id(character) else "-" for character in unicodedata.normalize("NFC", text))
    name = re.sub(r"-+", "-", "".join(kept)).strip("-")[:_MAX_ID_CHARS].strip("-")
    while name and unicodedata.category(name[0]).startswith("M"):  # a mark without its letter
        name = name[1:].lstrip("-")
    return name


def _in_id(character: str) -> bool:
    r"""Whether the character is a letter, a mark, a digit or a connector, as in `\w` of the suite's schema."""
    category = unicodedata.category(character)
    return category[0] in "LM" or category in ("Nd", "Nl", "Pc")
