"""Measures of a ranking against published numbers, and against scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.scoring.metrics.ranking import distinct, hit, ndcg, precision, recall, reciprocal_rank

Measure = Callable[..., float]
# Manning, Raghavan & Schütze 2008, Introduction to Information Retrieval, exercise 8.8: two rankings of ten documents
# for a query with four relevant ones, R N R N N N N N R R and N R N N R R R N N N.
ONE, OTHER = "RNRNNNNNRR", "NRNNRRRNNN"
FOUR = 4
# Wikipedia, "Discounted cumulative gain": the example 3, 2, 3, 0, 1, 2 with DCG 6.861 and IDCG 8.740.
WIKIPEDIA = (3.0, 2.0, 3.0, 0.0, 1.0, 2.0, 3.0, 2.0)
"""Grades of D1 to D8: six are in the ranking, D7 and D8 are not."""


def drawn(marks: str) -> tuple[list[str], dict[str, float]]:
    """A ranking with ids d1, d2, ..., and the relevant ones."""
    ranking = [f"d{rank}" for rank in range(1, len(marks) + 1)]
    return ranking, {name: 1.0 for name, mark in zip(ranking, marks, strict=True) if mark == "R"}


@pytest.mark.parametrize(
    ("measure", "marks", "k", "expected"),
    [
        # IIR, exercise 8.8: R-precision is the precision at 4, the number of relevant documents.
        (precision, ONE, FOUR, 0.5),
        (precision, OTHER, FOUR, 0.25),
        (precision, ONE, None, 0.4),
        (recall, ONE, FOUR, 0.5),
        (recall, OTHER, 7, 1.0),
        # Wikipedia, "Mean reciprocal rank": catten, cati, cats -> 1/3; torii, tori, toruses -> 1/2; viruses, ... -> 1.
        (reciprocal_rank, "NNR", None, 1 / 3),
        (reciprocal_rank, "NRN", None, 1 / 2),
        (reciprocal_rank, "RNN", None, 1.0),
        (reciprocal_rank, "NNR", 2, 0.0),
        (hit, OTHER, 1, 0.0),
        (hit, OTHER, 2, 1.0),
    ],
)
def test_published_numbers(measure: Measure, marks: str, k: int | None, expected: float) -> None:
    """Binary measures of the textbook's rankings."""
    assert measure(*drawn(marks), k) == pytest.approx(expected)


def test_published_gains() -> None:
    """Wikipedia's example: DCG 6.861 of an ideal 8.740, an nDCG of 0.785, over all documents that are relevant."""
    grades = {f"D{rank}": grade for rank, grade in enumerate(WIKIPEDIA, start=1) if grade}
    ranking = [f"D{rank}" for rank in range(1, 7)]
    assert ndcg(ranking, grades, 6) == pytest.approx(6.861 / 8.740, abs=5e-4)


@pytest.mark.parametrize(
    ("measure", "expected"),
    [(precision, 1 / 3), (recall, 0.5), (hit, 1.0), (reciprocal_rank, 1.0), (ndcg, 1 / (1 + 1 / math.log2(3)))],
)
def test_fewer_retrieved_than_k(measure: Measure, expected: float) -> None:
    """trec_eval fills a short ranking with irrelevant documents: one of two is found, by one context for k = 3."""
    assert measure(["a"], {"a": 1.0, "b": 1.0}, 3) == pytest.approx(expected)


@pytest.mark.parametrize("measure", [precision, recall, hit, reciprocal_rank, ndcg])
@pytest.mark.parametrize("k", [None, 1, 5])
def test_nothing_retrieved(measure: Measure, k: int | None) -> None:
    """An empty ranking scores 0."""
    assert measure([], {"a": 1.0}, k) == 0.0


def test_an_id_counts_once() -> None:
    """Several passages of one document have its first rank."""
    assert distinct(["b", "a", "b", "c", "a"]) == ["b", "a", "c"]


_IDS = st.integers(0, 15).map(str)
_RANKINGS = st.lists(_IDS, unique=True, max_size=12)
_GRADES = st.dictionaries(_IDS, st.sampled_from([0.5, 1.0, 2.0, 3.0]), min_size=1, max_size=8)


@pytest.mark.skipif(find_spec("sklearn") is None, reason="scikit-learn comes with evalharness[embeddings]")
@given(ranking=_RANKINGS, grades=_GRADES, k=st.integers(1, 12))
def test_ndcg_equals_scikit_learn(ranking: list[str], grades: Mapping[str, float], k: int) -> None:
    """The value is `ndcg_score` over the ranking, filled to k, before the relevant documents that it lacks."""
    from sklearn.metrics import ndcg_score

    filled = [*ranking, *(f"none{number}" for number in range(k))]
    documents = [*filled, *(name for name in grades if name not in ranking)]
    true = [[grades.get(name, 0.0) for name in documents]]
    ranks = [[float(-rank) for rank in range(len(documents))]]
    assert ndcg(ranking, grades, k) == pytest.approx(ndcg_score(true, ranks, k=k))


@given(ranking=_RANKINGS, grades=_GRADES, k=st.none() | st.integers(1, 20))
def test_laws(ranking: list[str], grades: Mapping[str, float], k: int | None) -> None:
    """All measures lie in [0, 1], are 0 together, and the ideal ranking has the best value of each."""
    ideal = sorted(grades, key=lambda name: -grades[name])
    for measure in (precision, recall, hit, reciprocal_rank, ndcg):
        value = measure(ranking, grades, k)
        assert 0 <= value <= 1 + 1e-12
        assert (value > 0) == (hit(ranking, grades, k) == 1)
        assert measure(ideal, grades, k) >= value - 1e-12 or measure is precision
    assert ndcg(ideal, grades, k) == pytest.approx(1)
