"""By what a request is known in the ledger: everything that goes on the wire, and the identity of the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalharness.engine.plan import Plan
from evalharness.providers import Provider
from evalharness.records import Request, SampleKey
from evalharness.store.recorded import canonical, request_key


def request_text(provider: Provider, identity: Mapping[str, Any], request: Request) -> str:
    """All that the answer depends on, as canonical JSON; so does the repeat, for each is a draw of its own."""
    return canonical({"model": identity, "wire": provider.wire(request), "repeat": request.key.repeat})


def wanted_keys(plan: Plan) -> dict[str, SampleKey]:
    """The keys of everything that a plan asks of models whose responses are recorded."""
    found = {}
    for _, request in plan.requests:
        provider = plan.providers[request.key.model]
        if provider.recorded:
            found[request_key(request_text(provider, plan.models[request.key.model], request))] = request.key
    return found


__all__ = ["request_key", "request_text", "wanted_keys"]
