"""The keys with which a person labels an answer: one sign on any keyboard for each choice."""

from __future__ import annotations

import pytest

from evalharness.records.answer_label import LabelItem, Labelled


@pytest.mark.parametrize(
    ("choices", "keys"),
    [
        (["yes", "no"], "yn"),
        (["Yes", "NO"], "yn"),
        (["warm", "neutral", "wild"], "123"),  # two with one letter
        (["good", "bad"], "12"),  # b goes back
        (["5", "4", "3"], "123"),
        (["\u00e4rmlich", "fein"], "12"),
        (["\u00dfo", "x"], "12"),  # casefold makes two letters of it
        (["\ufb01ne", "x"], "12"),  # and of a ligature
        ([f"{chr(97 + number)}x" for number in range(20)], "123456789acdefghijkl"),
    ],
    ids=ascii,
)
def test_keys(choices: list[str], keys: str) -> None:
    """First letters if they are distinct, free and on each keyboard, else numbers and then letters."""
    item = LabelItem(Labelled("q", "c", "d", "a"), "m", "?", (), tuple((one, 0.5) for one in choices), "s", drawn=True)
    assert "".join(item.keys) == keys
    assert [choice for choice, _ in item.keys.values()] == choices
    assert {len(key) for key in item.keys} == {1}
