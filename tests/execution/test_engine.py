"""The engine: every request gets its sample, whatever providers, metrics and interrupts do."""

from __future__ import annotations

import math
import re
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from plans import open_pipeline

from evalharness.errors import MetricError, ProviderError
from evalharness.execution import Engine, RecordMode, RunOptions
from evalharness.execution.options import RECORD_MODES
from evalharness.providers import Provider
from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import (
    Case,
    Message,
    NotApplicable,
    Request,
    Response,
    Sample,
    Spec,
    Timing,
    Usage,
)
from evalharness.scoring.metrics import Metric, SampleView
from evalharness.scoring.metrics.base import Responses, Result
from evalharness.scoring.metrics.strings import exact
from evalharness.scoring.scorer import Answered, Scorer
from evalharness.testing import case, request, response

PATIENCE_S = 60
"""Seconds after which an open future counts as a hang."""
GOOD = response()


def a_case(name: str, *checks: Spec) -> Case:
    """A case with the golden answer Yes."""
    return case(name, checks=checks)


def a_request(name: str, model: str = "m") -> Request:
    """A request for one answer."""
    return request(f"{name}?", case=name, model=model)


def run(
    answers: Any, names: Sequence[str] = ("a", "b", "c"), metrics: Sequence[Metric] = (), *checks: Spec
) -> list[Sample]:
    """The engine's samples for these answers, in the order of `names`."""
    scorer = Scorer(metrics or [exact()])
    provider = answers if hasattr(answers, "complete") else ScriptedProvider(answers)
    with open_pipeline({"m": provider}) as pipeline:
        waiting = [pipeline.submit(a_case(name, *checks), a_request(name), scorer) for name in names]
        return [sample.result(PATIENCE_S) for sample in waiting]


class Odd(Provider):
    """A provider of a third party with a given `complete`."""

    def __init__(self, complete: Callable[[Request], Any]) -> None:
        self.complete = complete
        self.prepared: list[float] = []
        self.closed = 0

    def identity(self) -> dict[str, Any]:
        """An empty identity."""
        return {}

    def prepare(self) -> None:
        """Count the calls."""
        self.prepared.append(time.monotonic())

    def close(self) -> None:
        """Count the calls."""
        self.closed += 1


def test_every_request_has_its_sample() -> None:
    """Answers, scores, checks and errors end up with the case that they belong to."""
    answers = {"a": "Yes.", "b": "No.", "c": {"error": "overloaded"}}
    yes, no, bad = run(answers, "abc", [], Spec("contains", {"value": "Yes"}))
    assert (yes.key.case, yes.ok, yes.scores[0].value, yes.digest) == ("a", True, 1.0, "digest-a")
    assert (no.ok, no.scores[0].value, no.failed_checks) == (False, 0.0, ("must contain 'Yes'",))
    assert bad.error
    assert (bad.ok, bad.response, bad.error.kind, bad.error.message) == (False, None, "scripted", "overloaded")
    assert (bad.scores, bad.failed_checks, bad.messages) == ((), (), (Message("user", "c?"),))


@pytest.mark.parametrize("names", ["abcdef", "fedcba", "ace", "f"])
def test_order_and_selection_do_not_matter(names: str) -> None:
    """A sample does not depend on the other requests or their order."""
    answers = {name: f"SampleView {name}." for name in "abcdef"}
    alone = {name: run(answers, [name])[0] for name in names}
    for sample in run(answers, names):
        assert replace(sample, response=None) == replace(alone[sample.key.case], response=None)
        assert sample.response
        assert sample.response.text == answers[sample.key.case]


def explode(error: BaseException) -> Any:
    """Raise the error: a lambda cannot."""
    raise error


