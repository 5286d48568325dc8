"""What a provider is: it turns a request into a response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from evalharness.records import Params, Request, Response


class Provider(Protocol):
    """Made by a factory of the registry, with the options of `[tool.evalharness.models.NAME]`."""

    def identity(self) -> Mapping[str, Any]:
        """What an answer depends on besides the request: file hash, engine build, context, ... Starts nothing."""
        ...

    def repeats_differ(self, params: Params) -> bool:
        """Whether a second draw of the same request, with the next seed, can give another answer."""
        ...

    def prepare(self) -> None:
        """Start what takes long. Called once, before the first request, on the engine's thread."""
        ...

    def complete(self, request: Request) -> Response:
        """The answer. Raises ProviderError: then this request has failed, and the next one may be asked."""
        ...

    def close(self) -> None:
        """Give everything back; safe to call from another thread, and twice. A request under way fails."""
        ...
