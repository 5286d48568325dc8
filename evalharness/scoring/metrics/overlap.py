"""The overlap of a response and a golden answer, by words and by characters."""

from __future__ import annotations

from collections import Counter
from unicodedata import normalize

from rapidfuzz.distance import Levenshtein

from evalharness.scoring.metrics.base import Metric, against_golden, signature
from evalharness.scoring.metrics.tokenise import tokenise


def token_f1() -> Metric:
    """Return a metric of the words that response and golden share, as F1; order does not count, repetition does.

    SQuAD's F1 (Rajpurkar et al. 2016, arXiv:1606.05250, `evaluate-v2.0.py`), with two differences: words come from our
    Unicode tokeniser instead of `split()`, and the English articles that SQuAD drops are kept. As in SQuAD 2.0, two
    texts without a word score 1, one against a text with words scores 0.
    """
    return against_golden("token_f1", signature("token_f1", tok="unicode", v=1), _f1)


def _f1(answer: str, golden: str) -> float:
    ours, theirs = Counter(tokenise(answer)), Counter(tokenise(golden))
    if not ours or not theirs:
        return float(ours == theirs)
    return 2 * (ours & theirs).total() / (ours.total() + theirs.total())


def edit_similarity() -> Metric:
    """Return a metric: 1 - Levenshtein distance / length of the longer text, in characters (code points of NFC).

    Two empty texts score 1. The distance is rapidfuzz's (Hyyro 2003, bit-parallel); case and spaces count.
    """
    return against_golden("edit_similarity", signature("edit_similarity", v=1), _similarity)


def _similarity(answer: str, golden: str) -> float:
    return Levenshtein.normalized_similarity(normalize("NFC", answer), normalize("NFC", golden))
