"""Plain functions beside an event loop: each call in a daemon thread, so that one that hangs keeps nobody."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_Call = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class Threads:
    """Idle threads are used again; a new one starts when none is idle."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._started = 0

    async def call(self, function: Callable[[], Any]) -> Any:
        """The result of the function. Whatever it raises, its `sys.exit` too, is an Exception here."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Any] = loop.create_future()
        if not self._idle.acquire(blocking=False):
            self._started += 1
            threading.Thread(target=self._work, daemon=True, name="evalharness-call").start()
        self._calls.put((function, result, loop))
        return await result

    def close(self) -> None:
        """Let the threads end once they have nothing to do."""
        for _ in range(self._started):
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            function, result, loop = call
            try:
                value, error = function(), None
            except Exception as raised:
                value, error = None, raised
            except BaseException as raised:  # of a third party: it must not end the loop
                value, error = None, RuntimeError(f"{type(raised).__name__}: {raised}")
            self._idle.release()
            with suppress(RuntimeError):  # the loop has ended: nobody waits
                loop.call_soon_threadsafe(_deliver, result, value, error)


def _deliver(result: asyncio.Future[Any], value: Any, error: Exception | None) -> None:
    if result.cancelled():
        return
    if error is None:
        result.set_result(value)
    else:
        result.set_exception(error)
