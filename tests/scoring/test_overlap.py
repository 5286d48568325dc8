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
    ],
)
def test_token_f1(score: Any, answer: str, golden: list[str], expected: float) -> None:
    """The scores are SQuAD's F1 on this package's words, by hand."""
    assert score(_F1, answer, *golden) == pytest.approx(expected, abs=1e-12)


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
    assert score(_F1, " ".join(reversed(tokenise(a))), a) == 1
    if set(tokenise(a)).isdisjoint(tokenise(b)) and (tokenise(a) or tokenise(b)):
        assert score(_F1, a, b) == 0


def test_signatures() -> None:
    """The signature has the tokeniser, since the number depends on it."""
    assert (_F1.signature, _EDIT.signature) == ("token_f1|tok:unicode|v:1", "edit_similarity|v:1")
