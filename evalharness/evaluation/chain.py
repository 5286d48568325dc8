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
        try:
            step = next(steps) if exchange is None else steps.send(exchange)
        except StopIteration as stop:
            result.set_result(stop.value)
        except Exception as error:  # a sample waits for the result
            result.set_result(Exchange(request, error=SampleError("conversation", describe(error))))
        else:
            waiting = submit(step) if isinstance(step, Request) else step
            waiting.add_done_callback(lambda future: advance(future.result()))

    advance(None)
    return result