@pytest.mark.parametrize(
    ("complete", "kind", "message"),
    [
        (lambda _: explode(ProviderError("too long", kind="context")), "context", "too long"),
        (lambda _: explode(ZeroDivisionError("oops")), "provider", "ZeroDivisionError: oops"),
        (lambda _: sys.exit(3), "provider", "SystemExit: 3"),
        (lambda _: explode(KeyboardInterrupt()), "provider", "KeyboardInterrupt"),
        (lambda _: None, "provider", "complete() must return a Response, not NoneType"),
        (lambda _: "Yes.", "provider", "complete() must return a Response, not str"),
        (lambda _: replace(GOOD, text=None), "provider", "complete() must return a Response, not Response"),
        (lambda _: replace(GOOD, finish_reason="banana"), "provider", "finish_reason: expected stop or length"),
        (lambda _: replace(GOOD, usage=Usage(-1, 0)), "provider", "cannot be recorded: usage: expected token counts"),
        (
            lambda _: replace(GOOD, timing=Timing(math.nan)),
            "provider",
            "cannot be recorded: timing: expected finite numbers",
        ),
        (
            lambda _: replace(GOOD, timing=Timing(0.1, first_token_s=math.inf)),
            "provider",
            "cannot be recorded: timing: expected finite numbers",
        ),
        (lambda _: replace(GOOD, usage=Usage(1, None)), "provider", "cannot be recorded: usage: expected token counts"),  # type: ignore[arg-type]
    ],
)
def test_provider_error_is_one_case(complete: Callable[[Request], Any], kind: str, message: str) -> None:
    """Any exception or wrong value of a provider is the error of that case alone."""
    odd = Odd(lambda request: complete(request) if request.key.case == "b" else GOOD)
    first, bad, last = run(odd)
    assert first.ok
    assert last.ok
    assert not bad.ok
    assert bad.error
    assert bad.error.kind == kind
    assert message in bad.error.message


def test_half_a_surrogate_pair() -> None:
    """Half a surrogate pair in an answer becomes U+FFFD, and whole pairs stay."""
    (sample,) = run({"a": "x\ud83dy \U0001f600 \ud83d\ude00"}, "a")
    assert sample.response
    assert sample.response.text == "x\ufffdy \U0001f600 \U0001f600"


def test_unknown_model() -> None:
    """A request for an unknown model is the error of its case."""
    scorer = Scorer([])
    with open_pipeline({}) as pipeline:
        sample = pipeline.submit(a_case("a"), a_request("a", "ghost"), scorer).result(PATIENCE_S)
    assert sample.error
    assert "ghost" in sample.error.message


def a_metric(score: Callable[[str], Any], **more: Any) -> Metric:
    """A batch metric from a function of one text, which may raise, return nonsense, or exit."""

    def batch(views: Sequence[SampleView], responses: Sequence[Responses]) -> list[Result]:
        return [score(view.text) for view in views]

    return Metric("odd", "odd|v:1", batch, **more)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda: explode(ZeroDivisionError("oops")), "odd: ZeroDivisionError: oops"),
        (lambda: math.nan, "odd: expected a score in [0, 1], got nan"),
        (lambda: math.inf, "expected a score in [0, 1], got inf"),
        (lambda: 1.5, "expected a score in [0, 1], got 1.5"),
        (lambda: MetricError("no scale"), "odd: no scale"),
        (lambda: "good", "odd: "),
        (lambda: sys.exit(3), "SystemExit: 3"),
    ],
)
def test_metric_error_is_one_case(bad: Callable[[], Any], message: str) -> None:
    """A metric that raises, returns an invalid score or exits is an error of that answer: neither 0 nor a pass."""
    samples = run({"b": "bad", "*": "good"}, "abcd", [a_metric(lambda text: bad() if text == "bad" else 1.0)])
    assert [sample.ok for sample in samples] == [True, False, True, True]
    spoilt = samples[1]
    assert spoilt.error
    assert message in spoilt.error.message
    assert spoilt.scores == ()
    assert spoilt.response


def test_check_that_raises() -> None:
    """A hard assertion that cannot be opened is the error of its case, and every future ends."""
    samples = run({"*": "Yes."}, "ab", [], Spec("contains", {}))
    assert [sample.error.kind for sample in samples if sample.error] == ["scoring", "scoring"]


def test_no_golden_answer() -> None:
    """A metric that needs a golden answer does not apply to a case without one, which is no error."""
    scorer = Scorer([exact()])
    case = replace(a_case("a"), golden=())
    (sample,) = scorer.samples([Answered(case, a_request("a"), GOOD)])
    assert sample.answered
    assert sample.scores == ()
    assert sample.not_applicable == (NotApplicable("no golden answer", "exact"),)


def test_checks_belong_to_their_case() -> None:
    """A new case does not inherit the checks of a deleted one, although Python reuses ids."""
    scorer = Scorer([])
    for number in range(200):
        case = a_case("a", Spec("contains", {"value": f"number {number}"}))
        (sample,) = scorer.samples([Answered(case, a_request("a"), GOOD)])
        assert sample.failed_checks == (f"must contain 'number {number}'",)


