"""Requests and responses of a judge: those of all questions about a sample in one list, and back."""

from __future__ import annotations

from collections.abc import Sequence

from evalharness.errors import MetricError
from evalharness.records import Request
from evalharness.scoring.judges.base import Judge
from evalharness.scoring.metrics.base import Responses


def has_follow_ups(judge: Judge) -> bool:
    """Return whether a judge can send a second round of requests."""
    return getattr(type(judge), "follow_ups", Judge.follow_ups) is not Judge.follow_ups


def flat(made: Sequence[Sequence[Request]], each: int, why: str) -> list[Request]:
    """Return the requests of all questions. Raises MetricError unless each question has `each`, and says why."""
    if odd := [len(one) for one in made if len(one) != each]:
        raise MetricError(f"the judge: expected {each} requests for each question ({why}), got {odd[0]}")
    return [request for one in made for request in one]


def by_question(responses: Responses, count: int) -> list[Responses]:
    """Return the responses of one round for each of `count` questions. Raises MetricError: not as many for each."""
    each = len(responses) // max(1, count)
    if each * count != len(responses):
        raise MetricError(f"expected as many responses for each of {count} questions, got {len(responses)}")
    return [responses[number * each : (number + 1) * each] for number in range(count)]
