"""A third party's provider: returns the last message of the request in capitals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalharness import (
    Capabilities,
    ModelUnavailableError,
    Provider,
    Request,
    Response,
    ThrottledError,
    Timing,
    Usage,
)


class Shout(Provider):
    """An asynchronous provider whose responses are recorded."""

    def __init__(self, *, suffix: str = "!", throttled: int = 0) -> None:
        """`throttled`: the number of requests that fail at first."""
        self.capabilities = Capabilities(recorded=True, deterministic="always", concurrency=4, retries=2)
        self._suffix, self._throttled, self._is_open = suffix, throttled, False

    def identity(self) -> Mapping[str, Any]:
        """Return everything besides the request that a response depends on."""
        return {"provider": "shout", "suffix": self._suffix}

    def prepare(self) -> None:
        """Open the model."""
        self._is_open = True

    async def complete(self, request: Request) -> Response:
        """Return the last message in capitals."""
        if not self._is_open:
            raise ModelUnavailableError("the model is not open", kind="load")
        if self._throttled:
            self._throttled -= 1
            raise ThrottledError("too many requests", kind="rate limit", wait_s=0.01)
        text = request.messages[-1].content.upper() + self._suffix
        tokens = len(text.split())
        self.generated_tokens += tokens
        return Response(text, "stop", Usage(tokens, tokens), Timing(total_s=0.001))

    async def close(self) -> None:
        """Close the model."""
        self._is_open = False
