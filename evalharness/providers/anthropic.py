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
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Any, ClassVar

from evalharness.errors import ProviderError
from evalharness.providers.claude_message import ClaudeMessage
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
