"""Third-party code that ends the interpreter, cancels or returns nonsense: the error of its samples, never a hang."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from plans import open_pipeline

from evalharness.execution import Executor
from evalharness.providers import Provider
from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import Request, Response, Sample
from evalharness.scoring.metrics import Metric
from evalharness.scoring.scorer import Scorer
from evalharness.testing import case, request, response

PATIENCE_S = 60
EXITS = [SystemExit(3), KeyboardInterrupt("now"), StopIteration("empty")]


class UnreadableError(Exception):
    """An exception that cannot be printed."""

    def __str__(self) -> str:
        raise ValueError("unprintable")


def explode(error: BaseException) -> Any:
    """Raise the error."""
    raise error


def run(scorer: Scorer | None = None, provider: Provider | None = None, **engine: Any) -> list[Sample]:
    """Two samples. Raises TimeoutError if they do not end."""
    mine = scorer or Scorer([])
    with open_pipeline({"m": provider or ScriptedProvider({"*": "Yes."})}, **engine) as pipeline:
        waiting = [pipeline.submit(case(name), request(name, case=name, model="m"), mine) for name in "ab"]
        return [future.result(PATIENCE_S) for future in waiting]


def messages(samples: list[Sample]) -> list[str]:
    """The errors of the samples, without the line of this file that raised them."""
    place = re.compile(r" \(tests/execution/test_hostile_code\.py:\d+\)$")
    return [place.sub("", sample.error.message) if sample.error else "" for sample in samples]


class Calls(Executor):
    """Makes each attempt with a function."""

    def __init__(self, submit: Callable[[Request], Future[Response]]) -> None:
        self.submit = submit  # type: ignore[method-assign]


class Exits(Provider):
    """Raises an error in a plain function, or in a coroutine that a plain function returns."""

    def __init__(self, error: BaseException, *, late: bool) -> None:
        self._error, self._late = error, late

    def complete(self, request: Request) -> Response | Awaitable[Response]:
        """Raise the error, at once or when awaited."""
        return self._raise() if self._late else explode(self._error)

    async def _raise(self) -> Response:
        return explode(self._error)  # type: ignore[no-any-return]


@pytest.mark.parametrize("error", EXITS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("late", [False, True])
def test_a_provider_that_exits(error: BaseException, late: bool) -> None:
    """The exception is the error of each sample, wherever the provider raises it."""
    found = messages(run(provider=Exits(error, late=late)))
    assert all(type(error).__name__ in message for message in found)


@pytest.mark.parametrize("error", EXITS[:2], ids=lambda error: type(error).__name__)
def test_an_executor_that_exits(error: BaseException) -> None:
    """SystemExit in `submit`, or in the future that it returns, is the error of each sample."""
    with ThreadPoolExecutor(1) as pool:
        in_future = messages(run(executor=Calls(lambda _: pool.submit(explode, error))))
    in_submit = messages(run(executor=Calls(lambda _: explode(error))))
    assert in_future == in_submit == [f"RuntimeError: {type(error).__name__}: {error}"] * 2


def test_an_executor_that_cancels() -> None:
    """A future that the executor cancels is the error of its sample."""

    def cancelled(_: Request) -> Future[Response]:
        future = Future[Response]()
        future.cancel()
        return future

    assert messages(run(executor=Calls(cancelled))) == ["the executor cancelled the request"] * 2


def test_an_executor_that_exits_before_the_first_request() -> None:
    """SystemExit where the engine asks for the memory of a model is the error of each sample."""
    executor = Calls(lambda _: explode(AssertionError()))
    executor.memory_bytes = lambda _: explode(SystemExit("no"))  # type: ignore[method-assign]
    assert messages(run(executor=executor)) == ["SystemExit: no"] * 2


@pytest.mark.parametrize("error", [*EXITS[:2], UnreadableError()], ids=lambda error: type(error).__name__)
def test_a_metric_that_exits_before_its_requests(error: BaseException) -> None:
    """The exception is the error of each sample, and the thread that scores goes on."""
    odd = Metric(
        "odd", "odd|v:1", lambda views, _: [1.0] * len(views), requests=lambda _: explode(error), needs_golden=False
    )
    found = messages(run(Scorer([odd])))
    assert all(message.startswith(f"odd: {type(error).__name__}") for message in found)


def test_the_test_itself_runs() -> None:
    """Ordinary responses pass through the same code."""
    with ThreadPoolExecutor(1) as pool:
        assert messages(run(executor=Calls(lambda _: pool.submit(response)))) == ["", ""]
