"""One answer through one metric, as a run scores it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from evalharness.errors import MetricError
from evalharness.records import Response
from evalharness.scoring.metrics import Metric, SampleView
from evalharness.scoring.results import score_samples
from evalharness.testing.builders import response

_VIEW = {field.name for field in fields(SampleView)}


def score(metric: Metric, text: str, *golden: str, replies: Iterable[str | Response] = (), **view: Any) -> float:
    """The score of one answer against its golden answers, checked and rounded as in a run.

    `replies` are the responses to the metric's own requests, in order. `view` holds further fields of `SampleView` or
    of the response, such as `tags` or `logprobs`. Raises MetricError where the metric gives no number in [0, 1], or has
    nothing to score.
    """
    known = {name: view.pop(name) for name in _VIEW & view.keys()}
    seen = replace(SampleView(response(text, **view), golden), **known)
    answered = [reply if isinstance(reply, Response) else response(reply) for reply in replies]
    (scored,) = score_samples([metric], [seen], [(answered,)])
    if scored.errors:
        raise MetricError(scored.errors[0].removeprefix(f"{metric.name}: "))
    if scored.not_applicable:
        raise MetricError(scored.not_applicable[0].reason)
    return scored.scores[0].value
