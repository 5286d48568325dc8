"""One request through one provider, without a run around it."""

from __future__ import annotations

import asyncio
import inspect

from evalharness.providers.base import Provider
from evalharness.records import Request, Response
from evalharness.testing.builders import request as default_request


def complete(provider: Provider, request: Request | None = None) -> Response:
    """The provider's response to one request; prepares the provider first and closes it afterwards.

    Raises what the provider raises. There is no retry, no deadline and no recorded response: those are the run's.
    """
    return asyncio.run(_completed(provider, request or default_request()))


async def _completed(provider: Provider, request: Request) -> Response:
    try:
        await asyncio.to_thread(provider.prepare)
        answer = provider.complete(request)
        return await answer if inspect.isawaitable(answer) else answer
    finally:
        closing = provider.close()
        if inspect.isawaitable(closing):
            await closing
