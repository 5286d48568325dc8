"""The key of a request in the ledger: everything that goes on the wire, and the identity of the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalharness.providers import Provider
from evalharness.records import Request
from evalharness.store.recorded import canonical, request_key


def request_text(provider: Provider, identity: Mapping[str, Any], request: Request) -> str:
    """Return everything that the response depends on, and the sample's number, as canonical JSON.

    A `confirm` sample continues the count of the planned ones, so a later run with more repeats replays it.
    """
    key = request.key
    purpose = {"purpose": key.purpose} if key.purpose in ("rerun", "reference") else {}
    return canonical({"model": identity, "wire": provider.wire(request), "repeat": key.repeat, **purpose})


__all__ = ["request_key", "request_text"]
