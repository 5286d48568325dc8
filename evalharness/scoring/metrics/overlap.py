"""The overlap of a response and a golden answer, by words and by characters."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Literal

from evalharness.scoring.metrics.base import Metric, against_golden, signature
from evalharness.scoring.metrics.limits import MAX_CHAR_PAIRS, check_pairs
from evalharness.scoring.metrics.normal_form import normalize
from evalharness.scoring.metrics.tokenise import RULES, tokenise

_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def token_f1(*, tokenizer: Literal["unicode", "squad"] = "unicode") -> Metric:
    """Return a metric of the words that response and golden share, as F1; order does not count, repetition does.

    The F1 of SQuAD (Rajpurkar et al. 2016, arXiv:1606.05250). `squad` has the words of `evaluate-v2.0.py`: lower case,
    without ASCII punctuation and the articles a, an, the, split at spaces. `unicode` has the words of `tokenise`, which
    knows scripts without spaces and keeps articles, and symbols.

    Two texts without words score 1 if they are the same up to spaces, else 0; the script gives 1 to any two.
    """
    rules = f"{RULES}-symbols" if tokenizer == "unicode" else "squad-2.0"
    words = _words if tokenizer == "unicode" else _squad_words
    return against_golden("token_f1", signature("token_f1", tok=rules, v=2), partial(_f1, words))


def _f1(words: Callable[[str], list[str]], answer: str, golden: str) -> float:
    ours, theirs = words(answer), words(golden)
    if not ours and not theirs:
        return float(_visible(answer) == _visible(golden))
    if ours == theirs:  # no words need to be counted
        return 1.0
    return 2 * (Counter(ours) & Counter(theirs)).total() / (len(ours) + len(theirs))


def _words(text: str) -> list[str]:
    return tokenise(text, symbols=True)


def _squad_words(text: str) -> list[str]:
    return _ARTICLE.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split()


def _visible(text: str) -> str:
    return " ".join(normalize("NFC", text).split())


def edit_similarity() -> Metric:
    """Return a metric: 1 - Levenshtein distance / length of the longer text, in characters (code points of NFC).

    Two empty texts score 1. The distance is rapidfuzz's (Hyyro 2003, bit-parallel); case and spaces count. Texts whose
    lengths multiply to more than ten billion (two of 100,000 characters) are an error.
    """
    from rapidfuzz.distance import Levenshtein  # few suites need it

    compare = partial(_similarity, Levenshtein.normalized_similarity)
    return against_golden("edit_similarity", signature("edit_similarity", v=1), compare)


def _similarity(similarity: Callable[[str, str], float], answer: str, golden: str) -> float:
    ours, theirs = normalize("NFC", answer), normalize("NFC", golden)
    check_pairs("characters", MAX_CHAR_PAIRS, ours, theirs)
    return similarity(ours, theirs)
