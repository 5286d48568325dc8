"""Checked by mypy and basedpyright, never run: what a program that uses evalharness may rely on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import assert_type

import evalharness
from evalharness import (
    Capabilities,
    Comparison,
    Config,
    Evaluation,
    Executor,
    Judge,
    Message,
    Metric,
    MetricError,
    Provider,
    ProviderError,
    Question,
    Request,
    Response,
    Run,
    Sample,
    SampleView,
    Score,
    ScriptedProvider,
    Suite,
    ThrottledError,
    Timing,
    Usage,
    Verdict,
    request_to,
)


class Shout(Provider):
    """A provider needs `complete` alone."""

    def complete(self, request: Request) -> Response:
        """Answer in capitals."""
        text = request.messages[-1].content.upper()
        return Response(text, "stop", Usage(1, 2), Timing(total_s=0.1))


class Recorded(Provider):
    """A provider may declare capabilities, and complete asynchronously."""

    capabilities = Capabilities(recorded=True, concurrency=8, deterministic="greedy")

    async def complete(self, request: Request) -> Response:
        """Fail with an error that is retried."""
        raise ThrottledError("slow down", kind="rate limit", wait_s=2.0)


def failed(error: ProviderError) -> str:
    """The kind of an error is a word; what to do is its class."""
    Capabilities(recorder=True)  # type: ignore[call-arg]
    Capabilities(deterministic="sometimes")  # type: ignore[arg-type]
    return error.kind


class Pool(Executor):
    """An executor needs `submit` alone."""

    def submit(self, request: Request) -> Future[Response]:
        """Fail at once."""
        future = Future[Response]()
        future.set_exception(ThrottledError("no worker", wait_s=1.0))
        return future


class Sure(Judge):
    """A judge needs a signature and `decide`."""

    signature = "sure|v:1"

    def decide(
        self, questions: Sequence[Question], responses: Sequence[Sequence[Response]]
    ) -> list[Mapping[str, float] | MetricError]:
        """Choose the first."""
        return [{choice: float(choice == one.choices[0]) for choice in one.choices} for one in questions]


def tone(model: str) -> Metric:
    """A metric that sends requests; results may be numbers, scores and errors."""

    def requests(view: SampleView) -> list[Request]:
        return [request_to(model, Message("user", view.text))]

    def score(
        views: Sequence[SampleView], responses: Sequence[Sequence[Response]]
    ) -> list[float | Score | MetricError]:
        return [0.5 for _ in views]

    Metric("tone", 3, score)  # type: ignore[arg-type]
    return Metric("tone", "tone|v:1", score, requests=requests, models=(model,))


def executors() -> None:
    """A name or an executor."""
    evalharness.evaluate("support", executor="ray")
    evalharness.evaluate("support", executor=Pool())
    evalharness.evaluate("support", executor=3)  # type: ignore[arg-type]


def seen(sample: Sample) -> None:
    """`on_sample` gets each sample."""


def evaluated(config: Config) -> None:
    """What an evaluation gives."""
    evaluation = evalharness.evaluate("support", models={"shout": Shout()}, config=config, on_sample=seen)
    assert_type(evaluation, Evaluation)
    assert_type(evaluation.run, Run)
    assert_type(evaluation.verdicts, tuple[Verdict, ...])
    assert_type(evaluation.means, dict[tuple[str, str], dict[str, float]])
    assert_type(evalharness.compare(evaluation, "reports/support"), Comparison)
    assert_type(evalharness.load_suite("support", config), Suite)
    evalharness.evaluate(3)  # type: ignore[arg-type]
    evalharness.evaluate("support", repat=3)  # type: ignore[call-arg]


async def in_a_loop() -> None:
    """The same in a loop."""
    assert_type(await evalharness.aevaluate("support"), Evaluation)


def scripted(request: Request) -> str:
    """A script."""
    return request.key.case


def providers() -> list[Provider]:
    """All are providers."""
    return [ScriptedProvider(scripted), Shout(), Recorded()]


def unknown() -> None:
    """A name that is not public is an error."""
    from evalharness import nonsense  # type: ignore[attr-defined]  # noqa: F401
