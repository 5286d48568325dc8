"""Anthropic's messages: https://docs.anthropic.com/en/api/messages and .../messages-streaming; the form of an answer:
https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs.

    [tool.evalharness.models.claude]
    provider = "anthropic"
    model = "claude-sonnet-4-5"
    api_key_env = "ANTHROPIC_API_KEY"

An answer is complete when `message_stop` and a stop reason are both there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import takewhile
from typing import Any, ClassVar

from evalharness.errors import ProviderError
from evalharness.providers.remote import (
    Clock,
    RemoteProvider,
    from_json,
    joined,
    read_events,
    table,
    text_of,
    token_count,
)
from evalharness.records import FinishReason, Request, Response, Usage
from evalharness.redaction import shortened
from evalharness.wire import EndpointError, Event
from evalharness.wire.statuses import explained, overloaded

_VERSION = "2023-06-01"
_FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}
_NO_ANSWER = {
    "refusal": ("refused", "the model refuses to answer"),
    "tool_use": ("tool call", "the model wants to use a tool instead of answering"),
    "pause_turn": ("tool call", "the model paused a turn that uses tools"),
}


@dataclass(kw_only=True)
class AnthropicProvider(RemoteProvider):
    """One model of Anthropic's, or of an endpoint that speaks its format."""

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
        """The body: system messages stand apart from the turns. Raises ProviderError where one follows a turn. The
        schema is text as yet: in a key the order of its properties counts.
        """
        messages = [asdict(message) for message in request.messages]
        system = list(takewhile(lambda message: message["role"] == "system", messages))
        turns = messages[len(system) :]
        if any(message["role"] == "system" for message in turns):
            raise ProviderError("this format takes system messages only before the first turn", kind="request")
        blocks = [{"type": "text", "text": message["content"]} for message in system]
        head = {"model": self.model, **({"system": blocks} if blocks else {})}
        return {**head, "messages": turns, **self._sent(request.params), **self.extra}

    async def complete(self, request: Request) -> Response:
        """The answer. Raises ProviderError."""
        body = {**self.wire(request), "stream": True}
        if schema := body.pop("json_schema", ""):
            form = {"type": "json_schema", "schema": json.loads(schema)}
            body["output_config"] = {**body.get("output_config", {}), "format": form}
        headers = {"anthropic-version": _VERSION}
        parts = _Parts(Clock())
        async with self._endpoint.post("/v1/messages", body, attempt=request.attempt, headers=headers) as answer:
            if answer.content_type == "application/json":
                raise EndpointError(f"the answer is no event stream: {shortened(await answer.json(), 300)}")
            await read_events(answer, parts.take_event)
        return parts.response()

    def _leaves_the_form(self) -> bool:
        given = self.extra.get("output_config", {})
        return isinstance(given, Mapping) and "format" not in given


@dataclass(slots=True)
class _Parts:
    """What has come of one answer."""

    clock: Clock
    text: list[str] = field(default_factory=list)
    stop_reason: str = ""
    usage: dict[str, Any] = field(default_factory=dict)
    model: str = ""

    def take_event(self, event: Event) -> bool:
        """Whether this was the last one. Events that are not known are read over, as Anthropic asks for."""
        value = from_json(event.data)
        kind = value.get("type")
        if kind == "message_stop":
            self.clock.end()
            return True
        if kind == "error":
            code, _, message = explained(value)
            raise EndpointError(
                f"the endpoint broke off: {code} {message}", kind="server" if overloaded(code) else "malformed"
            )
        if kind == "message_start":
            self._begin(table(value.get("message"), "message"))
        elif kind == "content_block_delta":
            self._take_delta(table(value.get("delta"), "delta"))
        elif kind == "message_delta":
            delta = table(value.get("delta"), "delta")
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
        """Counts are cumulative, and the end repeats some of the beginning's: the last of each name holds."""
        found = table(holder.get("usage") or {}, "usage")
        self.usage.update({name: number for name, number in found.items() if number is not None})

    def response(self) -> Response:
        """The answer as a whole. Raises ProviderError when it is none."""
        if self.stop_reason in _NO_ANSWER:
            kind, message = _NO_ANSWER[self.stop_reason]
            raise EndpointError(message, kind=kind, again="never")
        if not self.stop_reason:
            raise EndpointError("the stream ended without a stop reason", kind="truncated")
        if self.stop_reason not in _FINISH:
            raise EndpointError(f"the stop reason is {shortened(self.stop_reason, 100)!r}")
        usage = self._usage()
        timing = self.clock.timing(usage, {})
        return Response(joined(self.text), _FINISH[self.stop_reason], usage, timing, self.model)

    def _usage(self) -> Usage:
        """`input_tokens` leaves out what was read from a cache or written to one."""
        names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
        fresh, read, written, drawn = (token_count(self.usage.get(name), name) for name in names)
        return Usage(fresh + read + written, drawn, cached_tokens=read)
