"""Scripts: how the fault server replies to each request.

A script is a function from a request to a row of steps. Wrap one in another:

    FaultServer(first(status(503), times=2))  # two errors for each case, then a healthy answer
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Protocol, TypeVar

from evalharness.testing.fault_server.chat import answer_text, chunks, completion, embeddings, sse_events
from evalharness.testing.fault_server.http_bytes import json_answer, sse_answer
from evalharness.testing.fault_server.steps import Hang, Received, Reply, Reset, Script, Send, Wait


def healthy(request: Received) -> Reply:
    """The right answer."""
    if not isinstance(request.body, dict):
        return [Send(json_answer({"error": {"message": "not JSON", "type": "invalid_request_error"}}, 400))]
    if request.path.endswith("/embeddings"):
        return [Send(json_answer(embeddings(request.body)))]
    return _text(request, answer_text(request.case))


def _text(request: Received, text: str) -> Reply:
    if request.body.get("stream"):
        return [Send(sse_answer(sse_events(chunks(text, request.model))))]
    return [Send(json_answer(completion(text, request.model)))]


def answering(text: str) -> Script:
    """The same text for every request."""
    return lambda request: _text(request, text)


def status(code: int, message: str = "The server had an error") -> Script:
    """An HTTP error with a JSON body for every request."""
    return lambda request: [Send(json_answer({"error": {"message": message}}, code))]


def hang(request: Received) -> Reply:
    """No byte of a reply, and an open connection."""
    return [Hang()]


def truncated(request: Received) -> Reply:
    """Half of a healthy reply, then a connection reset."""
    whole = b"".join(step.data for step in healthy(request) if isinstance(step, Send))
    return [Send(whole[: len(whole) // 2]), Reset()]


def first(script: Script, *, times: int = 1, then: Script = healthy) -> Script:
    """`script` for the first attempts of each case, `then` for the rest."""
    return lambda request: (script if request.attempt < times else then)(request)


def not_found(request: Received) -> Reply:
    """The reply to an unknown path, whatever the script."""
    error = {"message": f"Unknown request URL: {request.method} {request.path}", "type": "invalid_request_error"}
    return [Send(json_answer({"error": error}, 404))]


def too_many(headers: dict[str, str], **error: str) -> bytes:
    """A 429 with these headers."""
    body = {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"} | error
    return json_answer({"error": body}, 429, headers)


def token_bucket(rate: float, burst: float) -> Script:
    """`rate` requests a second and `burst` at once are healthy; the rest get 429 with Retry-After: 1."""
    level, filled_at = burst, -math.inf

    def script(request: Received) -> Reply:
        nonlocal level, filled_at
        level = min(burst, level + rate * (request.done_at - filled_at)) if rate else level
        filled_at = request.done_at
        if level < 1:
            return [Send(too_many({"retry-after": "1"}))]
        level -= 1
        return healthy(request)

    return script


def queue(service_s: float, then: Script = healthy) -> Script:
    """One server with a constant service time: a reply begins when those to all earlier requests are over.

    With arrivals at known times, the times of all replies are known: the oracle of a load test.
    """
    free_at = -math.inf

    def script(request: Received) -> Reply:
        nonlocal free_at
        free_at = max(free_at, request.done_at) + service_s
        return [Wait(free_at - request.done_at), *then(request)]

    return script


class Faulty(Protocol):
    """A fault that `mixed` can use."""

    @property
    def script(self) -> Script:
        """How the server replies."""

    @property
    def twice(self) -> bool:
        """Whether a client must survive it on two attempts in a row."""


AnyFault = TypeVar("AnyFault", bound=Faulty)


def fault_of(seed: int, share: float, faults: Sequence[AnyFault], case: str) -> tuple[AnyFault | None, int]:
    """The fault that `mixed` gives to a case, and on how many attempts: the oracle of a test."""
    numbers = random.Random(f"{seed}\0{case}")  # noqa: S311 - not for security
    if numbers.random() >= share:
        return None, 0
    fault = numbers.choice(faults)
    return fault, 2 if fault.twice and numbers.random() < 0.25 else 1


def mixed(seed: int, share: float, faults: Sequence[Faulty]) -> Script:
    """A fault on the first attempt for a share of the cases, on the second attempt too for a quarter of those."""

    def script(request: Received) -> Reply:
        fault, attempts = fault_of(seed, share, faults, request.case)
        return fault.script(request) if fault and request.attempt < attempts else healthy(request)

    return script
