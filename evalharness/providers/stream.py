"""Reading a streamed response: its events and its timing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from evalharness.errors import ProviderError
from evalharness.records import Timing, Usage
from evalharness.wire import EndpointError, Event, EventReader, HttpResponse

_SPREAD_S = 0.02
"""Chunks that arrive within this time come from a buffer: they do not show the speed of generation."""
_AFTER_THE_END_S = 1.0
"""Seconds to wait for the end of the body, so that the connection can be reused."""

_UNFINISHED = ("", "[DONE]", "data: [DONE]", "data:[DONE]")
"""Ends of a body in which nothing is lost: some servers send no blank line, or no marker at all."""


@dataclass(slots=True)
class StreamTimes:
    """When each piece of a stream arrived and when it ended, also of one that failed, for a load test."""

    clock: Callable[[], float]
    pieces: list[float] = field(default_factory=list)
    ended: float | None = None


STREAM_TIMES: ContextVar[StreamTimes | None] = ContextVar("stream_times", default=None)
"""Set it in the context of a request to get the times of its stream."""


@dataclass(slots=True)
class Clock:
    """Measures one response."""

    started: float = field(default_factory=time.perf_counter)
    first_token: float | None = None
    ended: float | None = None
    watched: StreamTimes | None = field(default_factory=STREAM_TIMES.get)

    def token(self) -> None:
        """Mark a chunk with text; the first one counts."""
        if self.first_token is None:
            self.first_token = time.perf_counter()
        if self.watched is not None:
            self.watched.pieces.append(self.watched.clock())

    def end(self) -> None:
        """Mark the end of the response."""
        self.ended = time.perf_counter()
        if self.watched is not None:
            self.watched.ended = self.watched.clock()

    def timing(self, usage: Usage, reported: Mapping[str, Any], *, hidden_tokens: int = 0) -> Timing:
        """Return the timing.

        `reported`: rates that the server measures itself, as llama-server does. `hidden_tokens`: reasoning that the
        endpoint does not send, generated before the first token.
        """
        ended = self.ended or time.perf_counter()
        first_s = None if self.first_token is None else self.first_token - self.started
        decoding_s = None if self.first_token is None else ended - self.first_token
        generated = usage.completion_tokens - hidden_tokens - 1
        decode = generated / decoding_s if decoding_s and decoding_s > _SPREAD_S and generated > 0 else None
        return Timing(
            total_s=ended - self.started,
            first_token_s=first_s,
            prompt_tokens_per_s=_rate(reported.get("prompt_per_second")),
            decode_tokens_per_s=_rate(reported.get("predicted_per_second", decode)),
        )


async def read_events(
    response: HttpResponse, take: Callable[[Event], bool], is_complete: Callable[[], bool] = lambda: False
) -> None:
    """Pass each event to `take` until it returns True for the last one.

    `is_complete`: whether the end of the body that HTTP marks can replace the last event. Raises EndpointError: the
    body ends earlier, or is not an event stream in UTF-8.
    """
    reader, chunks = EventReader(), response.chunks()
    async for chunk in chunks:
        try:
            if any(take(event) for event in reader.feed(chunk)):
                await read_to_end(chunks)
                return
        except UnicodeDecodeError as error:
            raise EndpointError(f"the response is not UTF-8: {error.reason}") from None
    if reader.is_something_else:
        raise EndpointError(f"expected an event stream, got {response.content_type or 'no content type'}")
    if not (response.is_framed and reader.unfinished in _UNFINISHED and is_complete()):
        raise EndpointError("the stream ended before its terminal marker", kind="truncated")


async def read_to_end(chunks: AsyncIterator[bytes]) -> None:
    """Read the rest of the body. The response is complete, so a failure costs only the connection."""
    with suppress(ProviderError, TimeoutError):
        async with asyncio.timeout(_AFTER_THE_END_S):
            async for _ in chunks:
                pass


def _rate(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e9 else None
