"""OpenAI's chat completions: OpenAI, Azure, Gemini and Bedrock (compatible endpoints), vLLM, llama-server, Ollama.

    [tool.evalharness.models.gpt-mini]
    provider = "openai"
    base_url = "https://api.openai.com/v1"
    model = "gpt-4o-mini"
    api_key_env = "OPENAI_API_KEY"

An answer is complete when its terminal marker (`data: [DONE]`) and its finish reason are both there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from evalharness.errors import ConfigError, ProviderError
from evalharness.providers.remote import (
    Clock,
    RemoteProvider,
    estimated,
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

_FINISH: Mapping[str, FinishReason] = {"stop": "stop", "length": "length"}
_NO_ANSWER = {
    "content_filter": ("filtered", "the endpoint's content filter stopped the answer"),
    "tool_calls": ("tool call", "the model wants to call a tool instead of answering"),
    "function_call": ("tool call", "the model wants to call a function instead of answering"),
}


@dataclass(kw_only=True)
class OpenAIProvider(RemoteProvider):
    """One model at one or more addresses."""

    stream: bool = True
    """False for an endpoint that cannot: then there is no time to first token."""
    stream_usage: bool = True
    """False for an endpoint that refuses `stream_options`: tokens are then estimated, and marked so."""
    max_tokens_field: str = "max_tokens"
    """OpenAI's reasoning models want `max_completion_tokens`."""

    format: ClassVar[str] = "openai"
    names: ClassVar[Mapping[str, str]] = {
        name: name for name in ("max_tokens", "temperature", "seed", "top_p", "stop", "json_schema")
    }

    def wire(self, request: Request) -> Mapping[str, Any]:
        """The body, without the fields that only say how to deliver the answer. The schema is text as yet: in a key
        the order of its properties counts.
        """
        sent = self._sent(request.params)
        if "max_tokens" in sent:
            sent[self.max_tokens_field] = sent.pop("max_tokens")
        messages = [asdict(message) for message in request.messages]
        return {"model": self.model, "messages": messages, **sent, **self.extra}

    async def complete(self, request: Request) -> Response:
        """The answer. Raises ProviderError."""
        body = {**self.wire(request), "stream": self.stream}
        if self.stream and self.stream_usage:
            body["stream_options"] = {"include_usage": True}
        if schema := body.pop("json_schema", ""):
            form = {"name": "answer", "schema": json.loads(schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        clock = Clock()
        parts = _Parts(clock)
        async with self._endpoint.post("/chat/completions", body, attempt=request.attempt) as answer:
            if answer.content_type == "application/json":
                parts.take_whole(table(await answer.json(), "the answer"))
            else:
                await read_events(answer, parts.take_event)
        return parts.response(request)

    def _leaves_the_form(self) -> bool:
        return "response_format" not in self.extra

    def _check(self) -> None:
        super()._check()
        if self.max_tokens_field not in ("max_tokens", "max_completion_tokens"):
            raise ConfigError("'max_tokens_field' is max_tokens or max_completion_tokens")


@dataclass(slots=True)
class _Parts:
    """What has come of one answer."""

    clock: Clock
    text: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    finish: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    timings: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    fingerprint: str = ""

    def take_event(self, event: Event) -> bool:
        """Whether this was the terminal marker."""
        if event.data.strip() == "[DONE]":
            self.clock.end()
            return True
        self._take(from_json(event.data), "delta")
        return False

    def take_whole(self, value: Mapping[str, Any]) -> None:
        """An answer that came in one piece."""
        self.clock.end()
        self._take(value, "message")
        if not self.finish:
            raise EndpointError("the answer has no finish reason", kind="malformed")

    def _take(self, value: Mapping[str, Any], name: str) -> None:
        if value.get("error"):
            raise _error(value)
        self.model = text_of(value.get("model"), "model") or self.model
        self.fingerprint = text_of(value.get("system_fingerprint"), "system_fingerprint") or self.fingerprint
        self.usage = table(value.get("usage") or self.usage, "usage")  # some send it with every part: the last counts
        self.timings = table(value.get("timings") or self.timings, "timings")
        choices = value.get("choices")
        if not isinstance(choices, list) or (name == "message" and not choices):
            raise EndpointError(f"a part of the answer has no choices: {shortened(value)}")
        for choice in choices:
            self._take_choice(table(choice, "a choice"), name)

    def _take_choice(self, choice: Mapping[str, Any], name: str) -> None:
        if choice.get("index", 0) != 0:
            return
        finish = text_of(choice.get("finish_reason"), "finish_reason")
        given = choice.get(name)
        part = table({} if given is None and finish else given, f"the {name}")
        content = text_of(part.get("content"), "content")
        self.refusal.append(text_of(part.get("refusal"), "refusal"))
        if name == "delta" and (content or part.get("reasoning_content") or part.get("reasoning")):
            self.clock.token()
        self.text.append(content)
        self.finish = finish or self.finish

    def response(self, request: Request) -> Response:
        """The answer as a whole. Raises ProviderError when it is none."""
        if refusal := "".join(self.refusal):
            raise EndpointError(f"the model refuses: {shortened(refusal, 500)}", kind="refused", again="never")
        if self.finish in _NO_ANSWER:
            kind, message = _NO_ANSWER[self.finish]
            raise EndpointError(message, kind=kind, again="never")
        if not self.finish:
            raise EndpointError("the stream ended without a finish reason", kind="truncated")
        if self.finish not in _FINISH:
            raise EndpointError(f"the finish reason is {shortened(self.finish, 100)!r}")
        text = joined(self.text)
        usage = self._usage(request, text)
        timing = self.clock.timing(usage, self.timings)
        return Response(text, _FINISH[self.finish], usage, timing, self.model, self.fingerprint)

    def _usage(self, request: Request, text: str) -> Usage:
        if "prompt_tokens" not in self.usage:
            return estimated(request, text)
        details = table(self.usage.get("prompt_tokens_details") or {}, "prompt_tokens_details")
        return Usage(
            token_count(self.usage["prompt_tokens"], "prompt_tokens"),
            token_count(self.usage.get("completion_tokens"), "completion_tokens"),
            token_count(details.get("cached_tokens"), "cached_tokens"),
        )


def _error(value: Mapping[str, Any]) -> ProviderError:
    """An error that came where a part of the answer was due: tokens may have been drawn, and billed."""
    code, _, message = explained(value)
    said = f"the endpoint broke off: {code} {message}".replace("  ", " ")
    return EndpointError(said, kind="server" if overloaded(code) else "malformed")
