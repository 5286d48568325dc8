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

from evalharness.engine.threads import Threads
from evalharness.providers import Provider
from evalharness.providers.memory import available_bytes

_REST_S = 10.0
"""How long a model may take to give its memory back: one that hangs keeps nobody waiting."""


class Seat:
    """One model's. Used on the event loop."""

    def __init__(self, machine: Machine, provider: Provider, memory_bytes: int) -> None:
        self._machine, self.provider, self.memory_bytes = machine, provider, memory_bytes
        self.is_quiet = True
        """False: an answer that nobody waits for any more may still be computed."""
        self.has_rested = False
        """Whether it is to be prepared again."""
        self.ready: Callable[[], None]

    def take(self, ready: Callable[[], None]) -> bool:
        """Whether it is ours; if not, `ready` is called when it is."""
        self.ready = ready
        return self._machine.take(self)

    def leave(self) -> None:
        """Nothing is left to ask, for now. Leaving twice, or without having come, does nothing."""
        self._machine.leave(self)


class Machine:
    """For one engine. Everything but the constructor runs on its event loop."""

    def __init__(self, memory_bytes: int | None = None) -> None:
        """`memory_bytes`: for all models together; None: what is free now. A model that needs more is loaded alone."""
        self._memory_bytes = memory_bytes
        self._at_work: Seat | None = None
        self._is_ready = False
        """Whether there is room for the one whose turn it is."""
        self._waiting: list[Seat] = []
        self._loaded: list[Seat] = []
        """Those that may hold memory; who was at work last comes last."""
        self._threads = Threads()
        self._making_room: asyncio.Task[None] | None = None

    def seat(self, provider: Provider) -> Seat | None:
        """None for a model that needs none: a remote one."""
        needed = provider.memory_bytes()
        if needed is None:
            return None
        if self._memory_bytes is None:  # nothing is loaded before the first has its seat
            self._memory_bytes = available_bytes()
        return Seat(self, provider, needed)

    def take(self, seat: Seat) -> bool:
        """Whether it is this one's turn, and there is room for it; else it is remembered."""
        if self._at_work is seat:
            return self._is_ready
        if seat not in self._waiting:
            self._waiting.append(seat)
        if self._at_work is None:
            self._next()
        return self._at_work is seat and self._is_ready

    def leave(self, seat: Seat) -> None:
        """The next one comes; one that only waited waits no more."""
        if seat in self._waiting:
            self._waiting.remove(seat)
        if self._at_work is seat and self._is_ready:  # while room is made for it, it cannot be gone yet
            self._at_work = None
            self._next()

    def close(self) -> None:
        """Nobody has to make room any more."""
        self._threads.close()

    def _next(self) -> None:
        if not self._waiting:
            return
        seat = self._at_work = self._waiting.pop(0)
        leaving = self._to_rest(seat)
        if leaving:
            self._is_ready = False
            self._making_room = asyncio.ensure_future(self._make_room(seat, leaving))
        else:
            self._come(seat)

    def _to_rest(self, seat: Seat) -> list[Seat]:
        """Those that must be gone before this one comes: who is not quiet, and who was at work longest ago."""
        others = [other for other in self._loaded if other is not seat]
        found = [other for other in others if not other.is_quiet]
        left = [other for other in others if other.is_quiet]
        while left and self._memory_bytes is not None and _bytes([seat, *left]) > self._memory_bytes:
            found.append(left.pop(0))
        return found

    async def _make_room(self, seat: Seat, leaving: list[Seat]) -> None:
        for other in leaving:
            resting = asyncio.ensure_future(self._threads.call(other.provider.rest))
            await asyncio.wait({resting}, timeout=_REST_S)
            with suppress(Exception):  # one that cannot rest keeps nobody waiting either
                resting.result()
            other.is_quiet = other.has_rested = True
            self._loaded.remove(other)
        self._come(seat)

    def _come(self, seat: Seat) -> None:
        self._is_ready = True
        asyncio.get_running_loop().call_soon(seat.ready)
        if seat in self._loaded:
            self._loaded.remove(seat)
        self._loaded.append(seat)


def _bytes(seats: list[Seat]) -> int:
    return sum(seat.memory_bytes for seat in seats)
