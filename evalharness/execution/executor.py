"""Where requests run: in this process, or wherever an executor of a third party sends them.

    engine.submit(request) ── recorded? ──────────────────────────────────────────────> exchange
                                └ no ── queue of the model ── executor.submit ── ledger ──┘
                                            ^                        |
                                            └─── wait, try again ────┘

An executor makes one attempt at one request. Everything else is the same for every executor and lives in the engine:
replay and recording (`replay.py`, `accounts.py`), budget and prices (`pricing.py`), order, limits and retries
(`model_queue.py`, `scheduler.py`, `limiter.py`). A killed run resumes from the ledger, so an executor keeps no state.
`evaluation/pipeline.py` passes each exchange on to `scoring/scorer.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol, cast

from evalharness import registry
from evalharness.config import Config
from evalharness.errors import ConfigError, ProviderError
from evalharness.execution.elsewhere import Elsewhere, executor_kind
from evalharness.providers import Provider
from evalharness.records import Message, Request, Response, SampleError


class Executor(Elsewhere, Protocol):
    """A place where requests run. A class of its own needs `submit` alone: the rest has the defaults below.

    Made by a factory of the registry, with the options of `[tool.evalharness.executors.NAME]`. A factory that has the
    parameter `providers` gets the opened models by name, one with `config` the configuration.
    """

    def submit(self, request: Request) -> Future[Response]:
        """Start one attempt at a request to the model `request.key.model`, and return without waiting.

        Called on the engine's event loop, once per attempt. A ProviderError in the future decides whether the
        engine retries; any other exception fails the request. The engine cancels the future at the deadline.
        """
        ...

    def start(self, request: Request) -> asyncio.Future[Response]:
        """Return the attempt of `submit` as a future of the running event loop. The engine awaits this one."""
        return asyncio.wrap_future(self.submit(request))

    def prepare(self, model: str) -> None:
        """Do the slow part (load a model, start workers) before the first request to this model.

        Called in a thread; called again before the first request after `unload`.
        """
        return

    def memory_bytes(self, model: str) -> int | None:
        """Return the bytes of this machine's memory that the model holds; None for a negligible amount.

        Models that hold memory run one at a time.
        """
        return None

    def refusal(self, model: str) -> ProviderError | None:
        """Return why every request to this model will fail here; None if unknown. Opens no connection.

        The engine then sends no request to the model.
        """
        return None

    def unload(self, model: str) -> None:
        """Release the model's memory until `prepare` loads it again. Called in a thread."""
        return

    def close(self) -> None:
        """Release everything. Called once, also while attempts are in flight."""
        return


@dataclass(slots=True)  # not frozen: making a frozen one takes several times as long
class Exchange:
    """A request that has ended: its response or its error, and the effort."""

    request: Request
    response: Response | None = None
    error: SampleError | None = None
    cost_usd: float | None = None
    """Dollars; None where no price is known, 0 for a request that shares the response of an equal one."""
    recorded_at: str = ""
    """When a replayed response was recorded: UTC, ISO 8601. Empty for a fresh one."""
    attempts: int = 0
    """Attempts of this run and of killed ones; 0 for a request that shares the response of an equal one."""
    retryable: bool = False
    """Whether the error is one after which another attempt may succeed."""
    recorded_from: str = ""
    """The recording that a replayed response was imported from; empty for a response of the endpoint."""
    transcript: tuple[Message, ...] = ()
    """The messages of an answer with tool calls and their results; empty for one without."""
    sources: tuple[str, ...] = ()
    """The same for an exchange that stands for several."""

    @property
    def all_sources(self) -> tuple[str, ...]:
        """Each recording that the response rests on."""
        return (*([self.recorded_from] if self.recorded_from else []), *self.sources)


def open_executor(executor: str | Executor | None, config: Config, providers: Mapping[str, Provider]) -> Executor:
    """Return an executor: the given object, or the one of this name; None: the one that the configuration names.

    A name is a table `[tool.evalharness.executors.NAME]`, a built-in executor or an installed one.
    Raises ConfigError: no such executor or option, or a refused value.
    """
    if executor is not None and not isinstance(executor, str):
        return _checked(executor)
    name, kind = executor or config.executor, executor_kind(executor, config)
    table = config.executors.get(name)
    options = table.options if table else {}
    place = f"[tool.evalharness.executors.{name}]" if table else "executor"
    try:
        return cast("Executor", registry.make("executors", kind, options, config=config, providers=providers))
    except (LookupError, TypeError, ValueError, ConfigError) as error:
        raise ConfigError(f"{place}: {error.args[0] if error.args else error}") from None


def _checked(executor: Executor) -> Executor:
    try:
        registry.check_members("executors", "executor", executor)
    except ValueError as error:
        raise ConfigError(f"{error}; derive its class from evalharness.Executor") from None
    return executor
