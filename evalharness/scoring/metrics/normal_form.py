"""Unicode normal forms in time linear in the text.

To normalise a run of combining marks, Python sorts them by insertion: 100,000 marks on one letter take minutes, without
a chance to interrupt. Unicode's Stream-Safe Text Format (UAX #15, section 13) has at most 30 in a row.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from typing import Literal

from evalharness.errors import MetricError

MAX_MARKS = 200
"""Combining marks in a row. A longer run is an error, because shortening it would make different texts equal."""


def normalize(form: Literal["NFC", "NFD"], text: str) -> str:
    """Return the text in a normal form. Raises MetricError for more than 200 combining marks in a row."""
    if text.isascii():
        return text
    longest = max(map(len, _runs().findall(text)), default=0)
    if longest > MAX_MARKS:
        raise MetricError(f"expected at most {MAX_MARKS} combining marks in a row, got {longest:,}")
    return unicodedata.normalize(form, text)


@cache
def _runs() -> re.Pattern[str]:
    """A run of characters that normalising may move: those of a combining class."""
    return re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in _blocks()) + "]+")


def _blocks() -> Iterator[tuple[int, int]]:
    """First and last code point of each block of characters with a combining class other than 0."""
    marks = (code for code in range(0x300, sys.maxunicode + 1) if unicodedata.combining(chr(code)))
    for _, block in groupby(enumerate(marks), lambda pair: pair[1] - pair[0]):
        codes = [code for _, code in block]
        yield codes[0], codes[-1]
