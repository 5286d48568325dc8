"""Anthropic's Messages API: https://docs.anthropic.com/en/api/messages and .../messages-streaming; JSON schemas:
https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs.

    [tool.evalharness.models.claude]
    provider = "anthropic"
    model = "claude-sonnet-4-5"
    api_key_env = "ANTHROPIC_API_KEY"

A response is complete after both `message_stop` and a stop reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import takewhile
from typing import Any, ClassVar

from evalharness.errors import BilledError, ProviderError
from evalharness.providers.parse import broken_off, from_json, join_text, json_object, text_of, token_count
from evalharness.providers.remote import RemoteProvider
from evalharness.providers.stream import Clock, read_events
from evalharness.records import FinishReason, Request, Response, Usage
from evalharness.redaction import shortened
from evalharness.wire import EndpointError, Event

_VERSION = "2023-06-01"
_FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}
_NO_TEXT = {
    "refusal": ("refused", "the model refuses to respond"),
    "tool_use": ("tool call", "the model calls a tool instead of responding"),
    "pause_turn": ("tool call", "the model paused a turn that uses tools"),
}


@dataclass(kw_only=True)
class AnthropicProvider(RemoteProvider):
    """A model of Anthropic, or of an endpoint with the same API."""

    base_url: str | None = "https://api.anthropic.com"
    key_header: str = "x-api-key"

    format: ClassVar[str] = "anthropic"
    names: ClassVar[Mapping[str, str]] = {
        "max_tokens": "max_tokens",
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "stop": "stop_sequences",
        "json_schema": "json_schema",
    }

    def wire(self, request: Request) -> Mapping[str, Any]:
        """Return the body, with system messages apart from the turns.

        The schema stays text, since the order of its properties is part of the ledger's key.
        Raises ProviderError: a system message follows a turn.
        """
        messages = [asdict(message) for message in request.messages]
        system = list(takewhile(lambda message: message["role"] == "system", messages))
        turns = messages[len(system) :]
        if any(message["role"] == "system" for message in turns):
            raise ProviderError("system messages must precede the first turn in this API", kind="request")
        blocks = [{"type": "text", "text": message["content"]} for message in system]
        head = {"model": self.model, **({"system": blocks} if blocks else {})}
        return {**head, "messages": turns, **self._sent(request.params), **self.extra}

    async def complete(self, request: Request) -> Response:
        """Return the response. Raises ProviderError."""
        body = {**self.wire(request), "stream": True}
        if schema := body.pop("json_schema", ""):
            form = {"type": "json_schema", "schema": json.loads(schema)}
            body["output_config"] = {**body.get("output_config", {}), "format": form}
        headers = {"anthropic-version": _VERSION}
        parts = _Parts(Clock())
        async with self._endpoint.post("/v1/messages", body, attempt=request.attempt, headers=headers) as response:
            if response.content_type == "application/json":
                text = shortened(await response.json(), 300)
                raise EndpointError(f"expected an event stream, got application/json: {text}")
            await read_events(response, parts.take_event)
        return parts.response()

    def _takes_schema(self) -> bool:
        given = self.extra.get("output_config", {})
        return isinstance(given, Mapping) and "format" not in given


@dataclass(slots=True)
class _Parts:
    """The response so far."""

    clock: Clock
    text: list[str] = field(default_factory=list)
    stop_reason: str = ""
    usage: dict[str, Any] = field(default_factory=dict)
    model: str = ""

    def take_event(self, event: Event) -> bool:
        """Return whether this is the last event. Unknown events are ignored, as Anthropic's documentation requires."""
        value = from_json(event.data)
        kind = value.get("type")
        if kind == "message_stop":
            self.clock.end()
            return True
        if kind == "error":
            raise broken_off(value)
        if kind == "message_start":
            self._begin(json_object(value.get("message"), "message"))
        elif kind == "content_block_delta":
            self._take_delta(json_object(value.get("delta"), "delta"))
        elif kind == "message_delta":
            delta = json_object(value.get("delta"), "delta")
            self.stop_reason = text_of(delta.get("stop_reason"), "stop_reason") or self.stop_reason
            self._count(value)
        return False

    def _begin(self, message: Mapping[str, Any]) -> None:
        self.model = text_of(message.get("model"), "model")
        self._count(message)

    def _take_delta(self, delta: Mapping[str, Any]) -> None:
        text = text_of(delta.get("text"), "text") if delta.get("type") == "text_delta" else ""
        if text or delta.get("thinking"):
            self.clock.token()
        self.text.append(text)

    def _count(self, holder: Mapping[str, Any]) -> None:
        """Keep the last count of each name: counts are cumulative."""
        found = json_object(holder.get("usage") or {}, "usage")
        self.usage.update({name: number for name, number in found.items() if number is not None})

    def response(self) -> Response:
        """Return the complete response. Raises BilledError: the model refuses or calls a tool; EndpointError."""
        if self.stop_reason in _NO_TEXT:
            kind, message = _NO_TEXT[self.stop_reason]
            raise BilledError(message, kind=kind)
        if not self.stop_reason:
            raise EndpointError("the stream ended without a stop reason", kind="truncated")
        if self.stop_reason not in _FINISH:
            raise EndpointError(f"unknown stop reason: {shortened(self.stop_reason, 100)!r}")
        usage = self._usage()
        timing = self.clock.timing(usage, {})
        return Response(join_text(self.text), _FINISH[self.stop_reason], usage, timing, self.model)

    def _usage(self) -> Usage:
        """Return the token counts; `input_tokens` excludes the tokens of the cache."""
        names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
        uncached, read, written, generated = (token_count(self.usage.get(name), name) for name in names)
        return Usage(uncached + read + written, generated, cached_tokens=read)
