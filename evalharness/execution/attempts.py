"""One model behind an executor: prepare it, and make an attempt that no executor can prolong beyond its deadline."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from evalharness.errors import BilledError, ProviderError
from evalharness.execution.executor import Executor
from evalharness.execution.memory_manager import MemoryLease
from evalharness.execution.threads import Threads, harmless
from evalharness.logs import get_logger
from evalharness.records import Request, Response

_log = get_logger(__name__)


class Attempts:
    """Used on the event loop."""

    def __init__(self, executor: Executor, model: str, deadline_s: float, lease: MemoryLease | None) -> None:
        self._executor, self._model, self._deadline_s, self._lease = executor, model, deadline_s, lease
        self._threads = Threads()
        self._prepared: asyncio.Task[Any] | None = None

    async def prepare(self, deadline: float) -> None:
        """Prepare the model once, and again after it was unloaded; concurrent calls wait for the first.

        A failure is raised to the first caller only: the next request shows it again. Raises ProviderError at the
        deadline (on the loop's clock).
        """
        if self._lease is not None and self._lease.was_unloaded:
            self._prepared, self._lease.was_unloaded = None, False
        first = self._prepared is None
        if self._prepared is None:
            self._prepared = asyncio.ensure_future(self._open())
        left_s = deadline - asyncio.get_running_loop().time()
        if not self._prepared.done() and not (await asyncio.wait({self._prepared}, timeout=left_s))[0]:
            raise self.late(ProviderError)
        if (error := self._prepared.exception()) and first:
            raise error
        if asyncio.get_running_loop().time() >= deadline:
            raise self.late(ProviderError)

    async def _open(self) -> None:
        started = time.monotonic()
        _log.info("model %s opens", self._model)
        await self._threads.call(lambda: self._executor.prepare(self._model))
        _log.info("model %s opened in %.1f s", self._model, time.monotonic() - started)

    async def send(self, request: Request, left_s: float) -> Response:
        """Return the response. Raises ProviderError after `left_s` seconds, and whatever the executor raises."""
        attempt = self._started(request)
        try:
            done, _ = await asyncio.wait({attempt}, timeout=left_s)
        except asyncio.CancelledError:
            attempt.cancel()
            raise
        if not done:
            attempt.cancel()
            raise self.late(BilledError)
        if attempt.cancelled():
            raise BilledError("the executor cancelled the request", kind="cancelled")
        if error := attempt.exception():
            raise harmless(error)
        return attempt.result()

    def recorded(self, attempt: str) -> None:
        """Tell the executor that the response of an attempt is in the ledger."""
        self._executor.recorded(attempt)

    def _started(self, request: Request) -> asyncio.Future[Response]:
        try:
            return self._executor.start(request)
        except BaseException as error:  # SystemExit would end the loop
            raise harmless(error) from None

    def late(self, kind: type[ProviderError]) -> ProviderError:
        """Return the error of a request whose deadline has passed."""
        if self._lease is not None:
            self._lease.is_quiet = False
        text = f"no response within deadline_s = {self._deadline_s:g}"
        return kind(text, kind="deadline")

    def close(self) -> None:
        """End the threads once they are idle."""
        self._threads.close()
