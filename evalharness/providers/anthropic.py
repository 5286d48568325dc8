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
from dataclasses import dataclass
from typing import Any, ClassVar

from evalharness.providers.claude_message import ClaudeMessage
from evalharness.providers.claude_request import prompt_fields, tools_of, turns_of
from evalharness.providers.remote import RemoteProvider
from evalharness.providers.stream import Clock, read_events
from evalharness.records import Request, Response

_VERSION = "2023-06-01"


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

        Schemas stay text, since the order of their properties is part of the ledger's key.
        Raises ProviderError: a system message follows a turn.
        """
        return {"model": self.model, **prompt_fields(request), **self._sent(request.params), **self.extra}

    async def complete(self, request: Request) -> Response:
        """Return the response. Raises ProviderError."""
        body = {**self.wire(request), "stream": True}
        if schema := body.pop("json_schema", ""):
            form = {"type": "json_schema", "schema": json.loads(schema)}
            body["output_config"] = {**body.get("output_config", {}), "format": form}
        if request.tools:
            body["tools"] = tools_of(request.tools)
        if request.media_types:
            body["messages"] = turns_of(request)
        headers = {"anthropic-version": _VERSION}
        found = ClaudeMessage(Clock())
        async with self._endpoint.post("/v1/messages", body, attempt=request.attempt, headers=headers) as response:
            if response.is_json:
                found.take_whole(await response.json())
            else:
                await read_events(response, found.take_event)
        return found.response(request)

    def _takes_schema(self) -> bool:
        given = self.extra.get("output_config", {})
        return isinstance(given, Mapping) and "format" not in given
