"""Metrics that look at a part of the answer instead of its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evalharness.answer_part import AnswerPart, NoPartError, answer_part
from evalharness.errors import MetricError
from evalharness.records import Request
from evalharness.scoring.metrics.base import Metric, Responses, Result, SampleView, signature


def metric_at(metric: Metric, path: str) -> Metric:
    """Return the metric of the part at this path. An answer without it has an error. Raises ConfigError, ValueError."""
    part = answer_part(path)
    if metric.golden_likelihood or metric.answer_likelihood or not metric.reads_text:
        raise ValueError(f"at: the metric '{metric.name}' does not score a text: remove 'at'")

    def score(views: Sequence[SampleView], replies: Sequence[Responses]) -> list[Result]:
        parts = [_part_of(view, part) for view in views]
        there = [number for number, one in enumerate(parts) if isinstance(one, SampleView)]
        seen = [one for one in parts if isinstance(one, SampleView)]
        results = dict(zip(there, metric.score(seen, [replies[number] for number in there]), strict=True))
        return [results[number] if isinstance(one, SampleView) else one for number, one in enumerate(parts)]

    def requests(view: SampleView) -> Sequence[Request]:
        found = _part_of(view, part)
        if isinstance(found, MetricError):
            raise found
        assert metric.requests
        return metric.requests(found)

    def follow_ups(view: SampleView, replies: Responses) -> Sequence[Request]:
        assert metric.follow_ups
        return metric.follow_ups(with_part(view, part), replies)

    written = f"{metric.signature}|{signature('at', path=path).partition('|')[2]}"
    return replace(
        metric,
        signature=written,
        score=score,
        requests=metric.requests and requests,
        follow_ups=metric.follow_ups and follow_ups,
        texts_alone=None,
    )


def _part_of(view: SampleView, part: AnswerPart) -> SampleView | MetricError:
    try:
        return with_part(view, part)
    except NoPartError as error:
        return MetricError(str(error))


def with_part(view: SampleView, part: AnswerPart) -> SampleView:
    """The view with the part as its text."""
    return replace(view, response=replace(view.response, text=part.of(view.response)))
