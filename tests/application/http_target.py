"""An application behind HTTP for the tests: options, one request, and scripts of the fault server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalharness.application.http_provider import HttpProvider
from evalharness.config import Config, ModelConfig
from evalharness.errors import ProviderError
from evalharness.execution.sound import sound
from evalharness.providers import open_provider
from evalharness.records import Message, Params, Request, Response, SampleError, SampleKey
from evalharness.redaction import scrub
from evalharness.testing.fault_server import FaultServer, Script, Send, head

PATIENCE_S = 60
MESSAGES = (Message("system", "Be brief."), Message("user", "Why?"))


def question(**variables: Any) -> Request:
    """A request with these variables."""
    return Request(SampleKey("a", "p", "rag", 0), MESSAGES, 1, Params(), "try-1", variables=variables)


def opened(url: str, root: Path | None = None, **options: Any) -> HttpProvider:
    """The provider at this address. Raises ConfigError."""
    model = ModelConfig(provider="http", **{"url": url, **options})
    found = open_provider("rag", Config(root=root or Path(), models={"rag": model}))
    assert isinstance(found, HttpProvider)
    return found


def ask(url: str, request: Request | None = None, **options: Any) -> Response:
    """The answer as a run records it. Raises the provider's errors."""

    async def run() -> Response:
        provider = opened(url, **options)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return sound(await provider.complete(request or question()))
        finally:
            await provider.close()

    return asyncio.run(run())


def result(url: str, **options: Any) -> Response | SampleError:
    """The answer, or the error as a run records it."""
    try:
        return ask(url, **options)
    except ProviderError as error:
        return SampleError(error.kind, scrub(str(error)))


def raw(data: bytes, content_type: str = "application/json", status: int = 200, **headers: str) -> Script:
    """A whole response with this body."""
    fields = {"content-length": str(len(data)), **({"content-type": content_type} if content_type else {}), **headers}
    return lambda request: [Send(head(status, fields) + data)]


def address(server: FaultServer) -> str:
    """The only path that the fault server knows for an application."""
    return f"{server.url}/chat/completions"


OPTIONS: Mapping[str, Any] = {
    "body": {"question": "{{ question }}"},
    "text": "$.answer.text",
    "contexts": {"id": "$.docs[*].id", "text": "$.docs[*].body", "score": "$.docs[*].score"},
    "tool_calls": {"name": "$.calls[*].function.name", "arguments": "$.calls[*].function.arguments"},
    "cost_usd": "$.cost",
    "usage": "$.usage",
    "error": "$.error",
    "refusal": "$.refusal",
    "reasoning": "$.thoughts",
    "citations": {"source": "$.cites[*].url", "quote": "$.cites[*].text"},
}
ANSWER: Mapping[str, Any] = {
    "answer": {"text": "Within 30 days."},
    "docs": [{"id": 1, "body": "30 days.", "score": 0.5}, {"id": "b", "body": "Sale items."}],
}
