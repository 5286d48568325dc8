"""HTTP for providers and remote metrics: endpoints, keys, status codes, event streams; no model's format."""

from evalharness.wire.endpoint import MODULES, Endpoint, is_local
from evalharness.wire.events import Event, EventReader
from evalharness.wire.response import EndpointError, HttpResponse

__all__ = ["MODULES", "Endpoint", "EndpointError", "Event", "EventReader", "HttpResponse", "is_local"]
