"""The built-in executor: requests run in this process, in the engine's event loop or in threads."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from concurrent.futures import Future

from evalharness.errors import ProviderError
from evalharness.execution.executor import Executor
from evalharness.execution.threads import Threads, harmless
from evalharness.providers import Provider, refusal_of
from evalharness.records import Request, Response


class LocalExecutor(Executor):
    """Calls the providers of this process: coroutine functions on the event loop, other functions in threads."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self._providers = providers
        self._threads = Threads()

    def submit(self, request: Request) -> Future[Response]:
        """Start one call of the model's provider. Call it on an event loop."""
        provider = self._providers[request.key.model]
        return asyncio.run_coroutine_threadsafe(self._complete(provider, request), asyncio.get_running_loop())

    def start(self, request: Request) -> asyncio.Future[Response]:
        """Start one call of the model's provider as a task: without the way through another thread's future."""
        return asyncio.ensure_future(self._complete(self._providers[request.key.model], request))

    def prepare(self, model: str) -> None:
        """Prepare the provider."""
        self._providers[model].prepare()

    def memory_bytes(self, model: str) -> int | None:
        """Return the bytes that the provider's model holds."""
        return self._providers[model].capabilities.memory_bytes

    def refusal(self, model: str) -> ProviderError | None:
        """Return the refusal that the provider declares."""
        return refusal_of(self._providers[model])

    def unload(self, model: str) -> None:
        """Unload the provider's model."""
        self._providers[model].unload()

    def close(self) -> None:
        """End the threads once they are idle. The engine closes the providers."""
        self._threads.close()

    async def _complete(self, provider: Provider, request: Request) -> Response:
        try:
            if inspect.iscoroutinefunction(provider.complete):
                return await provider.complete(request)  # type: ignore[no-any-return]
            given = await self._threads.call(lambda: provider.complete(request))
            return await given if inspect.isawaitable(given) else given  # type: ignore[no-any-return]
        except (KeyboardInterrupt, SystemExit) as error:  # they would end the loop
            raise harmless(error) from None
