"""Word diffs: the reconstruction laws, and what a reader sees."""

from __future__ import annotations

from itertools import pairwise

import pytest
from diff_examples import EXAMPLES
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Indel

from evalharness.report import diff
from evalharness.report.diff import word_diff

PARTS = ("refund", "thirty", "days", " ", " ", "\n", ".", "日本", "e\u0301", "\u202e")
WORDS = st.lists(st.sampled_from(PARTS)).map("".join)
TEXTS = st.text() | WORDS


def check_laws(old: str, new: str) -> None:
    """The segments reproduce both texts; none is empty or of the same kind as its neighbour."""
    segments = word_diff(old, new)
    assert "".join(text for kind, text in segments if kind != "new") == old
    assert "".join(text for kind, text in segments if kind != "gone") == new
    assert all(text for _, text in segments)
    assert all(a[0] != b[0] for a, b in pairwise(segments))
    assert ("new", "gone") not in [(a[0], b[0]) for a, b in pairwise(segments)]


@given(TEXTS, TEXTS)
def test_reconstruction(old: str, new: str) -> None:
    """The diff of any two texts reproduces both."""
    check_laws(old, new)


@given(WORDS, WORDS, st.integers(0, 40))
def test_reconstruction_when_bounded(old: str, new: str, cells: int) -> None:
    """The laws hold as well where texts are too long to be compared by words, or by lines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diff, "MAX_CELLS", cells)
        check_laws(old, new)


@given(TEXTS)
def test_equal_texts(text: str) -> None:
    """Equal texts have one segment."""
    assert word_diff(text, text) == ([("same", text)] if text else [])


@pytest.mark.parametrize(("old", "new", "expected"), EXAMPLES)
def test_what_a_reader_sees(old: str, new: str, expected: list[tuple[str, str]]) -> None:
    """The unit is a word, a sign, a CJK character; a blank between two changed words is part of the change."""
    assert word_diff(old, new) == expected


def test_long_texts_are_bounded_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts of any length are compared in at most MAX_CELLS pairs, and both are reproduced."""
    compared: list[int] = []
    opcodes = Indel.opcodes
    monkeypatch.setattr(Indel, "opcodes", lambda a, b: compared.append(len(a) * len(b)) or opcodes(a, b))
    for times in (300, 3_000, 120_000):  # by words, by lines, and as one piece
        check_laws("old word\n" * times, "new text\n" * times)
    assert compared == [1_200 * 1_200, 3_000 * 3_000]
    assert max(compared) <= diff.MAX_CELLS
