"""One model on one node: an actor of Ray.

A response is in the outbox of the worker before it is returned. If the connection or the run is lost then, the response
is not: see `evalharness.store.outbox`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from evalharness import __version__
from evalharness.config import Config, ModelConfig
from evalharness.errors import ConfigError, EvalHarnessError, StoreError
from evalharness.execution.keys import request_key, request_text
from evalharness.execution.local import LocalExecutor
from evalharness.execution.on_ray.failure import Answer, Failure, failure_of
from evalharness.execution.on_ray.order import Assignment, request_of, response_data
from evalharness.execution.pricing import pricing_of
from evalharness.execution.sound import sound
from evalharness.execution.threads import Threads
from evalharness.modules import import_modules
from evalharness.providers import Provider, open_provider, refusal_of
from evalharness.providers.estimates import with_estimates
from evalharness.records import Request, Response
from evalharness.store.outbox import Outbox, delete, kept_in, left_behind, lines_of
from evalharness.store.recorded import Recorded

_ELSEWHERE = (
    "this node has no folder {root}: copy the project to the same path on each node, or let Ray upload it with "
    "working_dir = true in [tool.evalharness.executors.ray]"
)


class Worker:
    """Answers requests to one model. Ray calls the methods on an event loop."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._provider: Provider | None = None
        self._running: dict[str, asyncio.Future[Answer | Failure]] = {}
        self._threads = Threads()
        self._failure: Failure | None = None
        self._outbox: Outbox | None = None
        try:
            self._open()
        except EvalHarnessError as error:
            self._failure = failure_of(_with_place(error, Path(assignment.root)))

    def _open(self) -> None:
        given = self._assignment
        if __version__ != given.version:
            raise ConfigError(f"expected evalharness {given.version} as in the run, got {__version__}: install it")
        table = ModelConfig.model_validate(given.table)
        config = Config(root=Path.cwd() if given.uploaded else Path(given.root), models={given.model: table})
        self._provider = provider = open_provider(given.model, config)
        import_modules(provider.modules)
        self._executor = LocalExecutor({given.model: provider})
        self._identity = provider.identity()
        self._is_priced = pricing_of(table.price, provider) is not None
        if provider.capabilities.recorded:
            self._outbox = Outbox(store_folder(given.store), given.worker)

    async def ping(self) -> int:
        """Return the id of the process: the worker has a place."""
        return os.getpid()

    async def prepare(self) -> Mapping[str, Any] | Failure:
        """Prepare the provider. Returns its identity."""
        if self._failure is not None or self._provider is None:
            return self._failure or Failure("ModelUnavailableError", "the worker is closed")
        if refusal := refusal_of(self._provider):  # such as a missing key: the run's environment is not the node's
            return failure_of(refusal)
        try:
            await self._threads.call(lambda: self._executor.prepare(self._assignment.model))
        except Exception as error:
            return failure_of(error)
        return dict(self._identity)

    async def complete(self, data: bytes, recorded: Sequence[str]) -> Answer | Failure:
        """Return the response to a request. `recorded`: attempts whose responses are in the ledger."""
        if self._outbox is not None and recorded:
            self._outbox.forget(recorded)
        request = request_of(data)
        running = asyncio.ensure_future(self._complete(request))
        self._running[request.attempt] = running
        try:
            return await running
        except asyncio.CancelledError:
            running.cancel()
            raise
        finally:
            del self._running[request.attempt]

    async def _complete(self, request: Request) -> Answer | Failure:
        try:
            response = self._counted(request, sound(await self._executor.start(request)))
        except Exception as error:
            return failure_of(error)
        return Answer(response_data(response), await self._keep(request, response))

    def _counted(self, request: Request, response: Response) -> Response:
        """The response with the estimates that its price needs, as in `Accounts.counted`."""
        if not self._is_priced:
            return response
        return replace(response, usage=with_estimates(response.usage, request, response.text))

    async def _keep(self, request: Request, response: Response) -> str:
        """Write the response to the outbox. Returns why it could not be written; the response is good all the same."""
        if self._outbox is None or self._provider is None:
            return ""
        text = request_text(self._provider, self._identity, request)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        row = Recorded(request_key(text), text, response, now)
        try:
            await self._threads.call(partial(self._outbox.add, request.attempt, row))
        except StoreError as error:
            return str(error)
        return ""

    async def find(self, attempt: str) -> Answer | Failure | None:
        """Return how an attempt ended, waiting for its end; None for an attempt that never arrived or failed."""
        if (running := self._running.get(attempt)) is not None:
            return await asyncio.shield(running)
        kept = kept_in(find_kept(self._assignment.store, self._assignment.worker))
        return next((Answer(response_data(one.row.response)) for one in kept if one.attempt == attempt), None)

    async def close(self, recorded: Sequence[str]) -> None:
        """Release the model, and what the ledger has of the outbox."""
        self._threads.close()
        if self._outbox is not None:
            self._outbox.forget(recorded)
            self._outbox.close()
        closing = self._provider.close() if self._provider is not None else None
        if closing is not None:
            await closing


def store_folder(store: str) -> Path:
    """Return the folder of the outboxes on this node."""
    return Path(store).expanduser() if store else Config().cache_dir / "ray"


def find_kept(store: str, worker: str) -> list[str]:
    """Return the lines that a lost worker has left on this node, or in a folder that the nodes share."""
    return lines_of(store_folder(store), worker)


def find_left(store: str) -> list[tuple[str, list[str]]]:
    """Return the lines that ended workers of all runs have left on this node, by file."""
    return list(left_behind(store_folder(store)))


def delete_left(store: str, names: Sequence[str]) -> None:
    """Delete files that the ledger has now."""
    delete(store_folder(store), names)


def _with_place(error: EvalHarnessError, root: Path) -> EvalHarnessError:
    """The error, with what to do where the project is missing on this node."""
    return error if root.is_dir() else ConfigError(f"{error}; {_ELSEWHERE.format(root=root)}")
