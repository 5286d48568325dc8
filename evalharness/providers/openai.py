"""OpenAI's Chat Completions API: OpenAI, Azure, Gemini and Bedrock (compatible endpoints), vLLM, llama-server, Ollama.

    [tool.evalharness.models.gpt-mini]
    provider = "openai"
    base_url = "https://api.openai.com/v1"
    model = "gpt-4o-mini"
    api_key_env = "OPENAI_API_KEY"

A response is complete after both the terminal marker (`data: [DONE]`) and a finish reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from evalharness.errors import BilledError, ConfigError
from evalharness.providers.parse import (
    broken_off,
    estimate_usage,
    from_json,
    join_text,
    json_object,
    text_of,
    token_count,
)
from evalharness.providers.remote import RemoteProvider
from evalharness.providers.stream import Clock, read_events
from evalharness.records import FinishReason, Request, Response, Usage
from evalharness.redaction import shortened
from evalharness.wire import EndpointError, Event

_FINISH: Mapping[str, FinishReason] = {"stop": "stop", "length": "length"}
_NO_TEXT = {
    "content_filter": ("filtered", "the endpoint's content filter stopped the response"),
    "tool_calls": ("tool call", "the model calls a tool instead of responding"),
    "function_call": ("tool call", "the model calls a function instead of responding"),
}


@dataclass(kw_only=True)
class OpenAIProvider(RemoteProvider):
    """A model behind OpenAI's API, at one or more addresses."""

    stream: bool = True
    """False for an endpoint that cannot stream: the time to the first token is then unknown."""
    stream_usage: bool = True
    """False for an endpoint that rejects `stream_options`: token counts are then marked as estimates."""
    max_tokens_field: str = "max_tokens"
    """OpenAI's reasoning models require `max_completion_tokens`."""

    format: ClassVar[str] = "openai"
    names: ClassVar[Mapping[str, str]] = {
        name: name for name in ("max_tokens", "temperature", "seed", "top_p", "stop", "json_schema")
    }

    def wire(self, request: Request) -> Mapping[str, Any]:
        """Return the body without the fields for delivery.

        The schema stays text, since the order of its properties is part of the ledger's key.
        """
        sent = self._sent(request.params)
        if "max_tokens" in sent:
            sent[self.max_tokens_field] = sent.pop("max_tokens")
        messages = [asdict(message) for message in request.messages]
        return {"model": self.model, "messages": messages, **sent, **self.extra}

    async def complete(self, request: Request) -> Response:
        """Return the response. Raises ProviderError."""
        body = {**self.wire(request), "stream": self.stream}
        if self.stream and self.stream_usage:
            body["stream_options"] = {"include_usage": True}
        if schema := body.pop("json_schema", ""):
            form = {"name": "answer", "schema": json.loads(schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        clock = Clock()
        parts = _Parts(clock)
        async with self._endpoint.post("/chat/completions", body, attempt=request.attempt) as response:
            if response.content_type == "application/json":
                parts.take_whole(json_object(await response.json(), "the response"))
            else:
                await read_events(response, parts.take_event)
        return parts.response(request)

    def _takes_schema(self) -> bool:
        return "response_format" not in self.extra

    def _check(self) -> None:
        super()._check()
        if self.max_tokens_field not in ("max_tokens", "max_completion_tokens"):
            raise ConfigError("'max_tokens_field': expected max_tokens or max_completion_tokens")


@dataclass(slots=True)
class _Parts:
    """The response so far."""

    clock: Clock
    text: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    finish: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    timings: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    fingerprint: str = ""

    def take_event(self, event: Event) -> bool:
        """Return whether this is the terminal marker."""
        if event.data.strip() == "[DONE]":
            self.clock.end()
            return True
        self._take(from_json(event.data), "delta")
        return False

    def take_whole(self, value: Mapping[str, Any]) -> None:
        """Take a response that is not streamed."""
        self.clock.end()
        self._take(value, "message")
        if not self.finish:
            raise EndpointError("the response has no finish reason", kind="malformed")

    def _take(self, value: Mapping[str, Any], name: str) -> None:
        if value.get("error"):
            raise broken_off(value)
        self.model = text_of(value.get("model"), "model") or self.model
        self.fingerprint = text_of(value.get("system_fingerprint"), "system_fingerprint") or self.fingerprint
        self.usage = json_object(value.get("usage") or self.usage, "usage")  # the last one counts
        self.timings = json_object(value.get("timings") or self.timings, "timings")
        choices = value.get("choices")
        if not isinstance(choices, list) or (name == "message" and not choices):
            raise EndpointError(f"a chunk of the response has no choices: {shortened(value)}")
        for choice in choices:
            self._take_choice(json_object(choice, "a choice"), name)

    def _take_choice(self, choice: Mapping[str, Any], name: str) -> None:
        if choice.get("index", 0) != 0:
            return
        finish = text_of(choice.get("finish_reason"), "finish_reason")
        given = choice.get(name)
        part = json_object({} if given is None and finish else given, f"the {name}")
        content = text_of(part.get("content"), "content")
        self.refusal.append(text_of(part.get("refusal"), "refusal"))
        if name == "delta" and (content or part.get("reasoning_content") or part.get("reasoning")):
            self.clock.token()
        self.text.append(content)
        self.finish = finish or self.finish

    def response(self, request: Request) -> Response:
        """Return the complete response. Raises BilledError: the model refuses or calls a tool; EndpointError."""
        if refusal := "".join(self.refusal):
            raise BilledError(f"the model refuses: {shortened(refusal, 500)}", kind="refused")
        if self.finish in _NO_TEXT:
            kind, message = _NO_TEXT[self.finish]
            raise BilledError(message, kind=kind)
        if not self.finish:
            raise EndpointError("the stream ended without a finish reason", kind="truncated")
        if self.finish not in _FINISH:
            raise EndpointError(f"unknown finish reason: {shortened(self.finish, 100)!r}")
        text = join_text(self.text)
        usage = self._usage(request, text)
        timing = self.clock.timing(usage, self.timings)
        return Response(text, _FINISH[self.finish], usage, timing, self.model, self.fingerprint)

    def _usage(self, request: Request, text: str) -> Usage:
        if "prompt_tokens" not in self.usage:
            return estimate_usage(request, text)
        details = json_object(self.usage.get("prompt_tokens_details") or {}, "prompt_tokens_details")
        return Usage(
            token_count(self.usage["prompt_tokens"], "prompt_tokens"),
            token_count(self.usage.get("completion_tokens"), "completion_tokens"),
            token_count(details.get("cached_tokens"), "cached_tokens"),
        )
