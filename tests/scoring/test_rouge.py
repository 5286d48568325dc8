"""ROUGE against rouge-score, which is the reference."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.scoring.metrics.rouge import open_tokenizer, rouge_1, rouge_2, rouge_l

_FACTORIES = {"rouge1": rouge_1, "rouge2": rouge_2, "rougeL": rouge_l}
_WORDS = [
    "the",
    "The",
    "returns",
    "returned",
    "jacket",
    "jackets",
    "policies",
    "café",
    "CAFÉ",
    "ไก่",
    "退货",
    "30",
    "_.\n",
]
_TEXTS = st.one_of(st.lists(st.sampled_from(_WORDS), max_size=30).map(" ".join), st.text(max_size=40))


@pytest.mark.parametrize(
    ("factory", "options", "answer", "golden", "expected"),
    [
        # Lin 2004, section 3.1: "police killed the gunman" against "police kill the gunman": ROUGE-L 3/4 ...
        (rouge_l, {}, "police kill the gunman", "police killed the gunman", 3 / 4),
        # ... and "the gunman kill police": 2/4.
        (rouge_l, {}, "the gunman kill police", "police killed the gunman", 2 / 4),
        (rouge_l, {"stem": True}, "police kill the gunman", "police killed the gunman", 1),
        (rouge_1, {}, "police kill the gunman", "police killed the gunman", 3 / 4),
        (rouge_2, {}, "police kill the gunman", "police killed the gunman", 1 / 3),  # "the gunman" of three pairs
        # The pair of rouge-score's README; 6 and 5 of 8 and 9 words.
        (rouge_1, {}, "The quick brown dog jumps on the log.", "The quick brown fox jumps over the lazy dog", 12 / 17),
        (rouge_l, {}, "The quick brown dog jumps on the log.", "The quick brown fox jumps over the lazy dog", 10 / 17),
        (rouge_1, {}, "", "", 0),  # as in rouge-score
        (rouge_l, {"tokenizer": "rouge"}, "สวัสดี", "สวัสดี", 0),  # the reason for our own tokeniser
        (rouge_l, {}, "สวัสดี", "สวัสดี", 1),
        (rouge_1, {}, "退货期是三十天", "退货期为三十天", 6 / 7),
        (rouge_l, {}, "naïve Café", "NAÏVE CAFÉ", 1),
    ],
)
def test_numbers(score: Any, factory: Any, options: dict[str, Any], answer: str, golden: str, expected: float) -> None:
    """The scores equal numbers from the paper, by hand, or computed by rouge-score 0.1.2."""
    assert score(factory(**options), answer, golden) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("stem", [False, True])
@pytest.mark.parametrize("tokenizer", ["unicode", "rouge"])
@settings(max_examples=150, deadline=None)
@given(answer=_TEXTS, golden=_TEXTS)
def test_equals_rouge_score(score: Any, stem: bool, tokenizer: Any, answer: str, golden: str) -> None:
    """All three equal rouge-score to 1e-9 for both tokenisers, stemmed and not: 4 x 150 pairs."""
    reference = _reference(stem, tokenizer).score(golden, answer)
    for rouge_type, factory in _FACTORIES.items():
        ours = score(factory(stem=stem, tokenizer=tokenizer), answer, golden)
        assert ours == pytest.approx(reference[rouge_type].fmeasure, abs=1e-9)


def _reference(stem: bool, tokenizer: Any) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    own = open_tokenizer("unicode", stem=stem) if tokenizer == "unicode" else None  # None: its own, with nltk's stems
    return RougeScorer(list(_FACTORIES), use_stemmer=stem, tokenizer=own)


@pytest.mark.parametrize(
    ("answer", "golden"),
    [
        ("👎", ["👍"]),
        ("☠\ufe0f", ["❤\ufe0f"]),
        ("", ["", "a"]),
        ("one\ntwo. three", ["three\ntwo. one", "one two"]),  # line ends are spaces: rougeL, not rougeLsum
        ("the the", ["the", "a the b the"]),
    ],
)
def test_several_goldens_are_score_multi(score: Any, answer: str, golden: list[str]) -> None:
    """The best golden counts as in rouge-score's `score_multi`, also for texts without words."""
    reference = _reference(False, "rouge").score_multi(golden, answer)
    for rouge_type, factory in _FACTORIES.items():
        for tokenizer in ("rouge", "unicode"):
            ours = score(factory(tokenizer=tokenizer), answer, *golden)
            assert ours == pytest.approx(reference[rouge_type].fmeasure, abs=1e-9)


@given(st.text(st.characters(max_codepoint=127)))
def test_tokenizers_agree_on_ascii(text: str) -> None:
    """For ASCII both tokenisers give the same score, stemmed or not."""
    for stem in (False, True):
        words = open_tokenizer("unicode", stem=stem).tokenize(text)
        assert words == open_tokenizer("rouge", stem=stem).tokenize(text)


@pytest.mark.parametrize("factory", _FACTORIES.values(), ids=_FACTORIES)
@given(a=_TEXTS, b=_TEXTS, c=_TEXTS)
def test_laws(score: Any, factory: Any, a: str, b: str, c: str) -> None:
    """A score lies in [0, 1], is symmetric, ignores the order of goldens and takes the best of them."""
    metric = factory()
    value = score(metric, a, b)
    assert 0 <= value <= 1
    assert score(metric, b, a) == pytest.approx(value, abs=1e-12)
    assert score(metric, a, b, c) == score(metric, a, c, b) == max(value, score(metric, a, c))


def test_signature() -> None:
    """The signature has the tokeniser, the stemmer and the version of rouge-score."""
    assert rouge_l().signature == "rouge_l|tok:unicode-2|stem:no|v:rouge-score-0.1.2"
    assert rouge_1(stem=True, tokenizer="rouge").signature == "rouge_1|tok:rouge|stem:yes|v:rouge-score-0.1.2"


def test_unknown_tokenizer() -> None:
    """Another tokeniser is refused when the metric is opened."""
    with pytest.raises(ValueError, match="unicode or rouge"):
        rouge_l(tokenizer="spacy")  # type: ignore[arg-type]


def test_words_need_no_nltk() -> None:
    """The import of nltk takes a second, which no suite waits for."""
    program = """\
import sys
from evalharness.scoring.metrics.rouge import rouge_1, rouge_2, rouge_l

for factory in (rouge_1, rouge_2, rouge_l):
    for tokenizer in ("unicode", "rouge"):
        factory(stem=True, tokenizer=tokenizer).warm_up()
sys.exit("nltk" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
