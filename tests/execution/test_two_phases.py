"""Metrics that send requests, and executors of third parties: the guarantees of the engine for both."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from plans import open_pipeline

from evalharness.errors import RetryableError
from evalharness.execution import Executor
from evalharness.providers import Capabilities, Provider
from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import (
    Case,
    Location,
    Message,
    Params,
    Request,
    Response,
    Sample,
    SampleKey,
    Timing,
    Usage,
)
from evalharness.scoring.metrics import Metric, SampleView, request_to
from evalharness.scoring.metrics.base import Responses, Result
from evalharness.scoring.scorer import Scorer

PATIENCE_S = 60
GOOD = Response("Yes.", "stop", Usage(9, 1), Timing(0.1))


def shop() -> Provider:
    """The model of the suite."""
    return ScriptedProvider({"*": "Gladly.", "rude": "No."})


def grade(*models: str) -> Metric:
    """A metric that sends each model a question about the text, and returns the mean of the numbers."""

    def requests(view: SampleView) -> list[Request]:
        if view.text == "No.":
            raise ValueError("too rude")
        return [request_to(model, Message("user", view.text)) for model in models]

    def score(views: Sequence[SampleView], responses: Sequence[Responses]) -> list[Result]:
        return [sum(float(response.text) for response in own) / len(own) for own in responses]

    return Metric("grade", "grade|v:1", score, requests=requests, models=("critic",), needs_golden=False)


def sample_of(names: Sequence[str], metric: Metric, critic: Any, **engine: Any) -> list[Sample]:
    """A sample for each case."""
    scorer = Scorer([metric])
    providers = {"shop": shop(), "critic": ScriptedProvider(critic)}
    with open_pipeline(providers, **engine) as pipeline:
        waiting = [pipeline.submit(a_case(name), a_request(name), scorer) for name in names]
        return [sample.result(PATIENCE_S) for sample in waiting]


def a_case(name: str) -> Case:
    """A case without golden answers."""
    return Case(name, {}, (), (), (), f"digest-{name}", Location("suites/demo.yaml", 3))


def a_request(case: str, model: str = "shop") -> Request:
    """A request for one response."""
    return Request(SampleKey(case, "p", model, 0), (Message("user", f"{case}?"),), 0, Params())


def test_a_metric_that_fails_costs_one_sample() -> None:
    """A metric's request that fails, or cannot be built, is the error of its sample; the others have their scores."""
    critic = {"a": "0.5", "b": {"error": "overloaded"}}
    fine, failed, rude = sample_of(["a", "b", "rude"], grade("critic"), critic)
    assert [(score.metric, score.value) for score in fine.scores] == [("grade", 0.5)]
    assert failed.error
    assert failed.error.message == "grade: no response of 'critic': scripted: overloaded"
    assert rude.error
    assert rude.error.message == "grade: ValueError: too rude (tests/execution/test_two_phases.py:47)"
    assert failed.scores == rude.scores == ()


def test_a_metric_uses_its_declared_models_only() -> None:
    """A model that the metric does not declare is refused, because its identity would be missing in the signature."""
    (sample,) = sample_of(["a"], grade("critic", "shop"), {"*": "1"})
    assert sample.error
    assert sample.error.message == "grade: expected requests to critic, got one to 'shop'"


def test_leaving_ends_requests_of_metrics() -> None:
    """Leaving while a metric waits for its model ends every wait, and keeps the response."""
    arrived = threading.Event()

    def never(request: Request) -> dict[str, Any]:
        arrived.set()
        return {"text": "1", "delay_s": PATIENCE_S}

    scorer = Scorer([grade("critic")])
    with open_pipeline({"shop": shop(), "critic": ScriptedProvider(never)}) as pipeline:
        waiting = [pipeline.submit(a_case(name), a_request(name), scorer) for name in "abc"]
        assert arrived.wait(PATIENCE_S)
    samples = [sample.result(0) for sample in waiting]
    assert [sample.response.text for sample in samples if sample.response] == ["Gladly."] * 3
    assert all(sample.error and "stopped" in f"{sample.error.kind} {sample.error.message}" for sample in samples)


class Script(Executor):
    """Runs a function for each attempt, in threads."""

    def __init__(self, function: Any) -> None:
        self.function, self.attempts, self.closed = function, list[str](), 0
        self._pool = ThreadPoolExecutor(8)

    def submit(self, request: Request) -> Future[Response]:
        """One attempt."""
        self.attempts.append(request.attempt)
        return self._pool.submit(self.function, request)

    def close(self) -> None:
        """Count the calls."""
        self.closed += 1
        self._pool.shutdown(wait=False, cancel_futures=True)


class Impatient(Provider):
    """A provider that declares limits and never runs, because the executor does."""

    capabilities = Capabilities(concurrency=2, retries=3, deadline_s=5.0)

    def complete(self, request: Request) -> Response:
        """Fail."""
        raise AssertionError("the executor runs the requests")


def executed(executor: Executor, names: Sequence[str], provider: Provider | None = None) -> list[Sample]:
    """A sample for each case, by this executor."""
    scorer = Scorer([])
    with open_pipeline({"shop": provider or Impatient()}, executor=executor) as pipeline:
        waiting = [pipeline.submit(a_case(name), a_request(name), scorer) for name in names]
        return [sample.result(PATIENCE_S) for sample in waiting]


def test_limits_and_retries_hold_for_every_executor() -> None:
    """An executor gets one attempt at a time, up to the provider's concurrency, and retries after a failure."""
    lock, running, most, failed = threading.Lock(), [0], [0], set[str]()
    both = threading.Barrier(2)

    def function(request: Request) -> Response:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
            first = request.key.case not in failed
            failed.add(request.key.case)
        both.wait(PATIENCE_S)
        with lock:
            running[0] -= 1
        if first and request.key.case == "a":
            raise RetryableError("busy", wait_s=0.0)
        return GOOD

    script = Script(function)
    samples = executed(script, "abc")
    assert [(sample.ok, sample.attempts) for sample in samples] == [(True, 2), (True, 1), (True, 1)]
    assert (most, len(set(script.attempts)), script.closed) == ([2], 4, 1)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda _: "Yes.", "complete() must return a Response, not str"),
        (lambda _: 1 / 0, "ZeroDivisionError: division by zero (tests/execution/test_two_phases.py:175)"),
    ],
)
def test_an_executor_that_fails_costs_one_sample(function: Any, message: str) -> None:
    """Any exception or wrong value of an executor for one request is that sample's error."""
    bad, good = executed(Script(lambda request: function(request) if request.key.case == "a" else GOOD), "ab")
    assert bad.error
    assert bad.error.message == message
    assert good.ok


def test_a_deadline_holds_for_every_executor() -> None:
    """A request that an executor never finishes ends at its deadline, and its future is cancelled."""
    forever = Future[Response]()

    class Hanging(Executor):
        def submit(self, request: Request) -> Future[Response]:
            return forever

    provider = Impatient()
    provider.capabilities = Capabilities(deadline_s=0.05)
    (late,) = executed(Hanging(), "a", provider)
    assert late.error
    assert (late.error.kind, late.error.message) == ("deadline", "no response within deadline_s = 0.05")
    assert forever.cancelled()
