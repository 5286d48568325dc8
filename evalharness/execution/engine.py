"""Sends requests from an event loop in one thread, and replays those whose responses are recorded.

This is the layer around every executor, see `executor.py`. Requests leave in the order of their submission, many at
once, while the caller waits for the first.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import ExitStack, suppress
from functools import partial
from itertools import count
from typing import Any

from evalharness.errors import ProviderError
from evalharness.execution.accounts import Accounts
from evalharness.execution.executor import Exchange, Executor
from evalharness.execution.job import Job
from evalharness.execution.ledger_writer import LedgerWriter
from evalharness.execution.local import LocalExecutor
from evalharness.execution.memory_manager import MemoryManager
from evalharness.execution.model_queue import ModelQueue
from evalharness.execution.options import RecordMode, RunOptions
from evalharness.execution.pricing import Pricing
from evalharness.execution.replay import Replay
from evalharness.logs import get_logger
from evalharness.modules import import_modules
from evalharness.providers import Provider
from evalharness.records import Request
from evalharness.redaction import scrub
from evalharness.store.ledger import Ledger

_log = get_logger(__name__)
_REPLAYED_AT_ONCE = 256
"""The texts of all requests at once would take a lot of memory."""
_PATIENCE_S = 2.0
"""Seconds that the end of a run waits for a busy thread."""


class Engine:
    """One for all suites of an invocation, so that requests queue for a model instead of competing for the machine.

    Use as a context manager: leaving it stops the requests at once, and closes the executor and the providers.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        *,
        options: RunOptions | None = None,
        pricing: Mapping[str, Pricing] | None = None,
        ledger: Ledger | None = None,
        executor: Executor | None = None,
    ) -> None:
        """Prepare an engine; nothing is started.

        Args:
            providers: The models by name.
            options: Limits of the requests.
            pricing: The prices of models that have one.
            ledger: Where responses are recorded and found.
            executor: Where requests run. Default: this process.

        """
        self._providers, self._executor = providers, executor or LocalExecutor(providers)
        self._options, self._pricing, self._ledger = options or RunOptions(), pricing or {}, ledger
        self.warnings: list[str] = []
        """A line for each provider or executor that failed to close."""
        self._numbers = count()
        self._imported: set[str] = set()
        """The models whose modules are imported."""
        self._arrived: list[Job] = []
        self._arriving = threading.Lock()
        self._stopped = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._model_queues: dict[str, ModelQueue] = {}
        self._memory_manager = MemoryManager(self._options.memory_bytes)
        self._ledger_writer: LedgerWriter | None = None
        self._over: ProviderError | None = None
        self._replay = Replay(ledger) if ledger else None
        self._thread = threading.Thread(target=self._run_loop, daemon=True, name="evalharness-engine")

    def __enter__(self) -> Engine:
        self._loop = asyncio.new_event_loop()
        if self._ledger is not None:
            self._ledger.begin(self._options.run, self._options.budget_usd)
            self._ledger_writer = LedgerWriter(self._ledger, self._options.run, self._loop)
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stopped.set()
        with ExitStack() as ending:  # last in, first out: a provider that fails to close does not keep others open
            ending.callback(self._end_threads)
            for model, provider in self._providers.items():
                ending.callback(self._close, f"model '{model}'", provider)
            ending.callback(self._close, "executor", self._executor)
            self._on_loop(self._stop_queues(_STOPPED))

    def import_modules(self, models: Iterable[str]) -> None:
        """Import what requests to these models need, in the caller's thread. Replays alone need nothing."""
        for model in set(models) & self._providers.keys() - self._imported:
            self._imported.add(model)
            provider = self._providers[model]
            if self._options.record != "none" or not provider.capabilities.recorded:
                import_modules(provider.modules)

    def keeps_state(self, model: str) -> bool:
        """Return whether a model is an application that keeps conversations."""
        return model in self._providers and self._providers[model].capabilities.keeps_state

    def submit(self, request: Request, record: RecordMode | None = None) -> Future[Exchange]:
        """Queue a request. Returns its future exchange, which holds an error where the request failed.

        `record` is a mode for this request. It counts where that of the run is `once`.
        """
        exchange = Future[Exchange]()
        self.send(request, partial(_set, exchange), record)
        return exchange

    def send(self, request: Request, then: Callable[[Exchange], None], record: RecordMode | None = None) -> None:
        """Queue a request as `submit` does. `then` gets its exchange, mostly in the thread of the engine."""
        job = Job(next(self._numbers), request, then, record if self._options.record == "once" else None)
        if self._stopped.is_set():
            job.fail(_STOPPED)
            job.complete()
            return
        with self._arriving:
            self._arrived.append(job)
            if len(self._arrived) == 1:  # the loop takes all that have arrived when it wakes
                with suppress(RuntimeError):  # the loop has ended
                    self._loop.call_soon_threadsafe(self._admit)

    def _run_loop(self) -> None:
        if self._options.deadline_s is not None:
            self._loop.call_later(self._options.deadline_s, self._too_late)
        self._loop.run_forever()
        self._loop.run_until_complete(_end_tasks())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def _too_late(self) -> None:
        error = ProviderError(f"the run's deadline of {self._options.deadline_s:g} s is over", kind="deadline")
        self._over = error
        _log.info("%s", error)
        self._ending = asyncio.ensure_future(self._stop_queues(error))

    async def _stop_queues(self, error: ProviderError) -> None:
        self._admit()
        ended = [task for queue in self._model_queues.values() for task in queue.stop(error)]
        self._memory_manager.close()
        if ended:
            await asyncio.wait(ended, timeout=_PATIENCE_S / 2)

    def _admit(self) -> None:
        arrived: dict[str, list[Job]] = {}
        with self._arriving:
            jobs, self._arrived = self._arrived, []
        for job in jobs:
            arrived.setdefault(job.request.key.model, []).append(job)
        for model, jobs in arrived.items():
            try:
                self._queue(self._model_queue(model), jobs)
            except BaseException as error:  # no such model, an unreadable ledger: the error of all these jobs
                for job in jobs:
                    if not job.has_ended:
                        job.fail(error)
                        job.complete()

    def _model_queue(self, model: str) -> ModelQueue:
        if model not in self._model_queues:
            provider, pricing = self._providers[model], self._pricing.get(model)
            accounts = Accounts(provider, self._options, pricing, self._ledger_writer)
            queue = ModelQueue(model, accounts, self._executor, self._memory_manager)
            if self._over:
                queue.stop(self._over)
            self._model_queues[model] = queue
        return self._model_queues[model]

    def _queue(self, queue: ModelQueue, jobs: Sequence[Job]) -> None:
        """Replay what the ledger has, and queue the rest."""
        if self._replay is None or not queue.accounts.records:
            queue.add(jobs)
            return
        for start in range(0, len(jobs), _REPLAYED_AT_ONCE):
            texts = self._replay.texts(queue, jobs[start : start + _REPLAYED_AT_ONCE])
            self._replay.answer(queue, texts, self._options.record)
            queue.add(job for job in texts if not job.has_ended)

    def _on_loop(self, work: Any) -> Any:
        with suppress(TimeoutError):
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    def _close(self, what: str, extension: Provider | Executor) -> None:
        try:
            closing = extension.close()
            if inspect.isawaitable(closing):
                self._on_loop(_awaited(closing))
        except (Exception, SystemExit) as error:  # code of another package
            text = f"{what} ({type(extension).__name__}): close() raised {type(error).__name__}: {error}"
            self.warnings.append(scrub(text))
            _log.info("%s", text)

    def _end_threads(self) -> None:
        if self._ledger_writer is not None:
            self._ledger_writer.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=_PATIENCE_S)


_STOPPED = ProviderError("the run was stopped", kind="stopped")


def _set(future: Future[Exchange], exchange: Exchange) -> None:
    with suppress(InvalidStateError):  # cancelled
        future.set_result(exchange)


async def _end_tasks() -> None:
    """Cancel tasks that still wait, as for a thread that hangs."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=_PATIENCE_S / 4)


async def _awaited(value: Any) -> Any:
    return await value