def test_batches() -> None:
    """Answers that arrive during scoring are scored together, at most 256 at once, each with its own score."""
    names, sizes, came = [str(number) for number in range(600)], list[int](), threading.Semaphore(0)

    def complete(request: Request) -> Response:
        came.release()
        return replace(GOOD, text=request.key.case)

    def batch(views: Sequence[SampleView], responses: Sequence[Responses]) -> list[Result]:
        if not sizes:  # busy until all have an answer
            assert all(came.acquire(timeout=PATIENCE_S) for _ in names)
        sizes.append(len(views))
        return [int(view.text) / 1000 for view in views]

    samples = run(Odd(complete), names, [Metric("odd", "odd|v:1", batch)])
    assert [sample.scores[0].value for sample in samples] == [number / 1000 for number in range(600)]
    assert sum(sizes) == 600
    assert max(sizes) <= 256
    assert len(sizes) < 60


def test_two_suites_share_the_engine() -> None:
    """Answers of two suites, mixed, are each scored by their own metrics."""
    one, two = Scorer([a_metric(lambda _: 0.25)]), Scorer([a_metric(lambda _: 0.75)])
    with open_pipeline({"m": ScriptedProvider({"*": "Yes."})}) as pipeline:
        waiting = [pipeline.submit(a_case("a"), a_request("a"), (one, two)[number % 2]) for number in range(20)]
        values = [sample.result(PATIENCE_S).scores[0].value for sample in waiting]
    assert values == [0.25, 0.75] * 10


def test_prepared_once() -> None:
    """A provider is prepared before its first request, once, and not at all without a request; all are closed."""
    used, idle = Odd(lambda _: GOOD), Odd(lambda _: GOOD)
    scorer = Scorer([])
    with open_pipeline({"m": used, "n": idle}) as pipeline:
        for future in [pipeline.submit(a_case(name), a_request(name), scorer) for name in "abc"]:
            assert future.result(PATIENCE_S).ok
    assert (len(used.prepared), len(idle.prepared), used.closed, idle.closed) == (1, 0, 1, 1)


