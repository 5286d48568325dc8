"""What a provider is: it turns a request into a response."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import asdict, fields
from typing import Any, Protocol

from evalharness.records import Params, Request, Response

ALL_PARAMS = frozenset(field.name for field in fields(Params))
NEUTRAL = Params(temperature=None, seed=None)
"""Of each parameter the value that means "leave it alone"."""
ALWAYS_SENT = frozenset({"max_tokens"})
"""A bound on the answer, which every format has."""


class Provider(Protocol):
    """A way to reach a model. A class of its own needs `complete` alone: the rest has the defaults below.

    Made by a factory of the registry, with the options of `[tool.evalharness.models.NAME]`.
    """

    concurrency: int = 1
    """Requests that may be under way at once. More than 20 are reached step by step, and fewer when it says 429."""
    retries: int = 0
    """How often a request that failed may be asked again."""
    deadline_s: float = 120.0
    """For one request, with all its tries and waits."""
    recorded: bool = False
    """Whether responses are kept and replayed: only where `identity` and `wire` say all that an answer depends on."""
    local: bool = False
    """Whether its seconds depend on how busy this machine is."""
    accepts: frozenset[str] = ALL_PARAMS
    """The parameters that it passes on: a suite that sets another one is refused before anything is asked."""
    drawn: int = 0
    """Tokens of all answers so far, those under way too; 0 where nobody counts them as they come."""
    scores_golden: bool = False
    """Whether it fills `Response.golden_logprobs` for the golden answers of a request; a suite with a metric that needs
    them is refused otherwise.
    """

    def identity(self) -> Mapping[str, Any]:
        """What an answer depends on besides the request: file hash, engine build, address, ... Starts nothing."""
        return {"provider": type(self).__name__}

    def wire(self, request: Request) -> Mapping[str, Any]:
        """All of the request that can change its answer, as JSON can hold it."""
        return {
            "messages": [asdict(message) for message in request.messages],
            "shared_prefix": request.shared_prefix,
            "params": request.params.to_data(),
            **({"golden": list(request.golden)} if request.golden else {}),
        }

    def price_reference(self) -> tuple[str, str] | None:
        """Address and name by which a price list knows the model; None for a model that is in none."""
        return None

    def repeats_differ(self, params: Params) -> bool:
        """Whether a second draw of the same request, with the next seed, can give another answer."""
        return True

    def memory_bytes(self) -> int | None:
        """Bytes of this machine's memory that the open model holds; None: a negligible amount. Starts nothing and
        raises nothing. Models that hold memory run one at a time, see `evalharness.execution.memory_manager`.
        """
        return None

    def unload(self) -> None:
        """Give the memory back until `prepare` starts the model again. Called in a thread while no request waits for
        the model; one that is still in flight (its deadline has passed) is to end. Raises nothing.
        """
        return

    def prepare(self) -> None:
        """Do what takes long. Called outside of the event loop, before the first request and before the first one after
        `unload`.
        """
        return

    def complete(self, request: Request) -> Response | Awaitable[Response]:
        """The answer; a plain function is called in a thread. Raises ProviderError: then this request has failed, and
        the next one may be asked.
        """
        ...

    def close(self) -> Awaitable[None] | None:
        """Give everything back; safe to call twice, and while a request is under way, which then fails."""
        return None


def unaccepted(params: Params, accepts: frozenset[str]) -> list[str]:
    """The parameters that are set to something else than "leave it alone", and that are not accepted."""
    names = [field.name for field in fields(Params) if field.name not in accepts | ALWAYS_SENT]
    return [name for name in names if getattr(params, name) != getattr(NEUTRAL, name)]
