"""From log-probabilities to decisions."""

from __future__ import annotations

import math

import pytest

from evalharness.errors import BilledError
from evalharness.providers.decisions import alike_first_words, of_continuations, of_first_token


@pytest.mark.parametrize(
    ("logprobs", "probabilities", "decided"),
    [
        ([[math.log(0.3)], [math.log(0.1)]], [0.75, 0.25], 0.4),
        ([[math.log(0.5), math.log(0.5)], [math.log(0.25)]], [0.5, 0.5], 0.5),
        ([[-2000.0], [-2001.0]], [1 / (1 + math.exp(-1)), 1 / (1 + math.exp(1))], 0.0),  # below the smallest float
        ([[0.0], [-800.0]], [1.0, 0.0], 1.0),
    ],
)
def test_continuations(logprobs: list[list[float]], probabilities: list[float], decided: float) -> None:
    """The probability of a choice is the product of its tokens', divided by the sum over the choices."""
    found = of_continuations(logprobs)
    assert found.probabilities == pytest.approx(probabilities)
    assert found.decided == pytest.approx(decided)


@pytest.mark.parametrize(
    ("tokens", "probabilities", "decided"),
    [
        ({"yes": 0.6, "no": 0.2}, [0.75, 0.25], 0.8),
        ({"Yes": 0.3, " yes": 0.2, '"YES': 0.1, "No": 0.2}, [0.75, 0.25], 0.8),  # case, blanks and quotes
        ({"y": 0.6, "n": 0.2}, [0.75, 0.25], 0.8),  # a part of a word
        ({"▁yes": 0.6, "Ġno": 0.2}, [0.75, 0.25], 0.8),  # vocabularies that show blanks
        ({"yes": 0.9, "yes!": 0.05, "": 0.01, "maybe": 0.04}, [1, 0], 0.9),
    ],
)
def test_first_token(tokens: dict[str, float], probabilities: list[float], decided: float) -> None:
    """A token counts for the one choice that it begins."""
    found = of_first_token({token: math.log(share) for token, share in tokens.items()}, ["yes", "no"])
    assert found.probabilities == pytest.approx(probabilities)
    assert found.decided == pytest.approx(decided)


def test_a_token_that_begins_several_choices() -> None:
    """It counts for none of them; one that is a choice counts for this one."""
    tokens = {"no": math.log(0.4), "n": math.log(0.2), "yes": math.log(0.4)}
    assert of_first_token(tokens, ["no", "none", "yes"]).probabilities == pytest.approx((0.5, 0, 0.5))


def test_no_decision() -> None:
    """Choices with less than half of the probability are an error with the likeliest token, never a score."""
    tokens = {"Perhaps": math.log(0.7), "yes": math.log(0.2)}
    with pytest.raises(BilledError, match=r"yes, no have 20% of the probability.*likeliest first token is 'Perhaps'"):
        of_first_token(tokens, ["yes", "no"])


def test_choices_that_begin_alike() -> None:
    """Two choices with the same first word cannot be told apart by a first token."""
    assert alike_first_words(["very good", "bad", "Very bad"]) == ("very good", "Very bad")
    assert alike_first_words(["good", "goodish"]) is None
