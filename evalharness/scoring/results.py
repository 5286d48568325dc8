"""From the results of metrics to scores and errors. Every number is checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from evalharness.errors import MetricError
from evalharness.records import NotApplicable, Score
from evalharness.scoring.metrics.base import Metric, Responses, Result, SampleView, as_metric_error

SCORE_DIGITS = 6
"""Scores are rounded where they are made, so that a stored score and a fresh one are the same number."""
_NO_PARTS: Mapping[str, float] = {}
_ROUNDING = 1e-9
_EXPLANATION_CHARS = 2_000
_REASON_CHARS = 100
_MOST_PARTS, _PART_CHARS = 1_000, 200
_Checked = Score | NotApplicable | MetricError

Replies = Responses | MetricError
"""The responses to one metric's requests for one sample, or why they are missing."""


class Scored(NamedTuple):
    """The results of all metrics for one sample: every metric is in one of the three."""

    scores: list[Score]
    errors: list[str]
    """`METRIC: why there is no score`."""
    not_applicable: list[NotApplicable]


def score_samples(
    metrics: Sequence[Metric], views: Sequence[SampleView], replies: Sequence[Sequence[Replies]] | None = None
) -> list[Scored]:
    """Return the scores of every sample by every metric, in order.

    `replies`: for each sample and metric the responses to the metric's requests; None where no metric sends any.
    An exception in a metric is the error of the samples concerned, never a 0 and never a pass. The result of a sample
    does not depend on the other samples of the batch.
    """
    scored = [Scored([], [], []) for _ in views]
    for number, metric in enumerate(metrics):
        mine: list[Replies] = [reply[number] for reply in replies] if replies is not None else [()] * len(views)
        for result, one in zip(_results(metric, views, mine), scored, strict=True):
            if isinstance(result, MetricError):
                one.errors.append(f"{metric.name}: {result}")
            elif isinstance(result, NotApplicable):
                one.not_applicable.append(result)
            else:
                one.scores.append(result)
    return scored


def _results(metric: Metric, views: Sequence[SampleView], replies: Sequence[Replies]) -> list[_Checked]:
    found: list[_Checked | None] = [_missing(metric, view, reply) for view, reply in zip(views, replies, strict=True)]
    ready = [
        (view, reply)
        for view, reply, problem in zip(views, replies, found, strict=True)
        if problem is None and not isinstance(reply, MetricError)
    ]
    results = iter(_batch(metric, ready))
    return [problem or next(results) for problem in found]


def _missing(metric: Metric, view: SampleView, reply: Replies) -> MetricError | NotApplicable | None:
    if metric.applies is None and (view.golden or not metric.needs_golden):
        return reply if isinstance(reply, MetricError) else None
    try:
        if lack := metric.missing_in(view):
            return NotApplicable(lack, metric.name)
    except Exception as error:  # of another package
        return as_metric_error(error)
    return reply if isinstance(reply, MetricError) else None


def _batch(metric: Metric, ready: Sequence[tuple[SampleView, Responses]]) -> list[_Checked]:
    if not ready:
        return []
    try:
        results = list(metric.score([view for view, _ in ready], [reply for _, reply in ready]))
        if len(results) != len(ready):
            raise MetricError(f"expected {len(ready)} results from the metric, got {len(results)}")
        return [checked(metric, result) for result in results]
    except Exception as error:
        if len(ready) == 1:
            return [as_metric_error(error)]
    # One sample may have spoilt the batch: score each alone.
    return [result for one in ready for result in _batch(metric, [one])]


def checked(metric: Metric, result: Result) -> _Checked:
    """Return the result as a score of this metric, or as an error unless it is a finite number in [0, 1].

    A rounding step beyond the interval is cut off. Parts must be finite and few. Explanation, note and question are
    cut to 2,000 characters.
    """
    if type(result) is float and 0 <= result <= 1:  # most are
        return Score(metric.name, round(abs(result), SCORE_DIGITS), metric.signature)  # abs: there is -0.0
    if isinstance(result, MetricError):
        return result
    if isinstance(result, NotApplicable):
        return NotApplicable(str(result.reason)[:_REASON_CHARS], metric.name)
    score = result if isinstance(result, Score) else Score(metric.name, result, metric.signature)
    value, parts = score.value, score.parts
    if not math.isfinite(value) or not -_ROUNDING <= value <= 1 + _ROUNDING:
        return MetricError(f"expected a score in [0, 1], got {value}")
    if problem := _problem(parts):
        return MetricError(problem)
    return Score(
        metric.name,
        round(min(1.0, max(0.0, float(value))), SCORE_DIGITS),
        metric.signature,
        str(score.explanation)[:_EXPLANATION_CHARS],
        {str(name): round(float(part), SCORE_DIGITS) for name, part in parts.items()} if parts else _NO_PARTS,
        str(score.note)[:_EXPLANATION_CHARS],
        str(score.question)[:_EXPLANATION_CHARS],
        str(score.against)[:_REASON_CHARS],
    )


def _problem(parts: Mapping[str, float]) -> str:
    """Why these are no parts of a score; empty if they are some."""
    if len(parts) > _MOST_PARTS or any(len(str(name)) > _PART_CHARS for name in parts):
        longest = max(len(str(name)) for name in parts)
        limits = f"at most {_MOST_PARTS:,} parts with names of at most {_PART_CHARS} characters"
        return f"expected {limits}, got {len(parts):,} with names of up to {longest:,}"
    if odd := {name: part for name, part in parts.items() if not math.isfinite(part)}:
        return f"expected finite parts, got {odd}"[:_EXPLANATION_CHARS]
    return ""
