"""Retrieval by ids: whether the contexts of a response are those that its case calls relevant.

    cases:
      - {id: postage, vars: {question: "Who pays the postage?", relevant: [returns, shipping]}}

The order of the contexts is the ranking, and an id counts once, at its first rank. The relevant ids are a variable of
the case: a list, or a mapping from ids to grades above 0, which `ndcg` uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evalharness.errors import MetricError
from evalharness.records import Score
from evalharness.redaction import shortened
from evalharness.scoring.metrics import ranking
from evalharness.scoring.metrics.base import Expectation, Metric, SampleView, of_result, signature
from evalharness.scoring.metrics.traces import contexts_of

_MOST_IDS = 10_000
_MOST_GRADE = 1e100
"""Sums of larger gains would overflow."""
_SHOWN, _SHOWN_CHARS = 5, 40
Measure = Callable[[Sequence[str], ranking.Grades, int | None], float]


def context_precision(k: int | None = None, *, relevant: str = "relevant") -> Metric:
    """Return a metric: the share of the first `k` contexts that is relevant. Fewer contexts than `k` count as `k`."""
    return _metric("context_precision", ranking.precision, k, relevant)


def context_recall(k: int | None = None, *, relevant: str = "relevant") -> Metric:
    """Return a metric: the share of the relevant ids that is among the first `k` contexts."""
    return _metric("context_recall", ranking.recall, k, relevant)


def hit_rate(k: int | None = None, *, relevant: str = "relevant") -> Metric:
    """Return a metric: 1 if a relevant id is among the first `k` contexts, else 0."""
    return _metric("hit_rate", ranking.hit, k, relevant)


def mrr(k: int | None = None, *, relevant: str = "relevant") -> Metric:
    """Return a metric: 1 / the rank of the first relevant id, 0 if none is among the first `k` contexts."""
    return _metric("mrr", ranking.reciprocal_rank, k, relevant)


def ndcg(k: int | None = None, *, relevant: str = "relevant") -> Metric:
    """Return a metric: the discounted gain of the first `k` contexts, divided by that of the best ranking.

    The gain of an id is its grade, or 1.
    """
    return _metric("ndcg", ranking.ndcg, k, relevant)


def _metric(name: str, measure: Measure, k: int | None, variable: str) -> Metric:
    if k is not None and k < 1:
        raise ValueError(f"k: expected an integer from 1, got {k}")
    written = signature(name, k="all" if k is None else k, relevant=variable, v=1)

    def score(view: SampleView) -> Score:
        grades = relevant_ids(view.vars, variable)
        found = retrieved_ids(view)
        return Score(name, measure(found, grades, k), written, _explained(found, grades, k))

    def applies(case: Expectation) -> bool:
        return bool(relevant_ids(case.vars, variable))

    return of_result(name, written, score, applies=applies, needs=f"relevant ids ('{variable}')", reads_text=False)


def relevant_ids(variables: Mapping[str, Any], name: str) -> dict[str, float]:
    """Return the relevant ids of a case with their grades; none if the case names none. Raises MetricError."""
    given = variables.get(name)
    if given is None or given == "":
        return {}
    if isinstance(given, str | int) and not isinstance(given, bool):
        given = [given]
    if not isinstance(given, list | tuple | Mapping):
        raise MetricError(f"the variable '{name}': expected ids, or a mapping from ids to grades, got {_kind(given)}")
    if len(given) > _MOST_IDS:
        raise MetricError(f"the variable '{name}': expected at most {_MOST_IDS:,} ids, got {len(given):,}")
    graded = given.items() if isinstance(given, Mapping) else ((one, 1.0) for one in given)
    found = {_id(one, name): _grade(grade, name) for one, grade in graded}
    return {one: grade for one, grade in found.items() if grade}


def _id(value: Any, name: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise MetricError(f"the variable '{name}': expected an id (a text or an integer), got {_kind(value)}")
    return str(value)


def _grade(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST_GRADE:
        raise MetricError(f"the variable '{name}': expected a grade from 0 to {_MOST_GRADE:g}, got {_kind(value)}")
    return float(value)


def _kind(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", type(None): "nothing"}
    return names.get(type(value), repr(shortened(value, _SHOWN_CHARS)))


def retrieved_ids(view: SampleView) -> list[str]:
    """Return the ids of the contexts, each once. Raises MetricError: unknown contexts, or one without an id."""
    contexts = contexts_of(view.response)
    nameless = next((number for number, one in enumerate(contexts, start=1) if not one.id), None)
    if nameless is not None:
        raise MetricError(f"context {nameless} of {len(contexts)} has no id: return each context with its id")
    return ranking.distinct(one.id for one in contexts)


def _explained(found: Sequence[str], grades: ranking.Grades, k: int | None) -> str:
    top = dict.fromkeys(found[:k])
    missing = [one for one in grades if one not in top]
    among = f"the first {k} of {len(found)} contexts" if k is not None and k < len(found) else f"{len(found)} contexts"
    counts = f"{len(grades) - len(missing)} of {len(grades)} relevant ids are among {among}"
    lacking = f"; missing: {_names(missing)}" if missing else ""
    return f"{counts}{lacking}; retrieved: {_names(list(top)) or 'nothing'}"


def _names(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _SHOWN:,} more" if len(ids) > _SHOWN else ""
    return ", ".join(shortened(one, _SHOWN_CHARS) for one in ids[:_SHOWN]) + more
