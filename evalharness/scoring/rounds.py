"""The requests of metrics, round by round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from evalharness.errors import MetricError
from evalharness.records import Request
from evalharness.scoring.metrics.base import Metric, SampleView, as_metric_error
from evalharness.scoring.results import Replies


def rounds_of(metric: Metric) -> int:
    """How often a metric can send requests for a sample: 0, 1, or 2 with follow-ups."""
    return 0 if metric.requests is None else 1 if metric.follow_ups is None else 2


def next_requests(
    metric: Metric, view: SampleView, reply: Replies | None, request: Request
) -> list[Request] | MetricError:
    """The requests of the next round, or the error of the metric. `reply`: the replies so far, None before the first.

    They have the case and the prompt of `request`, that of the sample.
    """
    make = _next(metric, view, reply)
    return [] if make is None else _made(metric, make, request)


def _next(metric: Metric, view: SampleView, reply: Replies | None) -> Callable[[], Sequence[Request]] | None:
    """What returns the requests of the metric's next round; None if there is no such round."""
    first, following = metric.requests, metric.follow_ups
    if reply is None:
        return (lambda: () if metric.missing_in(view) else first(view)) if first else None
    if not following or not reply or isinstance(reply, MetricError):
        return None
    return lambda: following(view, reply)


def _made(metric: Metric, make: Callable[[], Sequence[Request]], request: Request) -> list[Request] | MetricError:
    try:
        wanted = list(make())
        if unknown := [one.key.model for one in wanted if one.key.model not in metric.models]:
            raise MetricError(
                f"expected requests to {', '.join(metric.models) or 'no model'}, got one to '{unknown[0]}'"
            )
        return [replace(one, key=one.key._replace(case=request.key.case, prompt=request.key.prompt)) for one in wanted]
    except BaseException as error:  # SystemExit would end the thread that scores
        return as_metric_error(error)
