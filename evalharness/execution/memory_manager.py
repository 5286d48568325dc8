"""Memory and cores of the machine, which local models share: one model computes at a time.

Two models on the same cores would make each other's latencies meaningless, so they take turns: a model holds the lease
while it has requests, and releases it when none is left. Waiting models follow in the order of their first request. A
model stays loaded as long as all fit into memory; before a model that does not fit, those idle longest are unloaded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from evalharness.execution.executor import Executor
from evalharness.execution.threads import Threads
from evalharness.local.memory import available_bytes
from evalharness.logs import get_logger

_log = get_logger(__name__)
_UNLOAD_S = 10.0
"""Seconds that a model has to unload. One that hangs does not hold up the next."""


class MemoryLease:
    """The right of one model to compute. Used on the event loop."""

    def __init__(
        self, memory_manager: MemoryManager, unload: Callable[[], None], memory_bytes: int, model: str
    ) -> None:
        self._memory_manager, self.unload = memory_manager, unload
        self.memory_bytes, self.model = memory_bytes, model
        self.is_quiet = True
        """False: a response whose deadline has passed may still be computed."""
        self.was_unloaded = False
        """Whether the model must be prepared again."""
        self.ready: Callable[[], None]

    def take(self, ready: Callable[[], None]) -> bool:
        """Return whether the model may compute now; if not, `ready` is called when it may."""
        self.ready = ready
        return self._memory_manager.take(self)

    def leave(self) -> None:
        """Release the lease. Releasing it twice, or without holding it, does nothing."""
        self._memory_manager.leave(self)


class MemoryManager:
    """Leases for one engine. All methods but the constructor run on its event loop."""

    def __init__(self, memory_bytes: int | None = None) -> None:
        """`memory_bytes`: for all models together; None: what is free now. A model that needs more runs alone."""
        self._memory_bytes = memory_bytes
        self._at_work: MemoryLease | None = None
        self._is_ready = False
        """Whether the model that holds the lease has room in memory."""
        self._waiting: list[MemoryLease] = []
        self._loaded: list[MemoryLease] = []
        """Models that may hold memory, the most recently used last."""
        self._threads = Threads()
        self._making_room: asyncio.Task[None] | None = None

    def lease(self, executor: Executor, model: str) -> MemoryLease | None:
        """Return a lease, or None for a model that holds no memory here (a remote one)."""
        needed = executor.memory_bytes(model)
        if needed is None:
            return None
        if self._memory_bytes is None:  # nothing is loaded before the first lease
            self._memory_bytes = available_bytes()
        return MemoryLease(self, partial(executor.unload, model), needed, model)

    def take(self, lease: MemoryLease) -> bool:
        """Return whether the lease is granted and the model has room; if not, queue it."""
        if self._at_work is lease:
            return self._is_ready
        is_new = lease not in self._waiting
        if is_new:
            self._waiting.append(lease)
        if self._at_work is None:
            self._next()
        elif is_new:
            _log.info("model %s waits for memory and cores, which model %s has", lease.model, self._at_work.model)
        return self._at_work is lease and self._is_ready

    def leave(self, lease: MemoryLease) -> None:
        """Grant the next lease, or drop this one from the queue."""
        if lease in self._waiting:
            self._waiting.remove(lease)
        if self._at_work is lease and self._is_ready:  # while memory is freed for it, it cannot have finished
            self._at_work = None
            self._next()

    def close(self) -> None:
        """Stop unloading models."""
        self._threads.close()

    def _next(self) -> None:
        if not self._waiting:
            return
        lease = self._at_work = self._waiting.pop(0)
        leaving = self._to_unload(lease)
        if leaving:
            self._is_ready = False
            self._making_room = asyncio.ensure_future(self._make_room(lease, leaving))
        else:
            self._come(lease)

    def _to_unload(self, lease: MemoryLease) -> list[MemoryLease]:
        """Return the models to unload first: those that still compute, then the least recently used."""
        others = [other for other in self._loaded if other is not lease]
        found = [other for other in others if not other.is_quiet]
        left = [other for other in others if other.is_quiet]
        while left and self._memory_bytes is not None and _bytes([lease, *left]) > self._memory_bytes:
            found.append(left.pop(0))
        return found

    async def _make_room(self, lease: MemoryLease, leaving: list[MemoryLease]) -> None:
        for other in leaving:
            _log.info("model %s unloads: model %s needs the memory", other.model, lease.model)
            unloading = asyncio.ensure_future(self._threads.call(other.unload))
            await asyncio.wait({unloading}, timeout=_UNLOAD_S)
            with suppress(Exception):  # a model that cannot unload does not hold up the next
                unloading.result()
            other.is_quiet = other.was_unloaded = True
            self._loaded.remove(other)
        self._come(lease)

    def _come(self, lease: MemoryLease) -> None:
        self._is_ready = True
        asyncio.get_running_loop().call_soon(lease.ready)
        if lease in self._loaded:
            self._loaded.remove(lease)
        self._loaded.append(lease)


def _bytes(leases: list[MemoryLease]) -> int:
    return sum(lease.memory_bytes for lease in leases)
