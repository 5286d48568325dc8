"""BLEU, chrF and TER: sacrebleu's sentence scores, divided by 100, with sacrebleu's own signature.

All golden answers of a case go in together, since each of these defines what several references mean: BLEU clips
counts by the largest reference count, chrF takes the best reference, TER the fewest edits over the mean length. Their
number varies by case, which sacrebleu writes as `nrefs:var`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from evalharness.errors import MetricError
from evalharness.scoring.metrics.base import Metric, SampleView, of_view

BleuTokenizer = Literal["13a", "intl", "char", "zh", "none"]
"""Those of sacrebleu's that download nothing and need no further package."""


def bleu(tokenize: BleuTokenizer = "13a", *, lowercase: bool = False) -> Metric:
    """Return a metric: precision of 1- to 4-word sequences with a brevity penalty, Papineni et al. 2002 (P02-1040).

    Sentence BLEU with effective order: orders that a short response cannot have are left out. `13a` splits at spaces
    and punctuation; take `zh` or `char` for text without spaces.
    """
    from sacrebleu.metrics import BLEU

    return _sacrebleu("bleu", BLEU(effective_order=True, tokenize=tokenize, lowercase=lowercase))


def chrf(*, word_order: Literal[0, 2] = 0, lowercase: bool = False) -> Metric:
    """Return a metric: F2 of 1- to 6-character sequences, chrF2 of Popovic 2015 (W15-3049).

    `word_order: 2` is chrF++ (W17-4770).

    Works for any script, since it needs no words.
    """
    from sacrebleu.metrics import CHRF

    return _sacrebleu("chrf", CHRF(word_order=word_order, lowercase=lowercase))


_MOST_TER_TOKENS = 400


def ter(*, max_tokens: int = 100) -> Metric:
    """Return a metric: 1 - translation edit rate, at least 0. Counts edits and block moves, Snover et al. 2006.

    A response or golden of more than `max_tokens` pieces between spaces is an error, because the search for moves takes
    0.6 s at 100 words that share nothing and 9 s at 400. Raises ValueError for a limit below 1 or above 400.
    """
    if not 1 <= max_tokens <= _MOST_TER_TOKENS:
        raise ValueError(f"max_tokens: expected an integer from 1 to {_MOST_TER_TOKENS}, got {max_tokens}")
    from sacrebleu.metrics import TER

    return _sacrebleu("ter", TER(), lambda rate: max(0.0, 1 - rate), max_tokens)


def _sacrebleu(name: str, scorer: Any, good: Callable[[float], float] = float, max_tokens: int | None = None) -> Metric:
    """A metric from a sacrebleu scorer; `good` turns its share of 100 into higher-is-better."""

    def score(view: SampleView) -> float:
        if max_tokens is not None:
            _refuse_long(name, view, max_tokens)
        return good(scorer.sentence_score(view.text, list(view.golden)).score / 100)

    scorer.num_refs = -1  # sacrebleu's sign for a number that varies
    return of_view(name, f"{name}|{scorer.get_signature()}", score)


def _refuse_long(name: str, view: SampleView, max_tokens: int) -> None:
    tokens = max(len(text.split()) for text in (view.text, *view.golden))
    if tokens > max_tokens:
        raise MetricError(f"{name}: expected texts of at most {max_tokens} tokens (option max_tokens), got {tokens}")
