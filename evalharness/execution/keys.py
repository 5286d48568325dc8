"""By what a request is known in the ledger: everything that goes on the wire, and the identity of the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalharness.providers import Provider
from evalharness.records import Request
from evalharness.store.recorded import canonical, request_key


def request_text(provider: Provider, identity: Mapping[str, Any], request: Request) -> str:
    """All that the answer depends on, as canonical JSON; so does the repeat, for each is a draw of its own."""
    return canonical({"model": identity, "wire": provider.wire(request), "repeat": request.key.repeat})


__all__ = ["request_key", "request_text"]
