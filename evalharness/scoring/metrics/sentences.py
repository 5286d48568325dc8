"""Sentences of a text, without a model and without a dictionary.

A sentence ends at `. ! ? …` before a space, with closing quotes and brackets; at the wide signs of Chinese and Japanese
also without a space; and at a line break, unless the next line goes on in lower case. A full stop does not end one
after an abbreviation (`Dr.`, `e.g.`), an initial (`J. Smith`) or the number of a list item (`2. Open the box`), or
before lower case. Decimals and addresses have no space after their dot.

The rules are those of English and close to it. A wrong split moves a score the same way in each run, so that two runs
still compare.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from evalharness.scoring.metrics.tokenise import tokenise

RULES = "sentences-1"
"""The name of these rules in signatures: change it with the rules."""
_CLOSERS = "\"'”’»」』）)]*_"  # noqa: RUF001 - signs of texts
_WIDE = "。！？｡"  # noqa: RUF001
_SIGN = f".!?…{_WIDE}"
_END = re.compile(f"(?<![{_SIGN}])([{_SIGN}]++)[{re.escape(_CLOSERS)}]*+")
"""Possessive, and only from the first sign of a row: linear in any text."""
_LINE_END = re.compile(r"\n\s*")
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘«„]{1,20}\Z")  # noqa: RUF001
_BEFORE_A_NUMBER = """
no nos nr vol fig eq sec ch pp p art jan feb mar apr jun jul aug sep sept oct nov dec
"""
"""Abbreviations that are words too, or end a sentence as such: only a number after them shows that they do not."""
_CAN_END = "etc a.m p.m inc ltd co corp jr sr usw u.s u.k"
"""Abbreviations that end a sentence before a capital letter."""
_OTHERS = """
mr mrs ms dr prof st vs e.g i.e eg ie cf al approx ca dept est min max tel z.b d.h u.a bzw evtl ggf m.e s.o mt rev gen
sgt capt lt col hon
"""
_NUMBERED, _FINAL, _NEVER_FINAL = (frozenset(words.split()) for words in (_BEFORE_A_NUMBER, _CAN_END, _OTHERS))
_ITEM = re.compile(r"(?:^|\n)[ \t]*\(?(?:\d{1,3}|[A-Za-z])[.)]\Z")


class Span(NamedTuple):
    """Where a sentence is in its text, without spaces around it."""

    start: int
    end: int


def sentence_spans(text: str) -> list[Span]:
    """Return the places of the sentences of `text`, in order. Linear in the text."""
    found, start = [], 0
    for end in _boundaries(text):
        if span := _stripped(text, start, end):
            found.append(span)
        start = end
    return found


def sentences(text: str) -> list[str]:
    """Return the sentences of `text`, in order."""
    return [text[span.start : span.end] for span in sentence_spans(text)]


def is_claim(sentence: str) -> bool:
    """Return whether a sentence states something: it has a word, and is no question and no heading.

    A heading ends with a colon, or starts with `#` as in Markdown.
    """
    bare = sentence.strip().rstrip(f"{_CLOSERS} ")
    closing = ("?", ":", "\N{FULLWIDTH QUESTION MARK}", "\N{FULLWIDTH COLON}")
    return not bare.endswith(closing) and not bare.startswith("#") and bool(tokenise(bare))


def _boundaries(text: str) -> Iterator[int]:
    """The ends of sentences, each at the end of its last sign."""
    places = {match.end() for match in _END.finditer(text) if _ends(text, match)}
    places |= {match.start() for match in _LINE_END.finditer(text) if _breaks(text, match)}
    yield from sorted(places | {len(text)})


def _ends(text: str, match: re.Match[str]) -> bool:
    """Whether a sign ends a sentence."""
    if match[1][-1] in _WIDE:
        return True
    space, following = _after(text, match.end())
    if not space and following:
        return False
    if "\n" not in space and (following.islower() or following in (".", "…")):
        return False  # "Really?" he asked; and so on ... as before
    return match[1] != "." or not _is_abbreviation(text, match.start(), following)


def _after(text: str, end: int) -> tuple[str, str]:
    """The space after a sign, and the next character; of a longer space its start, and nothing."""
    near = text[end : end + 4]
    following = near.lstrip()[:1]
    return near[: near.index(following)] if following else near, following


def _is_abbreviation(text: str, dot: int, following: str) -> bool:
    """Whether the full stop at `dot` belongs to the word before it."""
    before = text[max(0, dot - 24) : dot]
    if _ITEM.search(text[max(0, dot - 8) : dot + 1]):
        return True
    match = _LAST_WORD.search(before)
    word = match[0].lower() if match else ""
    if word in _FINAL:
        return not (following.isupper() or not following)
    if word in _NUMBERED:
        return following.isdigit()
    is_initial = len(word) == 1 and word.isalpha() and match is not None and match[0].isupper() and word != "i"
    return bool(following) and (word in _NEVER_FINAL or is_initial)


def _breaks(text: str, match: re.Match[str]) -> bool:
    """Whether a line break ends a sentence: it is blank lines, or the next line does not go on in lower case."""
    following = text[match.end() : match.end() + 1]
    return match[0].count("\n") > 1 or not following.islower()


def _stripped(text: str, start: int, end: int) -> Span | None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end) if start < end else None
