"""ROUGE-1, ROUGE-2 and ROUGE-L: the F-measure of rouge-score 0.1.2, without its quadratic table and its imports.

Formula: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries" (W04-1013), as the reference implementation
(google-research/rouge) has it. rouge-score fills a quadratic table in Python for ROUGE-L; rapidfuzz finds the same
length with bit vectors (Hyyro 2004). Its counts of words and pairs are three lines here, because its scorer imports
nltk, which takes a second; `porter` stems in its place. The tests hold all three to 1e-9 of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Literal, Protocol

from evalharness.scoring.metrics import porter
from evalharness.scoring.metrics.base import Metric, against_golden, signature
from evalharness.scoring.metrics.limits import MAX_TOKEN_PAIRS, check_pairs
from evalharness.scoring.metrics.tokenise import RULES, tokenise

TokenizerName = Literal["unicode", "rouge"]


class Tokenizer(Protocol):
    """What rouge-score needs of a tokenizer."""

    def tokenize(self, text: str) -> list[str]:
        """Return the words of a text."""
        ...


def rouge_1(*, stem: bool = False, tokenizer: TokenizerName = "unicode") -> Metric:
    """Return a metric of the words that response and golden share, as F-measure.

    `stem` strips English suffixes (Porter); `tokenizer` is `unicode` (ours) or `rouge` (rouge-score's, for which
    every letter outside a-z is a space: take it to reproduce published numbers).
    """
    return _rouge("rouge_1", "rouge1", stem, tokenizer)


def rouge_2(*, stem: bool = False, tokenizer: TokenizerName = "unicode") -> Metric:
    """Return a metric of the pairs of neighbouring words that both share, as F-measure. Options as in `rouge_1`."""
    return _rouge("rouge_2", "rouge2", stem, tokenizer)


def rouge_l(*, stem: bool = False, tokenizer: TokenizerName = "unicode") -> Metric:
    """Return a metric of the longest common sequence of words, as F-measure. Options as in `rouge_1`.

    rouge-score's rougeL: the text is one sequence. It has no counterpart of rougeLsum, which splits at line ends. Texts
    whose numbers of words multiply to more than a billion (two of 31,000 words) are an error.
    """
    return _rouge("rouge_l", "rougeL", stem, tokenizer)


def _rouge(name: str, rouge_type: str, stem: bool, tokenizer: TokenizerName) -> Metric:
    if tokenizer not in ("unicode", "rouge"):
        raise ValueError(f"{name}: expected the tokenizer unicode or rouge, got {tokenizer!r}")
    rules = RULES if tokenizer == "unicode" else tokenizer
    written = signature(name, tok=rules, stem=stem, v=f"rouge-score-{version('rouge-score')}")

    def compare(answer: str, golden: str) -> float:
        return _scorer(rouge_type, stem, tokenizer)(answer, golden)

    def warm_up() -> None:
        compare("warm", "warm")

    return against_golden(name, written, compare, warm_up=warm_up)


@cache
def _scorer(rouge_type: str, stem: bool, name: TokenizerName) -> Callable[[str, str], float]:
    tokenizer = open_tokenizer(name, stem=stem)
    return _longest_common(tokenizer) if rouge_type == "rougeL" else _common(int(rouge_type[-1]), tokenizer)


def _common(size: int, tokenizer: Tokenizer) -> Callable[[str, str], float]:
    """rouge-score's `_score_ngrams`: what both texts share of the sequences of `size` words."""
    from rouge_score.scoring import fmeasure

    def sequences(text: str) -> Counter[tuple[str, ...]]:
        words = tokenizer.tokenize(text)
        return Counter(zip(*(words[start:] for start in range(size)), strict=False))

    def score(answer: str, golden: str) -> float:
        ours, theirs = sequences(answer), sequences(golden)
        common = (ours & theirs).total()
        return fmeasure(common / max(ours.total(), 1), common / max(theirs.total(), 1))  # type: ignore[no-any-return]

    return score


def _longest_common(tokenizer: Tokenizer) -> Callable[[str, str], float]:
    """rouge-score's `_score_lcs` over rapidfuzz's length."""
    from rapidfuzz.distance import LCSseq
    from rouge_score.scoring import fmeasure

    def score(answer: str, golden: str) -> float:
        ours, theirs = tokenizer.tokenize(answer), tokenizer.tokenize(golden)
        if not ours or not theirs:
            return 0.0
        check_pairs("words", MAX_TOKEN_PAIRS, ours, theirs)
        common = LCSseq.similarity(ours, theirs)
        return fmeasure(common / len(ours), common / len(theirs))  # type: ignore[no-any-return]

    return score


def open_tokenizer(name: TokenizerName, *, stem: bool) -> Tokenizer:
    """Return the tokenizer of that name as an object that rouge-score takes."""
    return UnicodeTokenizer(stem=stem) if name == "unicode" else RougeTokenizer(stem=stem)


class UnicodeTokenizer:
    """Our words for rouge-score. Words of a-z and more than three letters are stemmed, as rouge-score does."""

    def __init__(self, *, stem: bool) -> None:
        # A stem costs twenty times a look-up, and answers to one prompt share their words.
        self._stem = lru_cache(maxsize=65_536)(porter.stem) if stem else None

    def tokenize(self, text: str) -> list[str]:
        """Return the words of `text`, stemmed if the tokenizer has a stemmer."""
        words, stem = tokenise(text), self._stem
        if stem is None:
            return words
        return [stem(word) if len(word) > 3 and word.isascii() else word for word in words]


class RougeTokenizer:
    """rouge-score's `DefaultTokenizer`, without its import of nltk."""

    def __init__(self, *, stem: bool) -> None:
        self._stemmer = porter if stem else None

    def tokenize(self, text: str) -> list[str]:
        """Return the words of `text`, stemmed if the tokenizer has a stemmer."""
        from rouge_score.tokenize import tokenize

        return tokenize(text, self._stemmer)  # type: ignore[no-any-return]
