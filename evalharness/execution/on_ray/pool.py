"""The workers of one model: where they are, which one gets a request, and what happens when one is lost."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from ray.exceptions import ActorUnavailableError, RayError, RayTaskError

from evalharness.execution.on_ray import cluster
from evalharness.execution.on_ray.cluster import Node
from evalharness.execution.on_ray.failure import Answer, Failure
from evalharness.execution.on_ray.order import Call, Order, response_data
from evalharness.execution.on_ray.worker import find_kept
from evalharness.store.outbox import kept_in

PLACE_S = 120.0
"""Seconds for Ray to start the process of a worker. A node whose memory is taken by others has no place."""
FIND_S = 60.0
"""Seconds to look for the answer of a lost worker. Ray takes up to 20 to notice that a machine is gone."""
_LOOK_S = 2.0
"""Seconds between two looks at the nodes of the cluster."""
_MOST_ENDS = 3
"""Workers that may end on one living node before it gets no other."""


@dataclass(slots=True, eq=False)
class _Handle:
    node: Node
    id: str
    actor: Any
    in_flight: int = 0
    recorded: list[str] = field(default_factory=list)
    """Attempts whose responses are in the ledger, which the worker does not know yet."""
    kept: asyncio.Task[dict[str, Answer]] | None = None
    """What a lost worker has left, by attempt."""


class Refused(Exception):
    """No worker can answer; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


