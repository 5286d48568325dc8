"""The order of one model's jobs: from waiting to in flight, never more in flight than the limiter allows.

waiting ── getting ready (its intent is written) ── ready ── in flight
^                                                                  |
└───────────────────────── later, to try again ────────────────────┘

A few jobs get ready before there is room for them, so that the disk never holds up a request. A retried job precedes
jobs with higher numbers. Where the model needs a lease of memory and cores, jobs get ready while it holds the
lease; it releases the lease when no job is left.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable, Iterable

from evalharness.errors import ProviderError
from evalharness.execution.job import Job
from evalharness.execution.limiter import Limiter
from evalharness.execution.memory_manager import MemoryLease

_MOST_AHEAD = 16
"""Jobs that get ready beyond those that there is room for."""


class Scheduler:
    """Starts jobs in the order of their numbers. All methods but the constructor run on the event loop."""

    def __init__(
        self,
        limiter: Limiter,
        begin: Callable[[Job], None],
        refuse: Callable[[Job, ProviderError], None],
        lease: MemoryLease | None = None,
    ) -> None:
        """`begin` gets a job ready, which then awaits `room`. `refuse` ends a job of a closed queue."""
        self._limiter, self._begin, self._refuse, self._lease = limiter, begin, refuse, lease
        self._waiting: list[tuple[int, Job]] = []
        self._getting_ready: set[Job] = set()
        self._ready: list[tuple[int, asyncio.Future[None], Job]] = []
        self._in_flight: set[Job] = set()
        self._later: dict[asyncio.TimerHandle, Job] = {}
        self._wake: asyncio.TimerHandle | None = None
        self._closed: ProviderError | None = None

    @property
    def has_waiting(self) -> bool:
        """Whether a higher limit would put more jobs in flight."""
        return bool(self._waiting or self._getting_ready or self._ready)

    def add(self, jobs: Iterable[Job]) -> None:
        """Queue jobs."""
        for job in jobs:
            heapq.heappush(self._waiting, (job.number, job))
        self.next()

    def again(self, job: Job, wait_s: float) -> None:
        """Queue a job again after `wait_s` seconds."""
        if self._closed:
            self._refuse(job, self._closed)
            return

        def back() -> None:
            del self._later[handle]
            self._start(job)

        handle = asyncio.get_running_loop().call_later(wait_s, back)
        self._later[handle] = job

    async def room(self, job: Job) -> None:
        """Wait until the job may leave. Raises ProviderError when the queue closes first."""
        room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._getting_ready.discard(job)
        heapq.heappush(self._ready, (job.number, room, job))
        self.next()
        await room

    def leave(self, job: Job) -> None:
        """Note that a job is no longer in flight."""
        self._getting_ready.discard(job)
        self._in_flight.discard(job)
        self.next()

    def close(self, error: ProviderError) -> None:
        """Refuse all waiting jobs, and all that are added later."""
        self._closed = error
        for handle, job in self._later.items():
            handle.cancel()
            heapq.heappush(self._waiting, (job.number, job))
        self._later.clear()
        self.next()

    def next(self) -> None:
        """Put as many jobs in flight as the limit allows."""
        loop = asyncio.get_running_loop()
        if self._closed:
            self._refuse_all(self._closed)
        elif (pause_s := self._limiter.paused_until - loop.time()) > 0:
            if self.has_waiting and self._wake is None:
                self._wake = loop.call_later(pause_s, self._woken)
        elif self.has_waiting and (self._lease is None or self._lease.take(self.next)):
            self._let_go()
            self._get_ready()
        if self._lease is not None and not (self.has_waiting or self._in_flight or self._later):
            self._lease.leave()

    def _woken(self) -> None:
        self._wake = None
        self.next()

    def _let_go(self) -> None:
        first = min((job.number for job in self._getting_ready), default=math.inf)
        while self._ready and self._ready[0][0] < first and self._limiter.free(len(self._in_flight)):
            _, room, job = heapq.heappop(self._ready)
            if not room.done():  # its task may have been ended
                self._in_flight.add(job)
                room.set_result(None)

    def _get_ready(self) -> None:
        most = self._limiter.free(len(self._in_flight)) + min(_MOST_AHEAD, int(self._limiter.limit))
        while self._waiting and len(self._getting_ready) + len(self._ready) < most:
            self._start(heapq.heappop(self._waiting)[1])

    def _start(self, job: Job) -> None:
        self._getting_ready.add(job)
        self._begin(job)

    def _refuse_all(self, error: ProviderError) -> None:
        waiting, self._waiting = sorted(self._waiting, key=lambda pair: pair[0]), []
        for _, job in waiting:
            self._refuse(job, error)
        ready, self._ready = self._ready, []
        for _, room, _ in ready:
            if not room.done():
                room.set_exception(error)
