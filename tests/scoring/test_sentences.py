"""Sentences of a text, and which of them claim something."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hang import in_time
from hypothesis import given
from hypothesis import strategies as st

from evalharness.scoring.metrics.sentences import is_claim, sentence_spans, sentences


@pytest.mark.parametrize(
    "expected",
    [
        # the categories of the Golden Rules of github.com/diasks2/pragmatic_segmenter
        ("You can return it.", "The postage is yours."),
        ("How long is it?", "It is thirty days."),
        ("Yes!", "It is free."),
        ("Ask for Mary J. Stone.",),
        ("The rules are on p. 12.",),
        ("Contact Stone and co. in the morning.",),
        ("It is sold by Stone & Co.", "They ship it."),
        ("The shop is on Mt. Everest, near St. Anna.",),
        ("We ship to the U.S.A. in a week.",),
        ("We ship to the U.S.", "Others wait longer."),
        ("We have shipped to the U.S. for 20 years.",),
        ("The postage is $5.00.", "It is paid once."),
        ("The item (It must be unused.) goes back to us.",),
        ("Write to help.desk@example.com.", "We answer."),
        ("See https://www.example.com/returns/page.html.", "It has the form."),
        ("The label says 'Keep dry.' in red.",),
        ('The label says "Keep dry." in red.',),
        ('The label says "Keep dry."', "It is red."),
        ("Wait!!", "Read this."),
        ("Really?!", "Read this."),
        ("It is ... well, what you call ... as new.",),
        ("It was as new....", "Then it broke."),
        ("Leave the box . . . as it is.",),
        # other scripts
        ("退货期为三十天。", "运费由您承担！", "可以吗？"),  # noqa: RUF001
        ("「返品は可能です。」", "送料は500円です。"),
        ("Das kostet z.B. 3,50 Euro.", "Mehr nicht."),
        # answers of models
        ("It takes approx. 3.5 days, i.e. until Friday.", "Sale items vs. other items differ."),
        ("Version 2.10 is out…", "Really."),
        ("Dr. Who met Prof. Xavier at 5 p.m. on Monday.",),
        ("See Fig. 3 and No. 5.", "No.", "Then stop."),
        ("",),
    ],
)
def test_sentences(expected: tuple[str, ...]) -> None:
    """A text made of these sentences, with spaces only where the script has them, is split into them."""
    wide = "".join(expected).isascii() or "ß" in "".join(expected) or expected[0][0].isascii()
    text = (" " if wide else "").join(expected)
    assert sentences(text) == [one for one in expected if one]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. Open the box.\n2. Read the paper.", ["1. Open the box.", "2. Read the paper."]),
        ("- thirty days\n- no sale items", ["- thirty days", "- no sale items"]),
        ("You have 30\ndays.\nKeep the receipt", ["You have 30\ndays.", "Keep the receipt"]),
        ("Returns\n\nyou have 30 days", ["Returns", "you have 30 days"]),
        ("**Thirty days.** Then it is over.", ["**Thirty days.**", "Then it is over."]),
        ("  \n ", []),
    ],
)
def test_lines(text: str, expected: list[str]) -> None:
    """A line ends a sentence, unless the next one goes on in lower case."""
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("You have 30 days.", True),
        ("Paris", True),
        ("三十天。", True),
        ("Can I help?", False),
        ("「可以吗？」", False),  # noqa: RUF001
        ("Here is the list:", False),
        ("## Returns", False),
        ("---", False),
        ("1.", True),
    ],
)
def test_claims(sentence: str, expected: bool) -> None:
    """Questions, headings and signs claim nothing."""
    assert is_claim(sentence) is expected


@given(st.text(st.sampled_from("ab AB.!?\n\"'1)。「…"), max_size=60))
def test_nothing_is_lost(text: str) -> None:
    """The spans are in order, do not overlap, and hold every visible character."""
    spans = sentence_spans(text)
    assert all(first.end <= second.start for first, second in pairwise(spans))
    inside = {place for span in spans for place in range(span.start, span.end)}
    assert inside >= {place for place, char in enumerate(text) if not char.isspace()}


@pytest.mark.parametrize("piece", [". ", "A. ", ".", "\n ", '?" ', ".)", "。", "Dr. ", " \t", '"'])
def test_long_texts(piece: str) -> None:
    """A text of any sign takes time linear in its length, also if it is followed by something else."""
    with in_time():
        sentence_spans(piece * (300_000 // len(piece)) + "x")
