"""A loop whose clock jumps from event to event, and queues in front of servers with known service times."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from evalharness.execution import Executor
from evalharness.execution.pricing import Pricing
from evalharness.load.budget import Budget
from evalharness.load.open_loop import OpenLoop, Target
from evalharness.load.schedule import Block, Due
from evalharness.providers.stream import STREAM_TIMES
from evalharness.records import Message, Params, Request, Response, SampleKey, Timing, Usage
from evalharness.records.load import LoadEnd, LoadRequest, Version


class VirtualLoop(asyncio.SelectorEventLoop):
    """No second passes: a wait moves the clock."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Seconds since the loop began."""
        return self._now

    def skip(self, seconds: float) -> None:
        """Move the clock."""
        self._now += seconds


class _Selector(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready now; a wait for a timer is over at once."""
        if timeout is not None and timeout > 0:
            self._loop.skip(timeout)
        return super().select(0 if timeout is not None else None)


def fails(request: Request) -> float:
    """A service that raises."""
    raise RuntimeError(request.key.case)


@dataclass
class Queue(Executor):
    """Answers in the order of arrival: a request waits until a server is free, then takes its service time.

    The first token comes at the start of the service.
    """

    service: Callable[[Request], float]
    servers: int = 1
    free_at: list[float] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def submit(self, request: Request) -> Future[Response]:
        """Not used: `start` is."""
        raise NotImplementedError

    def start(self, request: Request) -> asyncio.Future[Response]:
        """Answer in a task."""
        self.requests.append(request)
        return asyncio.ensure_future(self._answer(request))

    async def _answer(self, request: Request) -> Response:
        loop, times = asyncio.get_running_loop(), STREAM_TIMES.get()
        assert times
        self.free_at = self.free_at or [0.0] * self.servers
        place = min(range(self.servers), key=self.free_at.__getitem__)
        begin = max(loop.time(), self.free_at[place])
        service_s = self.service(request)
        self.free_at[place] = begin + service_s
        await asyncio.sleep(begin - loop.time())
        times.pieces.append(loop.time())
        await asyncio.sleep(begin + service_s - loop.time())
        times.pieces.append(loop.time())
        times.ended = loop.time()
        return Response("yes", "stop", Usage(1, 2), Timing(service_s))


def asked(case: str = "a") -> Request:
    """A request of this case."""
    return Request(SampleKey(case, "plain", "fake", 0), (Message("user", "?"),), 0, Params(max_tokens=2))


def block(*at_s: float, number: int = 0, version: Version = "candidate", numbers: Iterator[int] | None = None) -> Block:
    """A block with requests at these seconds."""
    numbers = numbers or count()
    dues = tuple(Due(next(numbers), one, version, number, asked(f"case-{index}")) for index, one in enumerate(at_s))
    return Block(number, version, dues)


@dataclass
class Sent:
    """A load and what became of it."""

    load: OpenLoop
    requests: list[LoadRequest]
    end: LoadEnd

    def latencies(self) -> list[float]:
        """Seconds of each request by its index."""
        return [one.latency_s("e2el") or 0.0 for one in sorted(self.requests, key=lambda one: one.index)]

    def errors(self) -> list[str]:
        """The kind of error of each request by its index."""
        return [one.error for one in sorted(self.requests, key=lambda one: one.index)]


def send(
    queue: Executor,
    *blocks: Block,
    most_in_flight: int = 1000,
    timeout_s: float = 1000.0,
    deadline_s: float | None = None,
    pricing: Pricing | None = None,
    budget_usd: float | None = None,
    slots: int | None = None,
    during: Callable[[OpenLoop], None] | None = None,
) -> Sent:
    """Send these blocks in virtual time. `during` is called before the first one, in the loop."""
    requests: list[LoadRequest] = []
    target = Target(queue, Budget(pricing, timeout_s, budget_usd), slots)
    versions: dict[Version, Target] = {"candidate": target, "baseline": target}
    load = OpenLoop(versions, requests.append, most_in_flight, timeout_s, deadline_s)

    async def run() -> LoadEnd:
        if during:
            during(load)
        return await load.run(blocks)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return Sent(load, requests, runner.run(run()))
