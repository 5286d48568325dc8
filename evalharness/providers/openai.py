"""OpenAI's Chat Completions API, of OpenAI and of the endpoints that docs/endpoints.md lists.

    [tool.evalharness.models.gpt-mini]
    provider = "openai"
    base_url = "https://api.openai.com/v1"
    model = "gpt-4o-mini"
    api_key_env = "OPENAI_API_KEY"

A response is complete after both a finish reason and the terminal marker (`data: [DONE]`). Without a marker, the end of
the body that HTTP marks counts, after a finish reason and token counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from evalharness.errors import ConfigError
from evalharness.providers.chat_completion import ChatCompletion
from evalharness.providers.chat_request import (
    TOP_LOGPROBS,
    decision_fields,
    functions_of,
    messages_of,
    prompt_fields,
)
from evalharness.providers.remote import RemoteProvider
from evalharness.providers.stream import Clock, read_events
from evalharness.records import Request, Response


@dataclass(kw_only=True)
class OpenAIProvider(RemoteProvider):
    """A model behind OpenAI's API, at one or more addresses."""

    stream: bool = True
    """False for an endpoint that cannot stream: the time to the first token is then unknown."""
    stream_usage: bool = True
    """False for an endpoint that rejects `stream_options`: token counts are then marked as estimates."""
    max_tokens_field: str = "max_tokens"
    """OpenAI's reasoning models require `max_completion_tokens`."""
    top_logprobs: int = TOP_LOGPROBS
    """Tokens whose log-probabilities a decision of a judge reads: fewer for an endpoint that allows fewer than 20."""

    format: ClassVar[str] = "openai"
    decides = "first token"
    names: ClassVar[Mapping[str, str]] = {
        name: name for name in ("max_tokens", "temperature", "seed", "top_p", "stop", "json_schema")
    }

    def wire(self, request: Request) -> Mapping[str, Any]:
        """Return the body without the fields for delivery.

        Schemas stay text, since the order of their properties is part of the ledger's key.
        """
        sent = self._sent(request.params)
        if "max_tokens" in sent:
            sent[self.max_tokens_field] = sent.pop("max_tokens")
        asked = {**prompt_fields(request), **decision_fields(request, self.top_logprobs)}
        return {"model": self.model, **asked, **sent, **self.extra}

    async def complete(self, request: Request) -> Response:
        """Return the response. Raises ProviderError."""
        body = {**self.wire(request), "stream": self.stream}
        if self.stream and self.stream_usage:
            body["stream_options"] = {"include_usage": True}
        body.pop("choices", None)
        if schema := body.pop("json_schema", ""):
            form = {"name": "answer", "schema": json.loads(schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        if request.tools:
            body["tools"] = functions_of(request.tools)
        if request.media_types:
            body["messages"] = messages_of(request)
        found = ChatCompletion(Clock(), expects_usage=self.stream_usage, decides=bool(request.choices))
        async with self._endpoint.post("/chat/completions", body, attempt=request.attempt) as response:
            if response.is_json or not (self.stream or response.content_type == "text/event-stream"):
                found.take_whole(await response.json())
            else:
                await read_events(response, found.take_event, found.is_complete)
        return found.response(request)

    def _takes_schema(self) -> bool:
        return "response_format" not in self.extra

    def _check(self) -> None:
        super()._check()
        if self.max_tokens_field not in ("max_tokens", "max_completion_tokens"):
            raise ConfigError("'max_tokens_field': expected max_tokens or max_completion_tokens")
        if not 1 <= self.top_logprobs <= TOP_LOGPROBS:
            raise ConfigError(f"'top_logprobs' must be from 1 to {TOP_LOGPROBS}, got {self.top_logprobs}")
