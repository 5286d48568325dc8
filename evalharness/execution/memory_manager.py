"""Memory and cores of the machine, which local models share: one of them is at work at a time.

Two models that compute on the same cores make each other's seconds worthless, so they take turns, model by model: one
has the seat while anything of it is asked, and leaves when nothing is left. Those that wait follow in the order in
which they came. Who has left stays loaded as long as all fit into memory; before another one comes that does not fit,
those that were away longest are told to rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from evalharness.execution.threads import Threads
from evalharness.local.memory import available_bytes
from evalharness.providers import Provider

_UNLOAD_S = 10.0
"""How long a model may take to give its memory back: one that hangs keeps nobody waiting."""


class MemoryLease:
    """One model's. Used on the event loop."""

    def __init__(self, memory_manager: MemoryManager, provider: Provider, memory_bytes: int) -> None:
        self._memory_manager, self.provider, self.memory_bytes = memory_manager, provider, memory_bytes
        self.is_quiet = True
        """False: an answer that nobody waits for any more may still be computed."""
        self.was_unloaded = False
        """Whether it is to be prepared again."""
        self.ready: Callable[[], None]

    def take(self, ready: Callable[[], None]) -> bool:
        """Whether it is ours; if not, `ready` is called when it is."""
        self.ready = ready
        return self._memory_manager.take(self)

    def leave(self) -> None:
        """Nothing is left to ask, for now. Leaving twice, or without having come, does nothing."""
        self._memory_manager.leave(self)


class MemoryManager:
    """For one engine. Everything but the constructor runs on its event loop."""

    def __init__(self, memory_bytes: int | None = None) -> None:
        """`memory_bytes`: for all models together; None: what is free now. A model that needs more is loaded alone."""
        self._memory_bytes = memory_bytes
        self._at_work: MemoryLease | None = None
        self._is_ready = False
        """Whether there is room for the one whose turn it is."""
        self._waiting: list[MemoryLease] = []
        self._loaded: list[MemoryLease] = []
        """Those that may hold memory; who was at work last comes last."""
        self._threads = Threads()
        self._making_room: asyncio.Task[None] | None = None

    def lease(self, provider: Provider) -> MemoryLease | None:
        """None for a model that needs none: a remote one."""
        needed = provider.memory_bytes()
        if needed is None:
            return None
        if self._memory_bytes is None:  # nothing is loaded before the first has its seat
            self._memory_bytes = available_bytes()
        return MemoryLease(self, provider, needed)

    def take(self, lease: MemoryLease) -> bool:
        """Whether it is this one's turn, and there is room for it; else it is remembered."""
        if self._at_work is lease:
            return self._is_ready
        if lease not in self._waiting:
            self._waiting.append(lease)
        if self._at_work is None:
            self._next()
        return self._at_work is lease and self._is_ready

    def leave(self, lease: MemoryLease) -> None:
        """The next one comes; one that only waited waits no more."""
        if lease in self._waiting:
            self._waiting.remove(lease)
        if self._at_work is lease and self._is_ready:  # while room is made for it, it cannot be gone yet
            self._at_work = None
            self._next()

    def close(self) -> None:
        """Nobody has to make room any more."""
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
        """Those that must be gone before this one comes: who is not quiet, and who was at work longest ago."""
        others = [other for other in self._loaded if other is not lease]
        found = [other for other in others if not other.is_quiet]
        left = [other for other in others if other.is_quiet]
        while left and self._memory_bytes is not None and _bytes([lease, *left]) > self._memory_bytes:
            found.append(left.pop(0))
        return found

    async def _make_room(self, lease: MemoryLease, leaving: list[MemoryLease]) -> None:
        for other in leaving:
            unloading = asyncio.ensure_future(self._threads.call(other.provider.unload))
            await asyncio.wait({unloading}, timeout=_UNLOAD_S)
            with suppress(Exception):  # one that cannot rest keeps nobody waiting either
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
