"""The requests to one model: in order, as many at once as it takes, each retried where that may help.

waiting ── intent on disk ── room? ── send ── response on disk ── complete
^                                     |
└──────────── wait, retry ────────────┘
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from evalharness.errors import BilledError, ModelUnavailableError, ProviderError, ThrottledError
from evalharness.execution.accounts import Accounts
from evalharness.execution.attempts import Attempts
from evalharness.execution.executor import Executor
from evalharness.execution.job import Job
from evalharness.execution.limiter import START, Limiter
from evalharness.execution.memory_manager import MemoryManager
from evalharness.execution.scheduler import Scheduler
from evalharness.execution.sound import sound
from evalharness.foreign import describe
from evalharness.logs import get_logger
from evalharness.records import Params, Response
from evalharness.store.recorded import Recorded
from evalharness.wire.retry import Tries

_log = get_logger(__name__)
_POLL_S = 0.05
"""Seconds between two reads of the ledger while another request must end first: an equal one of another process, or
one whose reserve may return to the budget."""

_FOR_ALL = ("connect", "load", "not found", "redirect")
"""Kinds of errors that every request meets, unless the model has responded before."""
_ALIKE = 10
"""Equal rejections after which a model that has never responded gets no further request."""


class ModelQueue:
    """One model's queue. Everything runs on the event loop."""

    def __init__(self, model: str, accounts: Accounts, executor: Executor, memory_manager: MemoryManager) -> None:
        self.model, self.accounts, self._capabilities = model, accounts, accounts.provider.capabilities
        given, most = accounts.options.concurrency, self._capabilities.concurrency * executor.places(model)
        self._most = max(1, min(most, given or most))
        start = self._most if given else START  # a given number needs no slow start
        self._limiter = Limiter(self._most, start, model)
        lease = memory_manager.lease(executor, model)
        self._attempts = Attempts(executor, model, self._capabilities.deadline_s, lease)
        self._scheduler = Scheduler(self._limiter, self._begin, self.refuse, lease)
        self._refused: dict[Params, ProviderError] = {}
        """Parameters that the model rejects, and the rejection."""
        self._rejections: Counter[str] = Counter()
        self._under_way: dict[asyncio.Task[None], Job] = {}
        self._by_key: dict[str, Job] = {}
        self._last_response_s = -math.inf
        """When the model last responded, on the loop's clock."""
        if refusal := executor.refusal(model):
            self._give_up(refusal)

    def add(self, jobs: Iterable[Job]) -> None:
        """Queue jobs. A job that is equal to a queued one shares its response; a turn of a kept conversation not."""
        firsts: list[Job] = []
        for job in jobs:
            first = self._by_key.setdefault(job.key, job) if job.key and not job.request.conversation else job
            (firsts if first is job else first.duplicates).append(job)
        self._scheduler.add(firsts)

    def replay(self, job: Job, recorded: Recorded) -> None:
        """Complete a job with its recorded response."""
        _log.debug("%s replayed", job)
        job.response, job.recorded_at = recorded.response, recorded.recorded_at
        job.recorded_from = str(recorded.origin or "")
        job.cost_usd = self.accounts.cost_usd(recorded.response)
        self._complete(job)

    def refuse(self, job: Job, error: BaseException) -> None:
        """Complete a job with an error, unless it has ended."""
        if not job.has_ended:
            job.fail(error)
            self._complete(job)

    def stop(self, error: ProviderError) -> list[asyncio.Task[Any]]:
        """Send nothing more, and cancel what is in flight. Returns the tasks that are being cancelled."""
        for task, job in self._under_way.items():
            task.cancel()
            self.refuse(job, error)
        self._scheduler.close(error)
        self._attempts.close()
        return list(self._under_way)

    def _concerns_all(self, error: ProviderError) -> bool:
        """Whether every request would fail with this error of a model that has never responded."""
        self._rejections[str(error)] += error.kind == "request"
        is_certain = error.kind in _FOR_ALL or self._rejections[str(error)] >= _ALIKE
        return is_certain and self._last_response_s == -math.inf

    def _give_up(self, error: ProviderError) -> None:
        """Send nothing more: every request would fail with this error."""
        _log.info("model %s gets no further request: %s", self.model, error)
        self._scheduler.close(error)

    def _complete(self, job: Job) -> None:
        if self._by_key.get(job.key) is job:
            del self._by_key[job.key]
        job.complete()
        job.share(priced=self.accounts.pricing is not None)

    def _begin(self, job: Job) -> None:
        task = asyncio.get_running_loop().create_task(self._attempt(job))
        self._under_way[task] = job
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        job = self._under_way.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.refuse(job, error)
        self._scheduler.leave(job)

    async def _attempt(self, job: Job) -> None:
        """One attempt. Whatever it raises is the job's error."""
        if refused := self._refused.get(job.request.params):
            raise refused
        if job.deadline is None:
            job.deadline = asyncio.get_running_loop().time() + self._capabilities.deadline_s
        await self._attempts.prepare(job.deadline)
        attempt = f"{self.accounts.options.run}-{secrets.token_hex(6)}"
        reserved = self.accounts.most_usd(job)
        if await self._may_leave(job, attempt, reserved):
            await self._exchange(job, attempt, reserved)

    async def _may_leave(self, job: Job, attempt: str, reserved: float) -> bool:
        """Whether this attempt may leave; if not, the job is complete or waits."""
        try:
            grant, number = await self.accounts.intend(job, attempt, reserved)
        except asyncio.CancelledError:
            self.accounts.settle_last(attempt, "not sent", 0.0)
            raise
        if grant == "go":
            job.attempts += number
        elif grant == "recorded":
            job.attempts = 0
            self.replay(job, self.accounts.recorded(job))
        elif grant == "in flight":
            self._wait_for_another(job, _duplicate())
        elif number == 0:
            raise _too_dear(reserved, self.accounts.options.budget_usd)
        else:
            self._wait_for_another(job, _too_dear(reserved, self.accounts.options.budget_usd))
        return grant == "go"

    def _wait_for_another(self, job: Job, error: ProviderError) -> None:
        assert job.deadline is not None
        if asyncio.get_running_loop().time() + _POLL_S > job.deadline:
            raise error
        _log.debug("%s waits: %s", job, error)
        self._scheduler.again(job, _POLL_S)

    async def _exchange(self, job: Job, attempt: str, reserved: float) -> None:
        """Send the request when there is room, and settle what it cost."""
        sent_at = await self._room(job, attempt)
        assert job.deadline is not None
        try:
            request = replace(job.request, attempt=attempt)
            response = self._shaped(sound(await self._attempts.send(request, job.deadline - sent_at)))
            response = self.accounts.counted(job, response)
            job.cost_usd = self.accounts.cost_usd(response)
            self._succeeded(job, response, sent_at)
        except asyncio.CancelledError:
            self.accounts.settle_last(attempt, "stopped", reserved)
            raise
        except Exception as error:
            await self._failed(job, attempt, error, reserved, sent_at)
        else:
            await self.accounts.record(job, attempt, response)
            self._attempts.recorded(attempt)
            job.response = response
            self._complete(job)

    async def _room(self, job: Job, attempt: str) -> float:
        """Wait for room. Returns the time at which the request leaves: its deadline counts from the first one on."""
        try:
            await self._scheduler.room(job)
        except (asyncio.CancelledError, ProviderError):
            self.accounts.settle_last(attempt, "not sent", 0.0)
            raise
        job.attempts += 1
        now = asyncio.get_running_loop().time()
        _log.info("%s sent, attempt %d", job, job.attempts)
        if job.tries is None:
            job.tries = Tries(self._capabilities.retries, only_throttled=job.request.conversation is not None)
            job.deadline = now + self._capabilities.deadline_s
        return now

    def _shaped(self, response: Response) -> Response:
        """The response, with no more slots than requests may be in flight."""
        timing = response.timing
        if timing.slots is None:
            return response
        return replace(response, timing=replace(timing, slots=min(timing.slots, self._most)))

    def _succeeded(self, job: Job, response: Response, sent_at: float) -> None:
        self._last_response_s = asyncio.get_running_loop().time()
        self._limiter.succeeded(self._last_response_s, others_wait=self._scheduler.has_waiting)
        tokens = response.usage.prompt_tokens, response.usage.completion_tokens
        _log.info("%s finished: %.2f s, %d + %d tokens", job, self._last_response_s - sent_at, *tokens)
        _log.debug("%s: %.200s", job, response.text)
        self._scheduler.leave(job)  # the next one need not wait until this response is on the disk

    async def _failed(self, job: Job, attempt: str, error: Exception, reserved: float, sent_at: float) -> None:
        """Retry, or raise the error."""
        known = error if isinstance(error, ProviderError) else _unknown(error)
        await self.accounts.settle(attempt, known.kind, reserved if isinstance(known, BilledError) else 0.0)
        loop = asyncio.get_running_loop()
        assert job.tries is not None
        assert job.deadline is not None
        wait_s = job.tries.wait_s(known, serving=self._last_response_s > sent_at)
        late = wait_s is not None and loop.time() + wait_s >= job.deadline
        if wait_s is not None and not late:
            _log.info("%s failed (%s): %s; retry in %.1f s", job, known.kind, known, wait_s)
            self._scheduler.again(job, wait_s)
        else:
            _log.info("%s failed (%s): %s; no retry", job, known.kind, known)
        if isinstance(known, ThrottledError):  # the throttled request is sent first, so others wait a moment longer
            self._limiter.throttled(sent_at, loop.time())
            self._limiter.pause(loop.time() + (wait_s or known.wait_s or 0.0))
            _log.info("model %s throttles: at most %d requests at once from now on", self.model, self._limiter.limit)
        if wait_s is not None and not late:
            return
        if isinstance(known, ModelUnavailableError) or self._concerns_all(known):
            self._give_up(known)
        if known.kind == "parameter":
            self._refused[job.request.params] = known
        raise known if wait_s is None else _no_time(known, wait_s)


def _duplicate() -> ProviderError:
    return ProviderError("another process sends an equal request and has no response yet", kind="deadline")


def _unknown(error: Exception) -> ProviderError:
    """A bug of a third party, perhaps after the response arrived."""
    return BilledError(describe(error))


def _too_dear(most_usd: float, budget_usd: float | None) -> ProviderError:
    return ProviderError(
        f"skipped: worst-case cost ${most_usd:.6f} exceeds the remaining budget of ${budget_usd}", kind="budget"
    )


def _no_time(error: ProviderError, wait_s: float) -> ProviderError:
    return ProviderError(f"{error}; deadline_s leaves no time to retry in {wait_s:.1f} s", kind=error.kind)
