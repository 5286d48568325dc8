"""Token F1 and edit similarity."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.scoring.metrics.overlap import edit_similarity, token_f1
from evalharness.scoring.metrics.tokenise import tokenise

_F1, _EDIT = token_f1(), edit_similarity()
_TEXTS = st.text(st.sampled_from("ab é ไก่退"), max_size=20)


@pytest.mark.parametrize(
    ("answer", "golden", "expected"),
    [
        ("a b c", ["b c d e"], 4 / 7),  # 2 shared: P 2/3, R 2/4, F1 = 2 * 2 / (3 + 4)
        ("a a a", ["a"], 1 / 2),  # repetition counts: P 1/3, R 1
        ("the cat", ["cat"], 2 / 3),  # SQuAD drops the article and gives 1; we keep it
        ("x", ["y", "x y"], 2 / 3),  # the better golden
        ("Café!", ["CAFE\u0301"], 1),
        ("", [""], 1),  # SQuAD 2.0: no words on both sides agree
        ("", ["a"], 0),
        ("a", [""], 0),
        ("退货三十天", ["退货期三十天"], 10 / 11),  # 5 shared of 5 and 6 characters
        ("Refund: ✓", ["Refund: ✗"], 1 / 2),  # a symbol is a word
        ("≥ 5", ["≤ 5"], 1 / 2),
        ("#\ufe0f\u20e3", ["*\ufe0f\u20e3"], 0),  # the shared keycap is a mark on no letter
        ("yes 👍", ["yes 👍🏽"], 4 / 5),  # the skin tone is one of three
        ("It costs €5.", ["It costs $5."], 6 / 7),  # ASCII symbols are punctuation, as in SQuAD
    ],
)
def test_token_f1(score: Any, answer: str, golden: list[str], expected: float) -> None:
    """The scores are SQuAD's F1 on this package's words, by hand."""
    assert score(_F1, answer, *golden) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("tokenizer", ["unicode", "squad"])
@pytest.mark.parametrize(
    ("answer", "golden", "expected"),
    [
        ("👎", "👍", 0),
        ("✗", "✓", 0),
        ("≥", "≤", 0),
        ("💔\ufe0f", "❤\ufe0f", 0),  # both have the emoji selector
        ("🇫🇷", "🇩🇪", 0),
        ("!", "?", 0),
        ("...", "", 0),
        ("—", "-", 0),
        ("<", ">", 0),
        ("👍", "", 0),
        ("", "👍", 0),
        ("👍", "👍", 1),
        ("❤\ufe0f", "❤\ufe0f", 1),
        ("!", "!", 1),
        (" - ", "-\n", 1),  # the same up to spaces
        ("", " ", 1),
        ("\u0301", "\u0300", 0),  # two accents on nothing
    ],
)
def test_texts_without_words(score: Any, tokenizer: Any, answer: str, golden: str, expected: float) -> None:
    """Symbols, emoji and punctuation score 1 only where both texts are the same."""
    assert score(token_f1(tokenizer=tokenizer), answer, golden) == expected


@pytest.mark.parametrize(
    ("answer", "golden", "expected"),
    [
        # Expected values by SQuAD's evaluate-v2.0.py (compute_f1).
        ("the cat sat", ["a cat"], 2 / 3),
        ("Cat!", ["the CAT."], 1),
        ("30.5 days", ["305 days"], 1),  # punctuation vanishes without ending a word
        ("don't", ["dont"], 1),
        ("a-b", ["ab"], 1),
        ("👍 ok", ["👎 ok"], 1 / 2),
        ("x x y", ["x y y"], 2 / 3),
        ("café", ["cafe\u0301"], 0),  # no normal form
        ("退货三十天", ["退货期三十天"], 0),  # one word without spaces
        ("the", ["cat"], 0),
        ("", ["cat"], 0),
        ("cat", [""], 0),
        ("", [""], 1),
        ("two", ["one", "two three", "x"], 2 / 3),  # the best golden
    ],
)
def test_squad(score: Any, answer: str, golden: list[str], expected: float) -> None:
    """With `tokenizer: squad` the scores are those of SQuAD's script."""
    assert score(token_f1(tokenizer="squad"), answer, *golden) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("answer", "golden", "expected"),
    [
        ("kitten", ["sitting"], 1 - 3 / 7),  # Levenshtein's textbook pair
        ("", [""], 1),
        ("", ["abc"], 0),
        ("abc", ["xyz", "abd"], 2 / 3),
        ("cafe\u0301", ["caf\u00e9"], 1),
        ("ไก่", ["ไข่"], 2 / 3),  # one of three code points
    ],
)
def test_edit_similarity(score: Any, answer: str, golden: list[str], expected: float) -> None:
    """The score is 1 - distance / longer length, by hand."""
    assert score(_EDIT, answer, *golden) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("metric", [_F1, _EDIT], ids=["token_f1", "edit_similarity"])
@given(a=_TEXTS, b=_TEXTS)
def test_laws(score: Any, metric: Any, a: str, b: str) -> None:
    """A score lies in [0, 1], is symmetric, is 1 for equal texts, and takes the best golden at any place."""
    value = score(metric, a, b)
    assert 0 <= value <= 1
    assert score(metric, a, a) == 1
    assert score(metric, b, a) == pytest.approx(value, abs=1e-12)
    assert score(metric, a, a, b) == score(metric, a, b, a) == 1


@given(a=_TEXTS, b=_TEXTS)
def test_f1_sees_words_only(score: Any, a: str, b: str) -> None:
    """Texts with the same words score 1 in any order, and texts without a shared word score 0."""
    if tokenise(a):
        assert score(_F1, " ".join(reversed(tokenise(a))), a) == 1
    if set(tokenise(a)).isdisjoint(tokenise(b)) and (tokenise(a) or tokenise(b)):
        assert score(_F1, a, b) == 0


def test_signatures() -> None:
    """The signature has the tokeniser, since the number depends on it."""
    assert (_F1.signature, _EDIT.signature) == ("token_f1|tok:unicode-2-symbols|v:2", "edit_similarity|v:1")
    assert token_f1(tokenizer="squad").signature == "token_f1|tok:squad-2.0|v:2"
