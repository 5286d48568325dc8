"""A third party's executor: runs requests in a thread pool, and logs each one."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from evalharness import Executor, Provider, Request, Response


class ThreadPool(Executor):
    """Calls the providers in threads of its own."""

    def __init__(self, providers: Mapping[str, Provider], *, workers: int = 4, log: str = "pool.log") -> None:
        self._providers, self._log = providers, Path(log)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="acme")

    def prepare(self, model: str) -> None:
        """Open the model."""
        self._providers[model].prepare()

    def submit(self, request: Request) -> Future[Response]:
        """Start one attempt in a thread of the pool."""
        return self._pool.submit(self._complete, request)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _complete(self, request: Request) -> Response:
        with self._log.open("a") as file:
            file.write(f"{request.key.model}\n")
        given = self._providers[request.key.model].complete(request)
        return asyncio.run(_awaited(given)) if inspect.isawaitable(given) else given


async def _awaited(given: Any) -> Response:
    response: Response = await given
    return response
