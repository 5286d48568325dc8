"""Word diffs: the reconstruction laws, and what a reader sees."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Indel

from evalharness.report import diff
from evalharness.report.diff import word_diff

PARTS = ("refund", "thirty", "days", " ", " ", "\n", ".", "日本", "e\u0301", "\u202e")
WORDS = st.lists(st.sampled_from(PARTS)).map("".join)
TEXTS = st.text() | WORDS


def check_laws(old: str, new: str) -> None:
    """Both texts come back to the letter, and no segment is empty or could be joined with its neighbour."""
    segments = word_diff(old, new)
    assert "".join(text for kind, text in segments if kind != "new") == old
    assert "".join(text for kind, text in segments if kind != "gone") == new
    assert all(text for _, text in segments)
    assert all(a[0] != b[0] for a, b in pairwise(segments))
    assert ("new", "gone") not in [(a[0], b[0]) for a, b in pairwise(segments)]


@given(TEXTS, TEXTS)
def test_reconstruction(old: str, new: str) -> None:
    """Whatever the texts are, the diff holds both of them to the letter."""
    check_laws(old, new)


@given(WORDS, WORDS, st.integers(0, 40))
def test_reconstruction_when_bounded(old: str, new: str, cells: int) -> None:
    """The laws hold as well where texts are too long to be compared by words, or by lines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diff, "MAX_CELLS", cells)
        check_laws(old, new)


@given(TEXTS)
def test_equal_texts(text: str) -> None:
    """A text does not differ from itself."""
    assert word_diff(text, text) == ([("same", text)] if text else [])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("30 days", "60 days", [("gone", "30"), ("new", "60"), ("same", " days")]),
        ("in stock", "in stock.", [("same", "in stock"), ("new", ".")]),
        ("a quick fox", "a slow dog", [("same", "a "), ("gone", "quick fox"), ("new", "slow dog")]),
        ("don't go", "don't stay", [("same", "don't "), ("gone", "go"), ("new", "stay")]),
        ("返品は三十日", "返品は六十日", [("same", "返品は"), ("gone", "三"), ("new", "六"), ("same", "十日")]),
        ("cafe\u0301", "cafe", [("gone", "cafe\u0301"), ("new", "cafe")]),
        ("admin", "admin\u200b", [("same", "admin"), ("new", "\u200b")]),
        ("a\n", "a \n", [("same", "a"), ("gone", "\n"), ("new", " \n")]),
        ("", "new", [("new", "new")]),
        ("old", "", [("gone", "old")]),
    ],
)
def test_what_a_reader_sees(old: str, new: str, expected: list[tuple[str, str]]) -> None:
    """The unit is a word, a sign, a CJK character; a blank between two changed words is part of the change."""
    assert word_diff(old, new) == expected


def test_long_texts_are_bounded_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long two texts are, words or lines are compared in at most MAX_CELLS pairs, and the texts come back."""
    compared: list[int] = []
    opcodes = Indel.opcodes
    monkeypatch.setattr(Indel, "opcodes", lambda a, b: compared.append(len(a) * len(b)) or opcodes(a, b))
    for times in (300, 3_000, 120_000):  # by words, by lines, and as one piece
        check_laws("old word\n" * times, "new text\n" * times)
    assert compared == [1_200 * 1_200, 3_000 * 3_000]
    assert max(compared) <= diff.MAX_CELLS
