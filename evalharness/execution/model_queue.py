"""The requests to one model: in order, as many at once as it takes, each tried again where that may help.

waiting ── intent on disk ── room? ── ask ── answer on disk ── delivered
^                                     |
└────────── wait, try again ──────────┘
"""

from __future__ import annotations

import asyncio
import inspect
import math
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from evalharness.errors import BilledError, ModelUnavailableError, ProviderError, ThrottledError
from evalharness.execution.job import Job, sound
from evalharness.execution.keys import request_text
from evalharness.execution.ledger_writer import LedgerWriter
from evalharness.execution.limiter import START, Limiter
from evalharness.execution.memory_manager import MemoryManager
from evalharness.execution.options import RunOptions
from evalharness.execution.pricing import Pricing
from evalharness.execution.retry import Tries
from evalharness.execution.scheduler import Scheduler
from evalharness.execution.threads import Threads
from evalharness.logs import get_logger
from evalharness.providers import Provider
from evalharness.records import Response
from evalharness.store.ledger import Intent, Settlement
from evalharness.store.recorded import Recorded

_log = get_logger(__name__)
_LOOK_AGAIN_S = 0.05
"""While another request must end first: a duplicate in another process, one whose reserve may come free."""


class ModelQueue:
    """One model's queue. Everything but the constructor runs on the event loop."""

    def __init__(
        self,
        name: str,
        provider: Provider,
        options: RunOptions,
        pricing: Pricing | None,
        ledger_writer: LedgerWriter | None,
        deliver: Callable[[Job], None],
        memory_manager: MemoryManager,
    ) -> None:
        self.name, self.provider = name, provider
        self._options, self._pricing, self._ledger_writer, self._deliver = options, pricing, ledger_writer, deliver
        self._capabilities = provider.capabilities
        most = max(1, min(self._capabilities.concurrency, options.concurrency or self._capabilities.concurrency))
        self._most = most
        start = most if options.concurrency else START  # a given number fits the model
        self._limiter = Limiter(most, start, name)
        self._lease = memory_manager.lease(provider, name)
        self._scheduler = Scheduler(self._limiter, self._begin, self.refuse, self._lease)
        self._under_way: dict[asyncio.Task[None], Job] = {}
        self._asked: dict[str, Job] = {}
        self._identity = provider.identity()
        self._threads = Threads()
        self._prepared: asyncio.Task[Any] | None = None
        self._answered_s = -math.inf
        """When the model last answered, on the loop's clock."""

    @property
    def is_recorded(self) -> bool:
        """Whether its responses are kept."""
        return self._capabilities.recorded and self._ledger_writer is not None

    def request_text(self, job: Job) -> str:
        """All that the answer depends on, as canonical JSON: the ledger's key is its hash. Raises ProviderError."""
        return request_text(self.provider, self._identity, job.request)

    def add(self, jobs: Iterable[Job]) -> None:
        """Ask these, unless an equal request is being asked already: then they share its answer."""
        firsts: list[Job] = []
        for job in jobs:
            first = self._asked.setdefault(job.key, job) if job.key else job
            (firsts if first is job else first.duplicates).append(job)
        self._scheduler.add(firsts)

    def stop(self, error: ProviderError) -> list[asyncio.Task[None]]:
        """Send nothing more, and end what is under way: the tasks that are being ended."""
        for task, job in self._under_way.items():
            task.cancel()
            self._end(job, error)
        self._scheduler.close(error)
        self._threads.close()
        return list(self._under_way)

    def _begin(self, job: Job) -> None:
        task = asyncio.get_running_loop().create_task(self._attempt(job))
        self._under_way[task] = job
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        job = self._under_way.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._end(job, error)
        self._scheduler.leave(job)

    def _end(self, job: Job, error: BaseException | None = None) -> None:
        """The job has its answer or its error, and so have its duplicates."""
        if job.response is not None or job.error is not None:
            return
        if error is not None:
            job.fail(error)
        self._complete_job(job)

    def _complete_job(self, job: Job) -> None:
        if self._asked.get(job.key) is job:
            del self._asked[job.key]
        self._deliver(job)
        for duplicate in job.duplicates:
            duplicate.response, duplicate.error, duplicate.recorded_at = job.response, job.error, job.recorded_at
            duplicate.cost_usd, duplicate.attempts = (0.0 if self._pricing else None), 0
            self._deliver(duplicate)

    async def _attempt(self, job: Job) -> None:
        """One try. Whatever it raises is the job's error."""
        loop = asyncio.get_running_loop()
        if job.deadline is None:
            job.deadline = loop.time() + self._capabilities.deadline_s
        await self._prepare(job.deadline)
        if loop.time() >= job.deadline:
            raise self._late(ProviderError)
        attempt = f"{self._options.run}-{secrets.token_hex(6)}"
        reserved = self._reserve(job)
        if self._ledger_writer is not None and not await self._intend(self._ledger_writer, job, attempt, reserved):
            return
        sent_at = await self._room(job, attempt)
        try:
            response = self._shaped(sound(await self._answer(job, attempt, job.deadline - sent_at)))
            job.cost_usd = self._pricing.cost_usd(response) if self._pricing else None
            self._answered_s = loop.time()
            self._limiter.succeeded(self._answered_s, others_wait=self._scheduler.has_waiting)
            tokens = response.usage.prompt_tokens, response.usage.completion_tokens
            _log.info("%s finished: %.2f s, %d + %d tokens", job, self._answered_s - sent_at, *tokens)
            _log.debug("%s: %.200s", job, response.text)
            self._scheduler.leave(job)  # the next one need not wait until this answer is on the disk
        except asyncio.CancelledError:
            if self._ledger_writer is not None:
                self._ledger_writer.enter_last(Settlement(attempt, "stopped", reserved))
            raise
        except Exception as error:
            await self._failed(job, attempt, error, reserved, sent_at)
        else:
            await self._answered(job, attempt, response)

    async def _prepare(self, deadline: float) -> None:
        """Once, and again after a rest; who comes meanwhile waits. A failure is the first one's error, and shows again
        with the next.
        """
        if self._lease is not None and self._lease.was_unloaded:
            self._prepared, self._lease.was_unloaded = None, False
        first = self._prepared is None
        if self._prepared is None:
            self._prepared = asyncio.ensure_future(self._open())
        left_s = deadline - asyncio.get_running_loop().time()
        if not self._prepared.done() and not (await asyncio.wait({self._prepared}, timeout=left_s))[0]:
            raise self._late(ProviderError)
        if (error := self._prepared.exception()) and first:
            raise error

    async def _open(self) -> None:
        started = time.monotonic()
        _log.info("model %s opens", self.name)
        await self._threads.call(self.provider.prepare)
        _log.info("model %s opened in %.1f s", self.name, time.monotonic() - started)

    def _reserve(self, job: Job) -> float:
        if self._pricing is None:
            return 0.0
        return self._pricing.most_usd(job.request, self._capabilities.deadline_s)

    async def _intend(self, ledger_writer: LedgerWriter, job: Job, attempt: str, reserved: float) -> bool:
        """Whether this attempt may leave; if not, the job has been seen to."""
        intent = Intent(attempt, job.key or attempt, reserved, ignore_recorded=self._options.record == "all")
        try:
            answer, number = await ledger_writer.enter(intent)
        except asyncio.CancelledError:
            ledger_writer.enter_last(Settlement(attempt, "not sent", 0.0))
            raise
        if answer == "go":
            job.attempts += number
        elif answer == "recorded":
            job.attempts = 0
            self.replay(job, ledger_writer.ledger.find([job.key])[job.key])
        elif answer == "under way":
            self._look_again(
                job, ProviderError("another process asks the same, and has no answer yet", kind="deadline")
            )
        elif answer == "no money":
            budget = self._options.budget_usd
            spent = ProviderError(
                f"not asked: it may cost ${reserved:.6f}, more than is left of the budget of ${budget}",
                kind="budget",
            )
            if number == 0:
                raise spent
            self._look_again(job, spent)
        return answer == "go"

    def _look_again(self, job: Job, error: ProviderError) -> None:
        assert job.deadline is not None
        if asyncio.get_running_loop().time() + _LOOK_AGAIN_S > job.deadline:
            raise error
        _log.debug("%s waits: %s", job, error)
        self._scheduler.again(job, _LOOK_AGAIN_S)

    def replay(self, job: Job, recorded: Recorded) -> None:
        """The answer is in the ledger."""
        _log.debug("%s replayed", job)
        job.response, job.recorded_at = recorded.response, recorded.recorded_at
        if self._pricing is not None:
            job.cost_usd = self._pricing.cost_usd(recorded.response)
        self._complete_job(job)

    def refuse(self, job: Job, error: BaseException) -> None:
        """It will not be asked."""
        self._end(job, error)

    async def _room(self, job: Job, attempt: str) -> float:
        """When it leaves: its deadline counts from the first time on. Raises ProviderError if it is not to leave."""
        try:
            await self._scheduler.room(job)
        except (asyncio.CancelledError, ProviderError):
            if self._ledger_writer is not None:
                self._ledger_writer.enter_last(Settlement(attempt, "not sent", 0.0))
            raise
        job.attempts += 1
        now = asyncio.get_running_loop().time()
        _log.info("%s sent, attempt %d", job, job.attempts)
        if job.tries is None:
            job.tries, job.deadline = Tries(self._capabilities.retries), now + self._capabilities.deadline_s
        return now

    async def _answer(self, job: Job, attempt: str, left_s: float) -> Response:
        """The provider's answer, waited for from outside of it: it cannot keep us longer than that."""
        request = replace(job.request, attempt=attempt)
        task = asyncio.ensure_future(self._complete(request))
        try:
            done, _ = await asyncio.wait({task}, timeout=left_s)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()
            raise self._late(BilledError)
        return task.result()

    def _shaped(self, response: Response) -> Response:
        """With no more slots than requests may be under way."""
        timing = response.timing
        if timing.slots is None:
            return response
        return replace(response, timing=replace(timing, slots=min(timing.slots, self._most)))

    def _late(self, kind: type[ProviderError]) -> ProviderError:
        if self._lease is not None:
            self._lease.is_quiet = False
        text = f"no answer within deadline_s = {self._capabilities.deadline_s:g}"
        return kind(text, kind="deadline")

    async def _complete(self, request: Any) -> Response:
        if not inspect.iscoroutinefunction(self.provider.complete):
            given = await self._threads.call(lambda: self.provider.complete(request))
            return await given if inspect.isawaitable(given) else given  # type: ignore[no-any-return]
        try:
            return await self.provider.complete(request)  # type: ignore[no-any-return]
        except (KeyboardInterrupt, SystemExit) as error:  # they would end the loop
            raise RuntimeError(f"{type(error).__name__}: {error}") from None

    async def _answered(self, job: Job, attempt: str, response: Response) -> None:
        if self._ledger_writer is not None:
            recorded = None
            if self.is_recorded:
                now = datetime.now(UTC).isoformat(timespec="seconds")
                recorded = Recorded(job.key, self.request_text(job), response, now)
            await self._ledger_writer.enter(Settlement(attempt, "answered", job.cost_usd or 0.0, recorded))
        job.response = response
        self._complete_job(job)

    async def _failed(self, job: Job, attempt: str, error: Exception, reserved: float, sent_at: float) -> None:
        """Ask again, or give up."""
        known = error
        if not isinstance(known, ProviderError):  # a bug, perhaps after the answer came
            known = BilledError(f"{type(error).__name__}: {error}")
        if self._ledger_writer is not None:
            cost_usd = reserved if isinstance(known, BilledError) else 0.0
            await self._ledger_writer.enter(Settlement(attempt, known.kind, cost_usd))
        loop = asyncio.get_running_loop()
        assert job.tries is not None
        assert job.deadline is not None
        wait_s = job.tries.wait_s(known, serving=self._answered_s > sent_at)
        late = wait_s is not None and loop.time() + wait_s >= job.deadline
        if wait_s is not None and not late:
            _log.info("%s failed (%s): %s; retry in %.1f s", job, known.kind, known, wait_s)
            self._scheduler.again(job, wait_s)
        else:
            _log.info("%s failed (%s): %s; no retry", job, known.kind, known)
        if isinstance(known, ThrottledError):  # all wait, and a moment longer than those turned away: they go first
            self._limiter.throttled(sent_at, loop.time())
            self._limiter.pause(loop.time() + (wait_s or known.wait_s or 0.0))
            _log.info("model %s throttles: at most %d requests at once from now on", self.name, self._limiter.limit)
        if wait_s is not None and not late:
            return
        if isinstance(known, ModelUnavailableError) or (known.kind == "connect" and self._answered_s == -math.inf):
            _log.info("model %s gets no further request: %s", self.name, known)
            self._scheduler.close(known)
        raise known if wait_s is None else _no_time(known, wait_s)


def _no_time(error: ProviderError, wait_s: float) -> ProviderError:
    return ProviderError(
        f"{error}; its deadline_s leaves no time to wait {wait_s:.1f} s and ask again", kind=error.kind
    )
