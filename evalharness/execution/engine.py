"""Sends requests from an event loop in one thread, and scores responses in batches in another.

pytest runs items one after another, and each waits for its own sample. The engine goes ahead in that order, with many
requests in flight, so that a slow metric (an embedding model that is still being imported) overlaps with the models.
"""

from __future__ import annotations

import asyncio
import inspect
import queue
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from itertools import count, groupby
from typing import Any

from evalharness.errors import ProviderError
from evalharness.execution.job import Job
from evalharness.execution.ledger_writer import LedgerWriter
from evalharness.execution.memory_manager import MemoryManager
from evalharness.execution.model_queue import ModelQueue
from evalharness.execution.options import RunOptions
from evalharness.execution.pricing import Pricing
from evalharness.execution.replay import Replay
from evalharness.logs import get_logger
from evalharness.providers import Provider
from evalharness.records import Case, Request, Sample, SampleError
from evalharness.scoring.scorer import Scorer
from evalharness.store.ledger import Ledger

_log = get_logger(__name__)
_MOST_AT_ONCE = 256
_LINGER_S = 0.03
_PATIENCE_S = 2.0
"""Seconds that the end of a run waits for a busy thread."""


class Engine:
    """One for all suites of an invocation, so that requests queue for a model instead of competing for the machine.

    Use as a context manager: leaving it stops the requests at once and closes the providers.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        scorers: Iterable[Scorer],
        *,
        options: RunOptions | None = None,
        pricing: Mapping[str, Pricing] | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        """`pricing`: the prices of models that have one. `ledger`: where responses are recorded and found."""
        self._providers, self._scorers = providers, list(scorers)
        self._options, self._pricing, self._ledger = options or RunOptions(), pricing or {}, ledger
        self._numbers = count()
        self._arrived: list[Job] = []
        self._arriving = threading.Lock()
        self._to_score: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._unfinished: set[Job] = set()
        self._stopped = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._model_queues: dict[str, ModelQueue] = {}
        self._memory_manager = MemoryManager(self._options.memory_bytes)
        self._ledger_writer: LedgerWriter | None = None
        self._over: ProviderError | None = None
        self._replay = Replay(ledger) if ledger else None
        self._threads = [
            threading.Thread(target=run, daemon=True, name=f"evalharness-{name}")
            for name, run in (("engine", self._run_loop), ("scores", self._score_all))
        ]

    def __enter__(self) -> Engine:
        self._loop = asyncio.new_event_loop()
        if self._ledger is not None:
            self._ledger.begin(self._options.run, self._options.budget_usd)
            self._ledger_writer = LedgerWriter(self._ledger, self._options.run, self._loop)
        for thread in (*self._threads, threading.Thread(target=self._warm_up, daemon=True)):
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stopped.set()
        with ExitStack() as ending:  # last in, first out: a provider that fails to close does not keep others open
            ending.callback(self._end_threads)
            for provider in self._providers.values():
                ending.callback(self._close, provider)
            self._on_loop(self._stop_queues(ProviderError("the run was stopped", kind="stopped")))

    def ask(self, case: Case, request: Request, scorer: Scorer) -> Future[Sample]:
        """Queue a request. Returns its sample to come, which holds an error where the request or a metric failed."""
        job = Job(next(self._numbers), case, request, scorer)
        if self._stopped.is_set():
            job.fail(ProviderError("the run was stopped", kind="stopped"))
            self._score(scorer, [job])
            return job.sample
        self._unfinished.add(job)
        with self._arriving:
            self._arrived.append(job)
            if len(self._arrived) == 1:  # the loop takes all that have arrived when it wakes
                self._loop.call_soon_threadsafe(self._admit)
        return job.sample

    def _run_loop(self) -> None:
        if self._options.deadline_s is not None:
            self._loop.call_later(self._options.deadline_s, self._too_late)
        self._loop.run_forever()
        self._loop.run_until_complete(_end_tasks())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def _warm_up(self) -> None:
        started = time.monotonic()
        for scorer in self._scorers:
            scorer.warm_up()
        _log.info("metrics ready in %.1f s", time.monotonic() - started)

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
            except Exception as error:  # no such model, an unreadable ledger: the error of all these jobs
                for job in jobs:
                    if job.response is None and job.error is None:
                        job.fail(error)
                        self._to_score.put(job)

    def _model_queue(self, model: str) -> ModelQueue:
        if model not in self._model_queues:
            provider, pricing = self._providers[model], self._pricing.get(model)
            queue = ModelQueue(
                model, provider, self._options, pricing, self._ledger_writer, self._to_score.put, self._memory_manager
            )
            if self._over:
                queue.stop(self._over)
            self._model_queues[model] = queue
        return self._model_queues[model]

    def _queue(self, queue: ModelQueue, jobs: Sequence[Job]) -> None:
        """Replay what the ledger has, and queue the rest."""
        if self._replay is None or not queue.is_recorded:
            queue.add(jobs)
            return
        for start in range(0, len(jobs), _MOST_AT_ONCE):  # the texts of all at once would take a lot of memory
            texts = self._replay.texts(queue, jobs[start : start + _MOST_AT_ONCE])
            self._replay.answer(queue, texts, self._options.record)
            queue.add(job for job in texts if job.response is None and job.error is None)

    def _on_loop(self, work: Any) -> Any:
        with suppress(TimeoutError):
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    def _close(self, provider: Provider) -> None:
        closing = provider.close()
        if inspect.isawaitable(closing):
            self._on_loop(_awaited(closing))

    def _end_threads(self) -> None:
        if self._ledger_writer is not None:
            self._ledger_writer.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._to_score.put(None)
        until = time.monotonic() + _PATIENCE_S
        for thread in self._threads:
            thread.join(timeout=max(0.0, until - time.monotonic()))
        for job in list(self._unfinished):  # a metric is still busy: its answers stay without scores
            self._finish(job, job.scorer.unscored(job.case, job.request, job.response, job.error or _UNSCORED))

    def _score_all(self) -> None:
        while (job := self._to_score.get()) is not None:
            for scorer, jobs in groupby(self._ready(job), key=lambda ready: ready.scorer):
                self._score(scorer, list(jobs))

    def _ready(self, job: Job) -> list[Job]:
        """Return the job and all that are ready by now: metrics that work in batches get them together."""
        batch = [job]
        others = len(self._unfinished) - 1 - self._to_score.qsize()
        if others > 0:  # answers come in bursts: let the loop read them all before others want the GIL
            time.sleep(_LINGER_S)
        while len(batch) < _MOST_AT_ONCE:
            try:
                following = self._to_score.get_nowait()
            except queue.Empty:
                break
            if following is None:
                self._to_score.put(None)
                break
            batch.append(following)
        return batch

    def _score(self, scorer: Scorer, jobs: Sequence[Job]) -> None:
        _log.debug("scoring starts: batch of %d", len(jobs))
        try:
            samples = scorer.samples([(job.case, job.request, job.response, job.error) for job in jobs])
        except BaseException as error:  # each sample has a waiting reader
            if len(jobs) > 1:  # one answer may have spoilt the batch
                for job in jobs:
                    self._score(scorer, [job])
                return
            failure = SampleError("scoring", f"{type(error).__name__}: {error}")
            samples = [scorer.unscored(job.case, job.request, job.response, job.error or failure) for job in jobs]
        _log.debug("scoring finished: batch of %d", len(jobs))
        for job, sample in zip(jobs, samples, strict=True):
            self._finish(job, sample)

    def _finish(self, job: Job, sample: Sample) -> None:
        self._unfinished.discard(job)
        with suppress(Exception):  # both the scores' thread and the end of the run may finish it: the first one counts
            job.finished(sample)


_UNSCORED = SampleError("stopped", "the run was stopped before this answer was scored")


async def _end_tasks() -> None:
    """Cancel tasks that still wait, as for a thread that hangs."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=_PATIENCE_S / 4)


async def _awaited(value: Any) -> Any:
    return await value
