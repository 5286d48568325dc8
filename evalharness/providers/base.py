"""The provider protocol: a provider turns a request into a response."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from evalharness.providers.capabilities import Capabilities
from evalharness.records import Request, Response


class Provider(Protocol):
    """Access to one model or application. A subclass needs `complete` alone.

    The registry creates it with the options of `[tool.evalharness.models.NAME]` as keyword arguments.
    """

    capabilities: Capabilities = Capabilities()
    """Read before the first request; constant from then on."""
    generated_tokens: int = 0
    """Tokens of all responses so far, including those in flight; 0 for a provider that does not count."""
    modules: Sequence[str] = ()
    """Modules that `prepare` and `complete` import on first use. The run imports them before it starts a request,
    because its threads must not import: see `evalharness.modules`."""

    def identity(self) -> Mapping[str, Any]:
        """Return what a response depends on besides the request: file hash, engine build, address.

        Loads no model and opens no connection.
        """
        return {"provider": type(self).__name__}

    def wire(self, request: Request) -> Mapping[str, Any]:
        """Return everything in the request that can change its response, as JSON values."""
        return {
            "messages": [message.to_data() for message in request.messages],
            "shared_prefix": request.shared_prefix,
            "params": request.params.to_data(),
            **({"golden": list(request.golden)} if request.golden else {}),
            **({"choices": list(request.choices)} if request.choices else {}),
            **({"tools": [tool.to_data() for tool in request.tools]} if request.tools else {}),
        }

    def prepare(self) -> None:
        """Load what takes long. Runs in a thread before the first request, and again after `unload`."""
        return

    def complete(self, request: Request) -> Response | Awaitable[Response]:
        """Return the response. May be `async`; a plain function runs in a thread.

        Raises ProviderError: this request failed, and the run continues with the next one.
        """
        ...

    def with_code_in(self, folder: Path) -> Provider:
        """Return a provider that runs the project's code in `folder`, a checkout of another commit.

        Called if the capabilities have `own_code`. From then on, this provider answers requests of the purpose
        `reference` with that code. Raises ConfigError: the code in `folder` cannot run.
        """
        return self

    def unload(self) -> None:
        """Free the memory until the next `prepare`.

        Runs in a thread while no request waits for the model. A request past its deadline may still be in flight, and
        must end. Raises nothing.
        """
        return

    def close(self) -> Awaitable[None] | None:
        """Release everything. Safe to call twice, and while a request is in flight, which then fails."""
        return None
