"""Blocking calls from an event loop: each runs in a daemon thread, so that a call that hangs blocks no exit."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_Call = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]


def harmless(error: BaseException) -> Exception:
    """Return the error of third-party code as one that an event loop survives and a future accepts."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}").with_traceback(error.__traceback__)


class Threads:
    """Reuses idle threads, and starts one when none is idle."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._started = 0

    async def call(self, function: Callable[[], Any]) -> Any:
        """Return the function's result. Raises its exception; SystemExit and others as RuntimeError."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Any] = loop.create_future()
        if not self._idle.acquire(blocking=False):
            self._started += 1
            threading.Thread(target=self._work, daemon=True, name="evalharness-call").start()
        self._calls.put((function, result, loop))
        return await result

    def close(self) -> None:
        """End the threads once they are idle."""
        for _ in range(self._started):
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            function, result, loop = call
            try:
                value, error = function(), None
            except BaseException as raised:
                value, error = None, harmless(raised)
            self._idle.release()
            with suppress(RuntimeError):  # the loop has ended, and with it the caller
                loop.call_soon_threadsafe(_deliver, result, value, error)


def _deliver(result: asyncio.Future[Any], value: Any, error: Exception | None) -> None:
    if result.cancelled():
        return
    if error is None:
        result.set_result(value)
    else:
        result.set_exception(error)
