"""The stemmer against nltk, which is the reference."""

from __future__ import annotations

import re
from functools import cache
from pydoc_data.topics import topics
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.scoring.metrics.porter import stem

_SUFFIXES = """
    ational tional enci anci izer bli abli alli entli eli ousli ization ation ator alism iveness fulness ousness aliti
    iviti biliti fulli logi icate ative alize iciti ical ful ness al ance ence er ic able ible ant ement ment ent ion
    sion tion ou ism ate iti ous ive ize sses ies ss s ied eed ed ing y e ll
"""
_STARTS = st.text("aeiouybcdhlmnprstwxz1", max_size=6)
_ENDS = st.lists(st.sampled_from(_SUFFIXES.split()), max_size=3).map("".join)


@cache
def _reference() -> Any:
    from nltk.stem.porter import PorterStemmer  # imports scikit-learn

    return PorterStemmer()


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        # the examples of Porter 1980
        *[("caresses", "caress"), ("ponies", "poni"), ("agreed", "agre"), ("plastered", "plaster"), ("sing", "sing")],
        *[("conflated", "conflat"), ("sized", "size"), ("hopping", "hop"), ("falling", "fall"), ("filing", "file")],
        *[("relational", "relat"), ("hopefulness", "hope"), ("adoption", "adopt"), ("controlling", "control")],
        # the extensions of nltk: its rules for short words, y and -logi, its table, its capital letters
        *[("dies", "die"), ("died", "die"), ("enjoy", "enjoy"), ("geology", "geolog"), ("SKIES", "sky")],
    ],
)
def test_stems(word: str, expected: str) -> None:
    """The stems of known words."""
    assert stem(word) == expected == _reference().stem(word)


def test_english_words() -> None:
    """Each word of the topics in Python's help has the stem of nltk: some 3,000 words."""
    words = set(re.findall("[a-z0-9]+", " ".join(topics.values()).lower()))
    assert len(words) > 2000
    assert {word: stem(word) for word in words} == {word: _reference().stem(word) for word in words}


@settings(max_examples=400)
@given(st.builds(lambda start, end: start + end, _STARTS, _ENDS).filter(bool))
def test_built_words(word: str) -> None:
    """Words of a start and up to three suffixes have the stem of nltk: each rule, with rests of each length."""
    assert stem(word) == _reference().stem(word)


def test_long_words() -> None:
    """The time grows with the length, not with its square: an answer may hold one word of a megabyte."""
    assert len(stem("y" * 1_000_000)) >= 999_999
