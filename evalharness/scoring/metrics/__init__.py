"""Scores for answers: open a metric by the name a suite uses, and run metrics over a batch.

Spec ── open_metric ──> Metric ── score_answers ──> Scored (scores, errors) for each answer
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from evalharness import registry
from evalharness.config import Config
from evalharness.errors import MetricError, did_you_mean
from evalharness.records import Score, Spec
from evalharness.scoring.metrics.base import Metric, SampleView, as_metric_error, checked

__all__ = ["Metric", "SampleView", "Scored", "open_metric", "score_answers"]


SCORE_DIGITS = 6
"""Scores are rounded where they are made, so that a stored one and a fresh one are the same number."""


class Scored(NamedTuple):
    """What all metrics made of one answer: every metric is in one of the two."""

    scores: list[Score]
    errors: list[str]
    """`METRIC: why there is no number`."""


def open_metric(spec: Spec, config: Config) -> Metric:
    """The metric that a suite names, with its options.

    Raises LookupError for an unknown name and ValueError for an unknown, missing or wrong option, both with near
    names; ConfigError or MissingExtraError where the metric needs what is not configured or not installed.
    """
    factory = registry.find("metrics", spec.name)
    known = registry.options(factory)
    for name in spec.options:
        if name not in known:
            hint = did_you_mean(name, known) if known else "; it has none"
            raise ValueError(f"the metric '{spec.name}' has no option '{name}'{hint}")
    metric = _called(spec.name, factory, spec.options, config)
    if not isinstance(metric, Metric):
        raise ValueError(f"the metric '{spec.name}' was not made: its factory returned {type(metric).__name__}")
    return replace(metric, name=spec.name)  # gates ask for scores by the suite's word


def score_answers(metrics: Sequence[Metric], answers: Sequence[SampleView]) -> list[Scored]:
    """Every answer scored by every metric, in order.

    Nothing a metric does comes out as an exception: it is the error of the answers concerned, never a 0 and never a
    pass. What an answer gets does not depend on which others are in the batch.
    """
    scored = [Scored([], []) for _ in answers]
    for metric in metrics:
        for result, (scores, errors) in zip(_score(metric, answers), scored, strict=True):
            if isinstance(result, MetricError):
                errors.append(f"{metric.name}: {result}")
            else:
                scores.append(Score(metric.name, round(result, SCORE_DIGITS), metric.signature))
    return scored


def _score(metric: Metric, answers: Sequence[SampleView]) -> list[float | MetricError]:
    ready = [answer for answer in answers if answer.golden or not metric.needs_golden]
    results = iter(_score_ready(metric, ready))
    missing = MetricError("no golden answer")
    return [next(results) if answer.golden or not metric.needs_golden else missing for answer in answers]


def _score_ready(metric: Metric, answers: Sequence[SampleView]) -> list[float | MetricError]:
    if not answers:
        return []
    try:
        results = list(metric.score_batch(answers))
        if len(results) != len(answers):
            raise MetricError(f"the metric returned {len(results)} results for {len(answers)} answers")
        return [checked(result) for result in results]
    except Exception as error:
        if len(answers) == 1:
            return [as_metric_error(error)]
    # One answer may have spoilt the batch, and its neighbours must not pay for it.
    return [result for answer in answers for result in _score_ready(metric, [answer])]


def _called(name: str, factory: Callable[..., Any], options: Mapping[str, Any], config: Config) -> Any:
    """The factory's result, its options checked against their types first."""
    from pydantic import ConfigDict, ValidationError, validate_call

    own = {"config": config} if "config" in inspect.signature(factory).parameters else {}
    strict = validate_call(config=ConfigDict(strict=True, arbitrary_types_allowed=True))(factory)
    try:
        return strict(**options, **own)
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0])
        if first["type"].startswith("missing"):
            raise ValueError(f"the metric '{name}' needs the option '{option}'") from None
        raise ValueError(f"the option '{option}' of the metric '{name}' is wrong: {first['msg']}") from None
