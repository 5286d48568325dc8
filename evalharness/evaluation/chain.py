"""Requests one after another, each made from the response before: a generator, driven by the engine's answers.

    def steps() -> Steps:
        first = yield request                # an exchange: response or error
        return (yield following(first))      # the result of the chain

A step is an ordinary request of the engine: ledger, budget, retries, limits and replay apply to each one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future

from evalharness.execution import Exchange
from evalharness.foreign import describe
from evalharness.records import Request, SampleError

Steps = Generator["Request | Future[Exchange]", Exchange, Exchange]
"""Yields a request, or an exchange to come, and gets the exchange; returns the one that stands for all."""
Submit = Callable[[Request], "Future[Exchange]"]


def drive(steps: Steps, request: Request, submit: Submit) -> Future[Exchange]:
    """Return what the steps will return. An exception in them is the error of `request`, for which they stand.

    The steps run in the thread that calls this, up to their first request, and then where the engine answers.
    """
    result: Future[Exchange] = Future()

    def advance(exchange: Exchange | None) -> None:
        """Take steps until one has to wait. A loop: hundreds of replayed exchanges are there already."""
        while True:
            try:
                step = next(steps) if exchange is None else steps.send(exchange)
                coming = submit(step) if isinstance(step, Request) else step
            except StopIteration as stop:
                return result.set_result(stop.value)
            except Exception as error:  # a sample waits for the result
                return result.set_result(Exchange(request, error=SampleError("conversation", describe(error))))
            if not coming.done():
                return coming.add_done_callback(lambda future: advance(future.result()))
            exchange = coming.result()

    advance(None)
    return result
