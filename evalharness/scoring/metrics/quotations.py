"""Quotations in a text, and whether a source has their words."""

from __future__ import annotations

import re

from evalharness.errors import MetricError
from evalharness.scoring.metrics.normal_form import normalize
from evalharness.scoring.metrics.tokenise import tokenise

RULES = "quotes-1"
"""The name of these rules in signatures: change it with the rules."""
_LEAST_WORDS = 3
"""Fewer words in quotation marks are a name or irony."""
_MOST_STEPS = 2_000_000_000
"""Characters of sources that the quotations of one response may search: about two seconds."""
_QUOTED = re.compile(
    r'"([^"\n]{1,2000})"|[“„«]([^“”„«»\n]{1,2000})[”“»]|「([^「」\n]{1,2000})」|『([^『』\n]{1,2000})』'
)
_ELISION = re.compile(r"\[\s*(?:\.{3}|…)\s*\]|\.{3,}|…")
_ALIKE = str.maketrans("\u2019\u2018\u201c\u201d\u201e\u2013\u2014\u00a0", '\'\'"""-- ')
"""Curly quotation marks, dashes and the no-break space as their plain forms."""


def quotations(text: str) -> list[str]:
    """Return what stands between quotation marks on one line, if it has three words or more."""
    found = (next(filter(None, match.groups())) for match in _QUOTED.finditer(text))
    return [one for one in found if len(tokenise(one)) >= _LEAST_WORDS]


class Sources:
    """The texts that a response may quote, compared without case, spaces and the form of signs."""

    def __init__(self, texts: list[str]) -> None:
        self._texts, self._plain, self._steps = texts, dict[int, str](), 0

    def has(self, index: int, quotation: str) -> bool:
        """Return whether a source has the words of a quotation; `...` stands for any words.

        Raises MetricError: the quotations of this response have searched 2,000,000,000 characters.
        """
        text, start = self._read(index), 0
        for piece in _pieces(quotation):
            start = text.find(piece, start)
            if start < 0:
                return False
            start += len(piece)
        return True

    def _read(self, index: int) -> str:
        self._plain.setdefault(index, _plain(self._texts[index]))
        self._steps += len(self._plain[index])
        if self._steps > _MOST_STEPS:
            raise MetricError(f"expected quotations that search at most {_MOST_STEPS:,} characters of their sources")
        return self._plain[index]


def _pieces(quotation: str) -> list[str]:
    """What a quotation says between its omissions; the sign at its end is of the sentence around it."""
    pieces = [_plain(piece) for piece in _ELISION.split(quotation.strip().rstrip(".,;:!?"))]
    return [piece for piece in pieces if piece]


def _plain(text: str) -> str:
    return " ".join(normalize("NFC", text).translate(_ALIKE).casefold().split())
