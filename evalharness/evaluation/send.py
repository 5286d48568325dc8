"""What conversations need of the engine: a way to send one request."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from evalharness.execution import Exchange
from evalharness.execution.options import RecordMode
from evalharness.records import Request


class Send(Protocol):
    """Sends one request, as the engine does."""

    def __call__(self, request: Request, record: RecordMode | None = None, /) -> Future[Exchange]:
        """Return the exchange to come. `record` is the record mode of this request."""
        ...
