"""Requests as they arrive at the fault server, and the steps of a reply."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass
class Received:
    """One request that arrived whole, or as much of it as arrived before its connection was lost."""

    at: float
    """time.monotonic() of its first byte."""
    done_at: float
    """time.monotonic() of its last byte."""
    answered_at: float | None
    """time.monotonic() of the reply's last byte; None for a reply that hangs, is reset early or loses its client."""
    connection: int
    """Number of the TCP connection, from 0."""
    headers: dict[str, str]
    """By lower-case name."""
    raw: bytes
    """Head and body as received."""
    body: Any
    """Parsed JSON, or None."""
    case: str
    """Text of the last message, "" without messages."""
    attempt: int
    """0 for the first POST of this case, 1 for the second."""
    id: str
    """The header x-client-request-id, "" without."""
    method: str = "POST"
    path: str = ""

    @property
    def model(self) -> str:
        """The `model` of the request, "" without."""
        return str(self.body.get("model", "")) if isinstance(self.body, dict) else ""


@dataclass(frozen=True)
class Send:
    """Write these bytes."""

    data: bytes


@dataclass(frozen=True)
class Wait:
    """Stay silent for some seconds; 0 flushes the bytes before it as a packet of their own."""

    seconds: float


@dataclass(frozen=True)
class Hang:
    """Stay silent until the client leaves or the server stops."""


@dataclass(frozen=True)
class Close:
    """End the connection in order (FIN)."""


@dataclass(frozen=True)
class Reset:
    """Break the connection (RST)."""


Step = Send | Wait | Hang | Close | Reset
Reply = Iterable[Step]
"""The steps of the reply to one request; a lazy iterable may send for ever."""
Script = Callable[[Received], Reply]
"""Maps each request to its reply."""


@dataclass(frozen=True)
class Packet:
    """Bytes of one read or one write; with TLS, the plain bytes."""

    at: float
    connection: int
    sent: bool
    data: bytes
