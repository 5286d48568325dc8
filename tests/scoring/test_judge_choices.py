"""Choices of a judge: what tells them apart, and what is refused because neither a judge nor a program can."""

from __future__ import annotations

import pytest

from evalharness.scoring.judges.choices import checked_choices


@pytest.mark.parametrize(
    "choices",
    [
        ["yes", "no"],
        ["Yes", "No way", "perhaps not"],
        ["warm", "neutral", "curt"],
        ["5", "4", "3"],
        ["c++", "c#"],
        ["<b>", "</b>"],
        ["$mark", "${ask}"],
        ["ja", "nein", "weiß nicht"],
        ["\u0645\u06cc\u200c\u0634\u0648\u062f", "\u0646\u0645\u06cc\u200c\u0634\u0648\u062f"],  # a joiner within words
        [f"{chr(97 + number)}x" for number in range(20)],
    ],
)
def test_choices(choices: list[str]) -> None:
    """Texts that a reader tells apart by their beginning are choices, in any script."""
    assert checked_choices(choices, "choices") == tuple(choices)


def test_blanks_around_choices() -> None:
    """Blanks around a choice do not count."""
    assert checked_choices([" yes ", "no\n"], "choices") == ("yes", "no")


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (["yes"], "levels: expected 2 to 20 texts, got ['yes']"),
        ([], "expected 2 to 20 texts, got []"),
        (["yes", " "], "expected 2 to 20 texts"),
        ([f"{chr(97 + number)}x" for number in range(21)], "expected 2 to 20 texts"),
        (["yes", "yes"], "'yes' starts with 'yes'"),
        (["yes", "YES"], "'YES' starts with 'yes'"),
        (["good", "Good enough"], "'Good enough' starts with 'good'"),
        (["\u00df", "ss"], "'ss' starts with '\u00df'"),
        (["\u00e9", "e\u0301"], "starts with"),  # the same letter in two forms
        (["\ufb01ne", "fine"], "starts with"),  # a ligature
        (["\u200byes", "yes"], "starts with"),  # an invisible sign
        (["\u2167", "viii"], "starts with"),  # a numeral of one sign
        (["yes, fully", "no"], "expected texts without a comma, which separates them, got 'yes, fully'"),
        (["a=1, b", "c"], "without a comma"),
        (["yes.", "no."], "expected texts without quotes, * and full stops around them, got 'yes.'"),
        (['"good"', "bad"], "without quotes"),
        (["**", "no"], "without quotes"),
        (["a\nb", "c"], "expected texts of one line"),
        (["a\u2028b", "c"], "expected texts of one line"),
        (["a\rb", "c"], "expected texts of one line"),
        (["a\0b", "c"], "expected texts that can be read"),
        (["a\ud800", "c"], "expected texts that can be read"),
        (["\u200b", "c"], "expected texts that can be read"),
        (["x" * 201, "c"], "expected texts of at most 200 characters"),
    ],
    ids=ascii,
)
def test_refused_choices(choices: list[str], message: str) -> None:
    """Choices that look alike, that a reply cannot contain, or that are more than a short line are refused."""
    with pytest.raises(ValueError, match=r"^levels: ") as caught:
        checked_choices(choices, "levels")
    assert message in str(caught.value)
    assert len(str(caught.value)) < 500
