"""HTTP as providers and remote metrics use it: endpoints, keys, statuses, event streams. Knows no model's format."""

from evalharness.wire.answer import Answer, EndpointError
from evalharness.wire.endpoint import Endpoint, is_local
from evalharness.wire.events import Event, EventReader

__all__ = ["Answer", "Endpoint", "EndpointError", "Event", "EventReader", "is_local"]
