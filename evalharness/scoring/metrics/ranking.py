"""Measures of a ranking, as trec_eval and the textbooks define them (Manning et al. 2008, IIR, chapter 8).

A ranking is a list of different ids, the best first. `grades` maps each relevant id to its gain, a number above 0.
Other ids are not relevant. `k` cuts the ranking; None takes all of it. With nothing retrieved, all measures are 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

Grades = Mapping[str, float]
"""The relevant ids with their gains, at least one."""


def distinct(ids: Iterable[str]) -> list[str]:
    """Return each id once, at its first rank."""
    return list(dict.fromkeys(ids))


def precision(ranking: Sequence[str], grades: Grades, k: int | None = None) -> float:
    """Return the share of the first `k` that is relevant: P_k of trec_eval.

    A shorter ranking counts as filled with irrelevant ids. Without `k`, the share of all that was retrieved.
    """
    size = len(ranking) if k is None else k
    return _hits(ranking, grades, k) / size if size else 0.0


def recall(ranking: Sequence[str], grades: Grades, k: int | None = None) -> float:
    """Return the share of the relevant ids that is among the first `k`: recall_k of trec_eval."""
    return _hits(ranking, grades, k) / len(grades)


def hit(ranking: Sequence[str], grades: Grades, k: int | None = None) -> float:
    """Return 1 if a relevant id is among the first `k`, else 0: success_k of trec_eval."""
    return float(_hits(ranking, grades, k) > 0)


def reciprocal_rank(ranking: Sequence[str], grades: Grades, k: int | None = None) -> float:
    """Return 1 / the rank of the first relevant id, 0 if none is among the first `k` (Voorhees 1999, TREC-8).

    Its mean over cases is the MRR.
    """
    return next((1 / rank for rank, name in enumerate(ranking[:k], start=1) if name in grades), 0.0)


def ndcg(ranking: Sequence[str], grades: Grades, k: int | None = None) -> float:
    """Return the discounted gain of the first `k`, divided by that of the best ranking (Järvelin & Kekäläinen 2002).

    The gain of an id is its grade, the discount at rank r is log2(r + 1), as in `sklearn.metrics.ndcg_score`.
    """
    best = sorted(grades.values(), reverse=True)
    return _dcg([grades.get(name, 0.0) for name in ranking[:k]]) / _dcg(best[:k])


def _hits(ranking: Sequence[str], grades: Grades, k: int | None) -> int:
    return sum(name in grades for name in ranking[:k])


def _dcg(gains: Sequence[float]) -> float:
    return math.fsum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))
