"""BLEU, chrF and TER against sacrebleu, which is the reference."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.errors import MetricError
from evalharness.scoring.metrics.translation import bleu, chrf, ter

_WORDS = ["you", "have", "thirty", "days", "café", "退货", "ไก่", "."]
_TEXTS = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=12).map(" ".join)
_METRICS = {"bleu": bleu(), "chrf": chrf(), "ter": ter()}


@pytest.mark.parametrize(
    ("metric", "answer", "golden", "expected"),
    [
        # By hand: precisions 4/4 3/3 2/2 1/1, brevity penalty e^(1 - 6/4).
        (bleu(), "the cat sat on", ["the cat sat on the mat"], math.exp(-0.5)),
        # By hand: one word, so effective order 1: precision 1, brevity penalty e^(1 - 2).
        (bleu(), "the", ["the cat"], math.exp(-1)),
        # Two references: the closer length counts, so no penalty.
        (bleu(), "the cat sat on", ["the cat sat on the mat", "the cat sat on"], 1),
        # By hand: char orders 1-2 of "ab" against "ac": P = R = 1/2 and 0; the mean over both orders is 1/4.
        (chrf(), "ab", ["ac"], 0.25),
        (chrf(), "退货三十天", ["退货三十天"], 1),
        # By hand: two edits (days -> weeks, one insertion) in six golden words.
        (ter(), "you have thirty days now", ["you have thirty weeks now ok"], 1 - 2 / 6),
        # Snover et al. 2006: a block that moves is one edit.
        (ter(), "on monday he came", ["he came on monday"], 1 - 1 / 4),
        (ter(), "a b c d", ["x"], 0),  # rate 4, floored
    ],
)
def test_numbers(score: Any, metric: Any, answer: str, golden: list[str], expected: float) -> None:
    """The scores are the papers' definitions, by hand."""
    assert score(metric, answer, *golden) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(answer=_TEXTS, golden=st.lists(_TEXTS, min_size=1, max_size=3))
def test_equals_sacrebleu(score: Any, answer: str, golden: list[str]) -> None:
    """With any number of references the scores are sacrebleu's sentence scores."""
    from sacrebleu import sentence_bleu, sentence_chrf, sentence_ter

    assert score(_METRICS["bleu"], answer, *golden) * 100 == pytest.approx(sentence_bleu(answer, golden).score)
    assert score(_METRICS["chrf"], answer, *golden) * 100 == pytest.approx(sentence_chrf(answer, golden).score)
    rate = sentence_ter(answer, golden).score
    assert score(_METRICS["ter"], answer, *golden) == pytest.approx(max(0, 1 - rate / 100))


@pytest.mark.parametrize(
    ("answer", "golden"),
    [("", ["a b"]), ("a b", [""]), ("", [""]), ("👎", ["👍"]), ("A b.", ["a B .", "a b."]), ("...", ["!"])],
)
def test_edges_equal_sacrebleu(score: Any, answer: str, golden: list[str]) -> None:
    """Empty texts, symbols, case and every option score as in sacrebleu with the same options."""
    from sacrebleu.metrics import BLEU, CHRF, TER

    pairs = [
        (bleu(lowercase=True), BLEU(lowercase=True, effective_order=True)),
        *((bleu(name), BLEU(tokenize=name, effective_order=True)) for name in ("13a", "intl", "char", "zh", "none")),
        (chrf(word_order=2), CHRF(word_order=2)),
        (chrf(lowercase=True), CHRF(lowercase=True)),
    ]
    for metric, reference in pairs:
        assert score(metric, answer, *golden) == pytest.approx(reference.sentence_score(answer, golden).score / 100)
    assert score(ter(), answer, *golden) == pytest.approx(max(0, 1 - TER().sentence_score(answer, golden).score / 100))


@pytest.mark.parametrize("metric", _METRICS.values(), ids=_METRICS)
@settings(deadline=None)
@given(a=_TEXTS, b=_TEXTS, c=_TEXTS)
def test_laws(score: Any, metric: Any, a: str, b: str, c: str) -> None:
    """A score lies in [0, 1], is 1 for equal texts, and does not depend on the order of goldens."""
    assert -1e-9 <= score(metric, a, b) <= 1 + 1e-9  # a rounding step is cut off later
    assert score(metric, a, a) == pytest.approx(1)
    assert score(metric, a, b, c) == pytest.approx(score(metric, a, c, b), abs=1e-12)


@pytest.mark.parametrize(
    ("metric", "signature"),
    [
        (bleu(), "bleu|nrefs:var|case:mixed|eff:yes|tok:13a|smooth:exp|version:"),
        (bleu("zh", lowercase=True), "bleu|nrefs:var|case:lc|eff:yes|tok:zh|smooth:exp|version:"),
        (chrf(), "chrf|nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no|version:"),
        (chrf(word_order=2), "chrf|nrefs:var|case:mixed|eff:yes|nc:6|nw:2|space:no|version:"),
        (ter(), "ter|nrefs:var|case:lc|tok:tercom|norm:no|punct:yes|asian:no|version:"),
    ],
)
def test_signatures(metric: Any, signature: str) -> None:
    """The signature is sacrebleu's own, with its version, for any number of goldens."""
    from sacrebleu import __version__

    assert metric.signature == signature + __version__


@pytest.mark.parametrize("text", ["ไก่ จิก เด็ก", "退 货 三 十 天", "naïve café déjà vu", "退货三十天"])
def test_any_script(score: Any, text: str) -> None:
    """Texts outside ASCII score 1 against themselves and above 0 against a part of themselves."""
    for metric in _METRICS.values():
        assert score(metric, text, text) == pytest.approx(1)
    assert score(_METRICS["chrf"], text[:-2], text) > 0
    assert score(bleu("char"), text[:-2], text) > 0


def test_long_texts_are_not_given_to_ter(score: Any) -> None:
    """TER refuses a longer answer or golden with an error that names the limit, and scores one at the limit."""
    metric = ter(max_tokens=5)
    assert score(metric, "a b c d e", "a b c d e") == 1
    for answer, golden in (("a b c d e f", "a"), ("a", "a b c d e f")):
        with pytest.raises(MetricError, match=r"at most 5 tokens \(option max_tokens\), got 6"):
            score(metric, answer, golden)


def test_ter_needs_a_limit() -> None:
    """A limit below one token is refused, and one that allows minutes for an answer."""
    for limit in (0, 401):
        with pytest.raises(ValueError, match="an integer from 1 to 400"):
            ter(max_tokens=limit)