class Pool:
    """Used on the event loop of the gateway."""

    def __init__(self, order: Order, on_lost: Callable[[str], None]) -> None:
        self._order, self._on_lost = order, on_lost
        self._workers: list[_Handle] = []
        self._ends: dict[str, int] = {}
        self._homes: dict[str, _Handle] = {}
        """The worker that keeps a conversation."""
        self._of_attempt: dict[str, _Handle] = {}
        self._growing = asyncio.Lock()
        self._look: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start the workers. Raises Refused: the model fits on no node, or is another one there."""
        await self._grow()
        if not self._workers:
            raise Refused(await self._nowhere())
        self._look = asyncio.ensure_future(self._keep_looking())

    async def call(self, call: Call) -> Answer | Failure:
        """Return the answer of a worker, or of what a lost one has left."""
        try:
            worker = await self._worker_for(call)
        except Refused as refused:
            return refused.failure
        recorded, worker.recorded = worker.recorded, []
        worker.in_flight += 1
        try:
            return await self._called(worker, call, recorded)
        finally:
            worker.in_flight -= 1

    def recorded(self, attempt: str) -> None:
        """Note that a response is in the ledger."""
        if (worker := self._of_attempt.pop(attempt, None)) is not None:
            worker.recorded.append(attempt)

    async def close(self) -> None:
        """End the workers."""
        if self._look is not None:
            self._look.cancel()
        workers, self._workers = self._workers, []
        closing = [asyncio.ensure_future(worker.actor.close.remote(worker.recorded)) for worker in workers]
        if closing:
            await asyncio.wait(closing, timeout=_LOOK_S)
        for worker in workers:
            with suppress(RayError, ValueError):
                cluster.end_worker(worker.actor)

    async def _called(self, worker: _Handle, call: Call, recorded: Sequence[str]) -> Answer | Failure:
        running = worker.actor.complete.remote(call.request, recorded)
        try:
            answer: Answer | Failure = await running
        except asyncio.CancelledError:
            cluster.cancel(running)
            raise
        except RayTaskError as error:  # a bug of ours: the worker catches all others
            return Failure("BilledError", f"the worker on {worker.node} failed: {error}")
        except RayError as error:
            return await self._after_loss(worker, call.attempt, error)
        if isinstance(answer, Answer):
            self._of_attempt[call.attempt] = worker
        return answer

    async def _worker_for(self, call: Call) -> _Handle:
        if call.continues:
            home = self._homes.get(call.conversation)
            if home is None or home not in self._workers:
                text = "the worker that kept the conversation has ended"
                raise Refused(Failure("RetryableError", text, "conversation"))
            return home
        if not self._workers:
            await self._wait_for_worker()
        worker = min(self._workers, key=lambda one: one.in_flight)
        if call.conversation:
            self._homes[call.conversation] = worker
        return worker

    async def _wait_for_worker(self) -> None:
        """Wait for a node to come. Raises Refused."""
        deadline = asyncio.get_running_loop().time() + self._order.patience_s
        while not self._workers:
            if asyncio.get_running_loop().time() >= deadline:
                raise Refused(await self._nowhere())
            await asyncio.sleep(_LOOK_S / 4)
            await self._grow()

    async def _after_loss(self, worker: _Handle, attempt: str, error: RayError) -> Answer | Failure:
        """Return the answer that a lost worker has left; without one, an error after which another gets the request."""
        found: Answer | Failure | None = None
        if isinstance(error, ActorUnavailableError):
            found = await _within(FIND_S, worker.actor.find.remote(attempt))
        if found is None:
            worker.kept = worker.kept or asyncio.ensure_future(self._left_by(worker))
            found = (await worker.kept).get(attempt)
        text = f"{worker.node}: the worker of the model {self._order.assignment.model} was lost before its response"
        return found or Failure("LostWorkerError", text, "node", 0.0)

    async def _left_by(self, worker: _Handle) -> dict[str, Answer]:
        """Take a lost worker out of use. Returns what it has left on its node, or where the nodes share a folder."""
        if worker in self._workers:
            self._workers.remove(worker)
        with suppress(RayError, ValueError):
            cluster.end_worker(worker.actor)
        kept = await self._kept_on(worker.node, worker)
        if kept is not None:
            self._ends[worker.node.id] = self._ends.get(worker.node.id, 0) + 1
            self._on_lost(f"{worker.node}: a worker of the model {self._order.assignment.model} ended")
        else:
            self._on_lost(f"{worker.node}: lost")
            others = [node for node in await cluster.nodes() if node.id != worker.node.id]
            kept = await self._kept_on(others[0], worker) if others else None
        return kept or {}

    async def _kept_on(self, node: Node, worker: _Handle) -> dict[str, Answer] | None:
        """What a worker has left, read on a node; None if the node is gone."""
        kept = await _within(FIND_S, cluster.on_node(node, find_kept, self._order.assignment.store, worker.id))
        return None if kept is None else {one.attempt: Answer(response_data(one.row.response)) for one in kept_in(kept)}

    async def _keep_looking(self) -> None:
        """Give nodes that join a worker."""
        while True:
            await asyncio.sleep(_LOOK_S)
            with suppress(Refused, RayError):  # the other workers go on
                await self._grow()

    async def _grow(self) -> None:
        """Start a worker on each node that fits and has none. Raises Refused: the model is another one there."""
        async with self._growing:
            alive = await cluster.nodes()
            self._notice({node.id for node in alive})
            taken = {worker.node.id for worker in self._workers}
            missing = [node for node in cluster.usable(alive) if node.id not in taken and self._fits(node)]
            if self._order.most:
                missing = (missing * self._order.most)[: self._order.most - len(self._workers)]
            started = await asyncio.gather(*(self._start(node) for node in missing), return_exceptions=True)
        for failed in filter(None, started):
            raise failed

    def _notice(self, alive: set[str]) -> None:
        """Take workers of dead nodes out of use, also those that had no request."""
        for worker in [one for one in self._workers if one.node.id not in alive]:
            worker.kept = worker.kept or asyncio.ensure_future(self._left_by(worker))

    def _fits(self, node: Node) -> bool:
        return node.memory_bytes >= self._order.memory_bytes and self._ends.get(node.id, 0) < _MOST_ENDS

    async def _start(self, node: Node) -> None:
        """Start a worker on a node; without effect if the node has no place for it, or is lost meanwhile."""
        name = secrets.token_hex(8)
        actor = cluster.start_worker(node, replace(self._order.assignment, worker=name), self._order.memory_bytes)
        if await _within(PLACE_S, actor.ping.remote()) is None:
            with suppress(RayError, ValueError):
                cluster.end_worker(actor)
            return
        try:
            found = await actor.prepare.remote()
        except RayError:
            return
        if isinstance(found, Failure):
            raise Refused(replace(found, message=f"{node}: {found.message}"))
        if difference := _difference(self._order.identity, found):
            text = f"{node}: the model '{self._order.assignment.model}' is another one there: {difference}"
            raise Refused(Failure("ModelUnavailableError", text, "load"))
        self._workers.append(_Handle(node, name, actor))

    async def _nowhere(self) -> Failure:
        """Why there is no worker."""
        model, needed = self._order.assignment.model, self._order.memory_bytes
        rooms = [f"{node} has {_gib(node.memory_bytes)}" for node in cluster.usable(await cluster.nodes())]
        rooms = rooms or ["there is no node"]
        text = f"no node has a worker of the model '{model}', which needs {_gib(needed)}: {', '.join(rooms)}"
        return Failure("ModelUnavailableError", text, "node")


async def _within(seconds: float, awaited: Any) -> Any:
    """What is awaited; None after so many seconds, or where Ray cannot get it."""
    with suppress(RayError, TimeoutError):
        return await asyncio.wait_for(asyncio.ensure_future(awaited), seconds)
    return None


def _difference(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """The first field in which two identities differ; empty if they are equal."""
    for name in sorted({*wanted, *found}):
        here, there = (json.dumps(one.get(name), sort_keys=True, default=str) for one in (wanted, found))
        if here != there:
            return f"{name}: expected {here:.80}, got {there:.80}"
    return ""


def _gib(count: float) -> str:
    return f"{count / 2**30:.1f} GiB of memory"
