"""What a pool of workers is made for, and the messages that carry requests and responses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from evalharness.records import Request, Response
from evalharness.store.recorded import canonical, response_from_json, response_to_json

_REQUEST = TypeAdapter(Request)


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker is made for."""

    model: str
    table: Mapping[str, Any]
    """The table of the model in the configuration."""
    root: str
    """The folder of the project, where the run is."""
    version: str
    """Of evalharness, where the run is."""
    worker: str = ""
    """Id of the worker."""
    store: str = ""
    """Folder of the outboxes; empty for the default of the node."""
    uploaded: bool = False
    """Whether the project is in the working directory of the worker."""


@dataclass(frozen=True, slots=True)
class Order:
    """The model of a pool, and how many workers it may have."""

    assignment: Assignment
    identity: Mapping[str, Any]
    """Of the model where the run is."""
    memory_bytes: int
    """That the model holds; 0 for an endpoint."""
    most: int
    """Most workers; 0: one on each node."""
    patience_s: float
    """Seconds to wait for a node when none is left."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request on its way, and what the gateway must know of it."""

    model: str
    attempt: str
    conversation: str
    """Id of a conversation that the application keeps; empty without one."""
    continues: bool
    """Whether the application knows the conversation."""
    request: bytes = b""


def call_of(request: Request) -> Call:
    """Return the message of a request."""
    kept = request.conversation
    data = _REQUEST.dump_json(request)
    return Call(request.key.model, request.attempt, kept.id if kept else "", bool(kept and kept.sent), data)


def request_of(data: bytes) -> Request:
    """Return the request of a message."""
    return _REQUEST.validate_json(data)


def response_data(response: Response) -> bytes:
    """Return the message of a response."""
    return canonical(response_to_json(response)).encode()


def response_of(data: bytes) -> Response:
    """Return the response of a message. Raises ValueError for an unsound one."""
    return response_from_json(json.loads(data))
