"""The requests that metrics will send for answers that do not exist yet: how many they are, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from evalharness.errors import MetricError
from evalharness.evaluation.plan import Plan
from evalharness.providers.parse import CHARS_PER_TOKEN
from evalharness.records import Request, Response, Timing, Usage
from evalharness.report.usage import dollars
from evalharness.scoring.metrics import Metric
from evalharness.scoring.scorer import Answered

_MOST_TRIED = 500
"""Requests of a plan that stand for all."""
_SENTENCE_TOKENS, _MOST_TOKENS = 20, 4_000


@dataclass(frozen=True, slots=True)
class MetricRequests:
    """The requests of one metric to one of its models."""

    metric: str
    model: str
    count: int | None
    """None if it depends on what only the answers have, such as contexts."""
    about_usd: float | None = None
    """Dollars, if the price of the model is known."""

    def __str__(self) -> str:
        if self.count is None:
            return f"an unknown number of requests of metric {self.metric} to {self.model}: the answers decide"
        cost = "" if self.about_usd is None else f": about {dollars(self.about_usd)}"
        requests = "1 request" if self.count == 1 else f"{self.count:,} requests"
        return f"{requests} of metric {self.metric} to {self.model} if every answer is new and has max_tokens{cost}"


def metric_requests(plan: Plan, requests: Sequence[Request]) -> Iterator[MetricRequests]:
    """Return what each metric sends to each of its models if all answers to these requests are new and have max_tokens.

    A metric that compares with accepted answers sends nothing without them.
    Sentences have 20 tokens, tokens 4 characters, and answers at most 4,000 tokens. Of more than 500 requests, at most
    500 stand for all.
    """
    tried = requests[:: -(-len(requests) // _MOST_TRIED)] if requests else ()
    sent = [_sent(plan, request) for request in tried] if plan.metric_models else []
    for number, metric in enumerate(plan.metrics if sent else ()):
        mine = [each[number] for each in sent]
        if any(isinstance(one, MetricError) for one in mine):
            yield from (MetricRequests(metric.name, model, None) for model in dict.fromkeys(metric.models))
            continue
        made = [request for one in mine if not isinstance(one, MetricError) for request in one]
        yield from _by_model(plan, metric, made, len(requests) / len(tried))


def _by_model(plan: Plan, metric: Metric, made: Sequence[Request], times: float) -> Iterator[MetricRequests]:
    for model in dict.fromkeys(metric.models):
        mine = [request for request in made if request.key.model == model]
        price = plan.pricing.get(model)
        about = times * sum(map(price.about_usd, mine)) if price else None
        if mine:
            yield MetricRequests(metric.name, model, round(times * len(mine)), about)


def _sent(plan: Plan, request: Request) -> list[list[Request] | MetricError]:
    """For each metric: its requests of all rounds, if each response has the most tokens."""
    case = plan.cases.get(request.key.case)
    if case is None:  # of an earlier version of the suite
        return [[] for _ in plan.metrics]
    answered = Answered(case, request, _longest(request))
    found: list[list[Request] | MetricError] = [[] for _ in plan.metrics]
    for _ in range(plan.scorer.rounds):
        wanted = plan.scorer.requests(answered)
        found = [_joined(*pair) for pair in zip(found, wanted, strict=True)]
        replies = [one if isinstance(one, MetricError) else tuple(map(_longest, one)) for one in wanted]
        answered = replace(answered, replies=tuple(replies))
    return found


def _joined(first: list[Request] | MetricError, more: list[Request] | MetricError) -> list[Request] | MetricError:
    if isinstance(first, MetricError):
        return first
    return more if isinstance(more, MetricError) else [*first, *more]


def _longest(request: Request) -> Response:
    """The placeholder of a response: sentences with as many tokens as it may have."""
    words = min(max(1, request.params.max_tokens), _MOST_TOKENS)
    word = "x" * (CHARS_PER_TOKEN - 1)
    sentence = " ".join([word.capitalize(), *[word] * (_SENTENCE_TOKENS - 1)]) + ". "
    text = (sentence * (words // _SENTENCE_TOKENS + 1))[: words * CHARS_PER_TOKEN]
    return Response(text, "length", Usage(0, words), Timing(0.0))
