"""HTTP for providers and remote metrics: endpoints, keys, status codes, event streams; no model's format."""

from evalharness.wire.address import checked_address, is_local
from evalharness.wire.endpoint import MODULES, Endpoint, json_bytes
from evalharness.wire.events import Event, EventReader
from evalharness.wire.response import EndpointError, HttpResponse

__all__ = [
    "MODULES",
    "Endpoint",
    "EndpointError",
    "Event",
    "EventReader",
    "HttpResponse",
    "checked_address",
    "is_local",
    "json_bytes",
]
