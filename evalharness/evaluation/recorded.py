"""The keys by which the ledger knows a plan's requests: those of the suite, and those of its metrics."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from evalharness.errors import MetricError
from evalharness.evaluation.plan import Plan
from evalharness.execution.keys import request_key, request_text
from evalharness.providers import Provider
from evalharness.records import Request, SampleKey
from evalharness.scoring.scorer import Answered
from evalharness.store.recorded import Recorded


def wanted_keys(plan: Plan) -> dict[str, SampleKey]:
    """Return the keys of all requests of a plan to models whose responses are recorded."""
    key_of = _key_of(plan.providers)
    return {key_of(request): request.key for _, request in plan.requests if _is_recorded(plan.providers, request)}


def missing_requests(plan: Plan, recorded: Collection[str]) -> list[Request]:
    """Return the requests of a plan that are sent although the responses with these keys are recorded."""
    key_of = _key_of(plan.providers)
    return [r for _, r in plan.requests if not _is_recorded(plan.providers, r) or key_of(r) not in recorded]


def metric_keys(plan: Plan, recorded: Mapping[str, Recorded]) -> dict[str, SampleKey]:
    """Return the keys of the requests that metrics send to score these recorded responses.

    Only models whose responses are recorded count.
    """
    if not plan.scorer.sends_requests:
        return {}
    key_of = _key_of(plan.metric_models)
    wanted = [request for request in _follow_ups(plan, recorded) if _is_recorded(plan.metric_models, request)]
    return {key_of(request): request.key for request in wanted}


def _follow_ups(plan: Plan, recorded: Mapping[str, Recorded]) -> Iterator[Request]:
    key_of = _key_of(plan.providers)
    for case, request in plan.requests:
        known = recorded.get(key_of(request)) if _is_recorded(plan.providers, request) else None
        for wanted in plan.scorer.requests(Answered(case, request, known.response)) if known else ():
            yield from () if isinstance(wanted, MetricError) else wanted


def _is_recorded(models: Mapping[str, Provider], request: Request) -> bool:
    return models[request.key.model].capabilities.recorded


def _key_of(models: Mapping[str, Provider]) -> Callable[[Request], str]:
    identities = {name: provider.identity() for name, provider in models.items()}

    def key(request: Request) -> str:
        model = request.key.model
        return request_key(request_text(models[model], identities[model], request))

    return key