@pytest.mark.parametrize("record", RECORD_MODES)
def test_modules_of_a_provider(record: RecordMode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The modules that a provider names are imported by the caller before its request; a missing one is no error."""
    name = f"acme_heavy_{record}"
    (tmp_path / f"{name}.py").write_text("import threading\nTHREAD = threading.current_thread()\n")
    monkeypatch.syspath_prepend(tmp_path)
    provider = Odd(lambda _: replace(GOOD, text=sys.modules[name].THREAD.name))
    provider.modules = ("acme_gone", name)
    with open_pipeline({"m": provider}, options=RunOptions(record=record)) as pipeline:
        sample = pipeline.submit(a_case("a"), a_request("a"), Scorer([])).result(PATIENCE_S)
    assert sample.response
    assert sample.response.text == threading.current_thread().name


def test_preparation_that_fails() -> None:
    """A provider that fails to start is the error of the first case, and no future hangs."""
    odd = Odd(lambda _: GOOD)
    odd.prepare = lambda: explode(OSError("no such file"))  # type: ignore[method-assign]
    first, *_ = run(odd)
    assert first.error
    assert re.fullmatch(r"OSError: no such file \(tests/execution/test_engine.py:\d+\)", first.error.message)


def test_warm_up_that_fails() -> None:
    """A metric that cannot warm up is an error of every sample, and does not stop other metrics."""
    cold = a_metric(lambda _: 1.0, warm_up=lambda: explode(ImportError("no torch")))
    warm = threading.Event()
    other = replace(a_metric(lambda _: 1.0, warm_up=warm.set), name="other")
    samples = run({"*": "Yes."}, "ab", [cold, other])
    messages = [sample.error.message for sample in samples if sample.error]
    assert [message.partition(" (")[0] for message in messages] == ["odd: ImportError: no torch"] * 2
    assert [[score.metric for score in sample.scores] for sample in samples] == [["other"]] * 2
    assert warm.is_set()


def test_responses_wait_for_the_warm_up() -> None:
    """Requests leave before the warm-up, in the caller's thread; responses are scored after it."""
    answered, order = threading.Event(), []

    def warm_up() -> None:
        assert answered.wait(PATIENCE_S)
        order.append(threading.current_thread().name)

    def score(_: object) -> float:
        order.append("score")
        return 1.0

    def complete(_: Request) -> Response:
        answered.set()
        return GOOD

    assert run(Odd(complete), "a", [a_metric(score, warm_up=warm_up)])[0].ok
    assert order == [threading.current_thread().name, "score"]


def done(futures: Sequence[Future[Sample]]) -> list[str]:
    """The error kind of each future, "" for none; each must be done."""
    samples = [future.result(PATIENCE_S) for future in futures]
    return [sample.error.kind if sample.error else "" for sample in samples]


class Slow(Odd):
    """A model that answers only when it is closed."""

    def __init__(self) -> None:
        super().__init__(self.wait)
        self.called, self.ended = threading.Event(), threading.Event()

    def wait(self, request: Request) -> Response:
        """Wait for the close, like the scripted provider with a long delay."""
        self.called.set()
        if self.ended.wait(PATIENCE_S):
            raise ProviderError("stopped", kind="stopped")
        return GOOD

    def close(self) -> None:
        """End the wait."""
        self.ended.set()


@pytest.mark.parametrize("error", [None, KeyboardInterrupt(), RuntimeError("bug")])
def test_leaving_ends_every_wait(error: BaseException | None) -> None:
    """Leaving the pipeline ends every wait, with requests in flight and pending, and on each way out."""
    slow, scorer, waiting = Slow(), Scorer([]), list[Future[Sample]]()
    with pytest.raises(type(error)) if error else nullcontext(), open_pipeline({"m": slow}) as pipeline:
        waiting += [pipeline.submit(a_case(f"c{n}"), a_request(f"c{n}"), scorer) for n in range(50)]
        assert slow.called.wait(PATIENCE_S)
        if error:
            raise error
    assert all(future.done() for future in waiting)
    assert done(waiting) == ["stopped"] * 50


def test_waiting_threads_are_released() -> None:
    """Threads that wait for samples get them when another thread leaves the engine."""
    slow, scorer, about_to = Slow(), Scorer([]), threading.Semaphore(0)

    def wait(future: Future[Sample]) -> Sample:
        about_to.release()
        return future.result(PATIENCE_S)

    with ThreadPoolExecutor(8) as pool:
        with open_pipeline({"m": slow}) as pipeline:
            futures = [pipeline.submit(a_case(f"c{n}"), a_request(f"c{n}"), scorer) for n in range(8)]
            waits = [pool.submit(wait, future) for future in futures]
            assert all(about_to.acquire(timeout=PATIENCE_S) for _ in waits)
        assert all(wait.result(PATIENCE_S).error for wait in waits)


def test_a_request_after_the_end() -> None:
    """A request to a closed engine gets an error at once."""
    scorer = Scorer([])
    with open_pipeline({"m": ScriptedProvider({"*": "Yes."})}) as pipeline:
        pass
    assert done([pipeline.submit(a_case("a"), a_request("a"), scorer)]) == ["stopped"]


def test_cancelled_wait() -> None:
    """A future that its owner cancels does not delay the others."""
    scorer, go = Scorer([]), threading.Event()
    odd = Odd(lambda _: GOOD if go.wait(PATIENCE_S) else None)
    with open_pipeline({"m": odd}) as pipeline:
        first, second = (pipeline.submit(a_case(name), a_request(name), scorer) for name in "ab")
        assert first.cancel()
        go.set()
        assert second.result(PATIENCE_S).ok


def test_provider_that_cannot_close() -> None:
    """A provider that fails to close does not stop the others from closing, and is a warning of the engine."""
    bad, good = Odd(lambda _: GOOD), Odd(lambda _: GOOD)
    bad.close = lambda: explode(OSError("stuck"))  # type: ignore[method-assign]
    for providers in ({"m": bad, "n": good}, {"n": good, "m": bad}):
        with Engine(providers) as engine:
            pass
        assert engine.warnings == ["model 'm' (Odd): close() raised OSError: stuck"]
    assert good.closed == 2


def test_no_thread_stays() -> None:
    """A closed engine leaves no thread behind."""
    before = threading.active_count()
    run({"*": "Yes."})
    deadline = time.monotonic() + PATIENCE_S
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before
