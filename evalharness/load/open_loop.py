"""Sends requests at their scheduled times, whatever became of the earlier ones.

No retries, no ledger, no adaptive limit: an error is a miss, and every request is a fresh call. Times are those of the
event loop's clock, from the start of the load. A test passes a loop with a clock of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from evalharness.errors import BilledError, ModelUnavailableError, ProviderError
from evalharness.execution.executor import Executor
from evalharness.execution.sound import sound
from evalharness.foreign import describe
from evalharness.load.budget import Budget
from evalharness.load.schedule import Block, Due
from evalharness.providers.stream import STREAM_TIMES, StreamTimes
from evalharness.records import Response
from evalharness.records.load import LoadEnd, LoadRequest, Stopped, Version
from evalharness.redaction import scrub, shortened

_PATIENCE_S = 2.0
_DIGITS = 6
"""Of the seconds in a record."""
_LONGEST_MESSAGE = 300


@dataclass(frozen=True, slots=True)
class Target:
    """One version's model."""

    executor: Executor
    budget: Budget
    slots: int | None = None
    """Requests that a model in this process takes at once: the others wait in line, and the wait counts."""


@dataclass(slots=True)
class OpenLoop:
    """One load. `on_request` gets each request when it has ended."""

    targets: Mapping[Version, Target]
    on_request: Callable[[LoadRequest], None]
    most_in_flight: int
    timeout_s: float
    deadline_s: float | None = None
    pause_s: float = 0.0
    """Between two blocks, after the last answer."""
    name: str = "load"
    """Begins the id of each attempt, which endpoints log."""
    stopped: Stopped = ""
    trouble: str = ""
    """Why the model is unavailable."""
    _failure: BaseException | None = None
    _started: float = 0.0
    _in_flight: dict[asyncio.Task[None], tuple[Due, float]] = field(default_factory=dict)
    _slots: dict[Version, asyncio.Semaphore] = field(default_factory=dict)
    _waiting: asyncio.Future[None] | None = None
    _drains: bool = False

    async def run(self, blocks: Iterable[Block]) -> LoadEnd:
        """Send all blocks, one after the other; an interrupt ends them early, and what is known stays.

        Raises what `on_request` raises.
        """
        loop = asyncio.get_running_loop()
        self._started = loop.time()
        slots = {version: target.slots for version, target in self.targets.items()}
        self._slots = {version: asyncio.Semaphore(count) for version, count in slots.items() if count}
        alarm = loop.call_later(self.deadline_s, self.stop, "deadline") if self.deadline_s else None
        try:
            for block in blocks:
                await self._send_block(block)
                if self.stopped:
                    break
        except asyncio.CancelledError:  # Ctrl-C
            self.stop("interrupt")
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
        finally:
            if alarm is not None:
                alarm.cancel()
            await self._cut()
        if self._failure is not None:
            raise self._failure
        return LoadEnd(self._since(loop.time()), self.stopped)

    def stop(self, reason: Stopped) -> None:
        """Send nothing more; the first reason counts."""
        self.stopped = self.stopped or reason
        if self._waiting is not None:
            _wake(self._waiting)

    async def _send_block(self, block: Block) -> None:
        begin = asyncio.get_running_loop().time() + self.pause_s
        for due in block.dues:
            await self._until(begin + due.at_s)
            if self.stopped:
                return
            self._send(due, begin + due.at_s)
        while self._in_flight and not self.stopped:
            await self._until(None)

    async def _until(self, when: float | None) -> None:
        """Wait until this time, or for the last answer if there is none; a stop ends the wait."""
        loop = asyncio.get_running_loop()
        if when is not None and when <= loop.time():
            await asyncio.sleep(0)  # behind the schedule: answers must be read all the same
            return
        self._waiting = waiting = loop.create_future()
        self._drains = when is None
        timer = loop.call_at(when, _wake, waiting) if when is not None else None
        if self.stopped:
            _wake(waiting)
        try:
            await waiting
        finally:
            if timer is not None:
                timer.cancel()
            self._waiting = None

    def _send(self, due: Due, scheduled: float) -> None:
        if len(self._in_flight) >= self.most_in_flight:
            self._lost(due, scheduled, "in-flight", f"{self.most_in_flight} requests were in flight")
            return
        reserved = self.targets[due.version].budget.reserve(due.request)
        if reserved is None:
            self._lost(due, scheduled, "budget", "its worst-case cost exceeds what is left of the budget")
            self.stop("budget")
            return
        task = asyncio.get_running_loop().create_task(self._attempt(due, scheduled, reserved))
        self._in_flight[task] = due, scheduled
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._in_flight.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:  # the record cannot be written
            self._failure = self._failure or error
            self.stop("interrupt")
        if self._drains and self._waiting is not None and not self._in_flight:
            _wake(self._waiting)

    async def _attempt(self, due: Due, scheduled: float, reserved: float) -> None:
        loop = asyncio.get_running_loop()
        times = StreamTimes(loop.time)
        STREAM_TIMES.set(times)
        sent = loop.time()
        response, error = await self._response(due, sent)
        ended = times.ended if response and times.ended is not None else loop.time()
        budget = self.targets[due.version].budget
        cost = budget.settle(due.request, reserved, response, billed=isinstance(error, BilledError))
        if isinstance(error, ModelUnavailableError):
            self.trouble = self.trouble or scrub(str(error))
            self.stop("unavailable")
        found = self._request(due, scheduled, error)
        first = _first_token(response, times, ended)
        self.on_request(
            replace(
                found,
                sent_s=self._since(sent),
                first_token_s=None if first is None else self._since(first),
                ended_s=self._since(ended),
                output_tokens=response.usage.completion_tokens if response else None,
                gaps_s=tuple(round(b - a, _DIGITS) for a, b in pairwise(times.pieces)) if response else (),
                cost_usd=cost,
            )
        )

    async def _response(self, due: Due, sent: float) -> tuple[Response | None, ProviderError | None]:
        """The answer, or why there is none: after `timeout_s`, the line in front of a local model included."""
        call: asyncio.Future[Response] | None = None
        try:
            async with asyncio.timeout_at(sent + self.timeout_s):
                if slots := self._slots.get(due.version):
                    async with slots:
                        call = self._start(due)
                        return sound(await call), None
                call = self._start(due)
                return sound(await call), None
        except TimeoutError:
            return None, BilledError(f"no response within {self.timeout_s:g} s", kind="timeout")
        except asyncio.CancelledError:
            return None, BilledError("the load was stopped", kind="stopped")
        except ProviderError as error:
            return None, error
        except BaseException as error:  # SystemExit of a foreign provider would end the loop
            return None, BilledError(describe(error), kind="error")

    def _start(self, due: Due) -> asyncio.Future[Response]:
        request = replace(due.request, attempt=f"{self.name}-{due.index}")
        return self.targets[due.version].executor.start(request)

    def _lost(self, due: Due, scheduled: float, kind: str, message: str) -> None:
        self.on_request(self._request(due, scheduled, ProviderError(message, kind=kind)))

    def _request(self, due: Due, scheduled: float, error: ProviderError | None) -> LoadRequest:
        key = due.request.key
        return LoadRequest(
            due.index,
            due.version,
            due.block,
            key.case,
            key.prompt,
            self._since(scheduled),
            error=error.kind if error else "",
            message=shortened(scrub(str(error)), _LONGEST_MESSAGE) if error else "",
        )

    def _since(self, when: float) -> float:
        return round(max(0.0, when - self._started), _DIGITS)

    async def _cut(self) -> None:
        """Cancel what is in flight. A call that does not end is lost, and counts as stopped."""
        left = dict(self._in_flight)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_PATIENCE_S)
        for task, (due, scheduled) in left.items():
            if not task.done():
                self._lost(due, scheduled, "stopped", "the load was stopped")


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def _first_token(response: Response | None, times: StreamTimes, ended: float) -> float | None:
    """When the first token came, on the loop's clock; None if it is unknown."""
    if times.pieces:
        return times.pieces[0]
    if response is None or response.timing.first_token_s is None:
        return None
    return ended - max(0.0, response.timing.total_s - response.timing.first_token_s)  # of another process's clock
