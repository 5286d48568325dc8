"""Requests of a run: equal ones are sent once, the endpoint sets the pace, and deadlines and stops hold."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pipelines import PATIENCE_S, in_time, kinds, samples_of, submit
from plans import open_pipeline

from evalharness.config import Config, ModelConfig
from evalharness.errors import ConfigError
from evalharness.evaluation.plan import make_plan
from evalharness.execution import RunOptions
from evalharness.execution.pricing import Pricing
from evalharness.providers import Capabilities, Provider, open_provider
from evalharness.records import (
    Params,
    Request,
    Response,
    Sample,
    Suite,
)
from evalharness.store.ledger import Ledger, Settlement
from evalharness.testing import response
from evalharness.testing.fault_server import (
    FaultServer,
    Hang,
    Received,
    Reply,
    Script,
    Send,
    Wait,
    healthy,
    json_answer,
    too_many,
)

GOOD = response()
NAMES = [f"case-{number}" for number in range(200)]
Result = TypeVar("Result")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        yield ledger


def remote(*urls: str, **options: Any) -> Provider:
    """A model at these addresses."""
    known: dict[str, Any] = {"base_urls": list(urls), "model": "m", **options}
    return open_provider("m", Config(models={"m": ModelConfig(provider="openai", **known)}))


def run(provider: Provider, ledger: Ledger, names: Iterable[str], *, text: str = "", **options: Any) -> list[Sample]:
    """The samples of a new run with one request for each name."""
    with open_pipeline({"m": provider}, options=RunOptions(run="r", **options), ledger=ledger) as pipeline:
        return samples_of(submit(pipeline, names, text=text))


def status(code: int) -> Script:
    """An error status for every request."""
    return lambda seen: [Send(json_answer({"error": {"message": "no"}}, code))]


def nowhere() -> str:
    """An address with a closed port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


@pytest.mark.parametrize("record", ["once", "all"])
def test_equal_requests_are_one(ledger: Ledger, record: Any) -> None:
    """A hundred equal requests are one POST: each gets the answer, and only one has a latency."""
    with FaultServer() as server:
        samples = run(remote(server.url), ledger, NAMES[:100], text="the same", record=record)
    assert len(server.log) == 1
    assert {sample.response.text for sample in samples if sample.response} == {"You asked: the same"}
    assert Counter(sample.latency_s is None for sample in samples) == {True: 99, False: 1}
    assert sorted(sample.attempts for sample in samples) == [0] * 99 + [1]


def test_an_error_is_shared_too(ledger: Ledger) -> None:
    """Equal requests that fail share the error, which is not recorded."""
    with FaultServer(status(400)) as server:
        samples = run(remote(server.url), ledger, NAMES[:20], text="the same")
    assert kinds(samples) == {"request": 20}
    assert len(server.log) == 1
    assert list(ledger.all()) == []


def test_a_retry_takes_what_another_process_got(ledger: Ledger, tmp_path: Path) -> None:
    """A request that waits for its retry takes the answer that another process of the run has received."""

    def script(seen: Received) -> Reply:
        return [Send(too_many({"retry-after-ms": "300"}))] if seen.attempt == 0 else healthy(seen)

    other_ledger = Ledger(tmp_path / "ledger.sqlite")
    with FaultServer(script) as server, closing(other_ledger), ExitStack() as engines:
        one, other = (
            engines.enter_context(
                open_pipeline({"m": remote(server.url)}, options=RunOptions(run="r"), ledger=one_ledger)
            )
            for one_ledger in (ledger, other_ledger)
        )
        first = submit(one, ["a"], text="the same")
        while not ledger.attempts("r") or ledger.in_flight("r"):
            time.sleep(0.01)
        assert samples_of(submit(other, ["b"], text="the same"))[0].ok
        assert samples_of(first)[0].ok
    assert len(server.log) == 2


def test_rejected_while_others_are_served(ledger: Ledger) -> None:
    """A request that a busy endpoint rejects is retried while the endpoint serves others."""
    at_once, served = 32, 0

    def unlucky(seen: Received) -> Reply:
        until = served + at_once  # more than are in flight: a request that left after this one has its answer
        while served < until:
            yield Wait(0.001)
        yield Send(too_many({"retry-after-ms": "10"}))

    def script(seen: Received) -> Reply:
        nonlocal served
        if seen.case == "0" and seen.attempt < 5:
            return unlucky(seen)
        served += 1
        return healthy(seen)

    with FaultServer(script) as server:
        samples = run(remote(server.url), ledger, map(str, range(12 * at_once)), concurrency=at_once)
    assert kinds(samples) == {"answered": 12 * at_once}
    assert len([post for post in server.log if post.case == "0"]) == 6


def test_rejected_by_an_endpoint_that_serves_none(ledger: Ledger) -> None:
    """Each of three requests is sent three times."""
    with FaultServer(lambda _: [Send(too_many({"retry-after-ms": "10"}))]) as server:
        samples = run(remote(server.url), ledger, NAMES[:3])
    assert kinds(samples) == {"rate limit": 3}
    assert len(server.log) == 9


def test_as_many_as_the_endpoint_likes(monkeypatch: pytest.MonkeyPatch, ledger: Ledger) -> None:
    """An endpoint with room for eight answers all requests, and rejects few in the second half.

    Without the limiter's cuts it rejects two in five. The test counts requests in flight and reads no clock.
    """
    monkeypatch.setattr("evalharness.execution.limiter.CALM_S", 0.05)
    refused: list[bool] = []
    under_way = 0

    def script(seen: Received) -> Reply:
        nonlocal under_way
        refused.append(under_way >= 8)
        if refused[-1]:
            yield Send(too_many({"retry-after-ms": "10"}))
            return
        under_way += 1
        yield Wait(0.01)
        yield Wait(0)  # the server reads one step ahead
        under_way -= 1
        yield from healthy(seen)

    with FaultServer(script) as server:
        samples = run(remote(server.url), ledger, NAMES)
    late = refused[len(refused) // 2 :]
    assert kinds(samples) == {"answered": 200}
    assert sum(late) / len(late) <= 0.1


def test_requests_leave_during_disk_writes(tmp_path: Path) -> None:
    """While the ledger writes an answer, the next request leaves, because its intent is already on the disk."""
    second_has_left = threading.Event()

    class SlowDisk(Ledger):
        def commit(self, run: str, entries: Any) -> Any:
            if any(isinstance(entry, Settlement) for entry in entries):
                assert second_has_left.wait(PATIENCE_S)
            return super().commit(run, entries)

    def script(seen: Received) -> Reply:
        if seen.case == NAMES[1]:
            second_has_left.set()
        return healthy(seen)

    with FaultServer(script) as server, closing(SlowDisk(tmp_path / "ledger.sqlite")) as ledger:
        assert kinds(run(remote(server.url), ledger, NAMES[:4], concurrency=1)) == {"answered": 4}


def test_retry_after_holds_for_all(ledger: Ledger) -> None:
    """After a Retry-After, only requests that are already on their way arrive before the wait is over."""

    def script(seen: Received) -> Reply:
        first = seen.case == NAMES[5] and seen.attempt == 0
        return [Send(too_many({"retry-after": "1"}))] if first else healthy(seen)

    with FaultServer(script, latency_s=0.05) as server:
        samples = run(remote(server.url), ledger, NAMES[:60], concurrency=10)
    assert kinds(samples) == {"answered": 60}
    (rejected_at,) = (post.answered_at for post in server.log if post.case == NAMES[5] and post.attempt == 0)
    assert rejected_at
    after = [post.at - rejected_at for post in server.log if post.at > rejected_at]
    assert len([late for late in after if late < 1]) <= 20  # on their way, or sent before the client read the header
    assert len([late for late in after if late >= 1]) >= 30


@pytest.mark.parametrize(("slow_s", "least", "most"), [(0.02, 80, 120), (0.3, 10, 95)])
def test_several_addresses(ledger: Ledger, slow_s: float, least: int, most: int) -> None:
    """Each request goes to the address with the fewest in flight: a third each, and fewer to a slow one."""
    with FaultServer(latency_s=0.02) as one, FaultServer(latency_s=0.02) as two, FaultServer(latency_s=slow_s) as three:
        samples = run(remote(one.url, two.url, three.url), ledger, [f"case-{number}" for number in range(300)])
    counts = [len(server.log) for server in (one, two, three)]
    assert kinds(samples) == {"answered": 300}
    assert sum(counts) == 300
    assert least <= counts[2] <= most, counts
    assert abs(counts[0] - counts[1]) < 40, counts


OVER = threading.Event()


@pytest.fixture(autouse=True)
def over() -> Iterator[None]:
    """Release the hanging providers after each test."""
    OVER.clear()
    yield
    OVER.set()


class Hanging(Provider):
    """A model that hangs until the test is over."""

    capabilities = Capabilities(concurrency=5)

    def __init__(self) -> None:
        self.called = threading.Semaphore(0)


class Stubborn(Hanging):
    """A coroutine that ignores its cancellation."""

    async def complete(self, request: Request) -> Response:
        """Never return."""
        self.called.release()
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue


class Blocking(Hanging):
    """A plain function that hangs."""

    def complete(self, request: Request) -> Response:
        """Return only when the test is over."""
        self.called.release()
        OVER.wait()
        return GOOD


class Unprepared(Blocking):
    """A model that never gets ready."""

    def prepare(self) -> None:
        """Return only when the test is over."""
        OVER.wait()


HANGING: dict[str, Callable[[str], Provider]] = {
    "server": remote,
    "stubborn": lambda _: Stubborn(),
    "blocking": lambda _: Blocking(),
    "unprepared": lambda _: Unprepared(),
}


@pytest.mark.parametrize("kind", HANGING)
def test_the_runs_deadline(kind: str) -> None:
    """A run with any hanging provider ends at its deadline, and the errors name the deadline."""

    def whole(url: str) -> list[Sample]:
        with open_pipeline({"m": HANGING[kind](url)}, options=RunOptions(deadline_s=0.2)) as pipeline:
            return samples_of(submit(pipeline, NAMES))

    with FaultServer(lambda _: [Hang()]) as server:
        samples = in_time(lambda: whole(server.url))
    assert kinds(samples) == {"deadline": 200}
    assert "the run's deadline of 0.2 s is over" in {sample.error.message for sample in samples if sample.error}


@pytest.mark.parametrize("kind", HANGING)
def test_a_requests_deadline(kind: str) -> None:
    """A request without an answer ends at its deadline, and the next one gets its full time."""

    def whole(url: str) -> list[Sample]:
        provider = HANGING[kind](url)
        provider.capabilities = replace(provider.capabilities, deadline_s=0.2, concurrency=5)
        with open_pipeline({"m": provider}) as pipeline:
            return samples_of(submit(pipeline, NAMES[:10]))

    with FaultServer(lambda _: [Hang()]) as server:
        assert kinds(in_time(lambda: whole(server.url))) == {"deadline": 10}


def test_nothing_is_sent_after_the_runs_deadline(ledger: Ledger) -> None:
    """A case that is submitted after the deadline (xdist submits one by one) is not sent, even to a new model."""
    with FaultServer(lambda seen: [Hang()] if seen.case == "a" else healthy(seen)) as server:
        providers = {"m": remote(server.url), "n": remote(server.url)}
        with open_pipeline(providers, options=RunOptions(run="r", deadline_s=0.2), ledger=ledger) as pipeline:
            assert kinds(samples_of(submit(pipeline, ["a"]))) == {"deadline": 1}
            late = samples_of([*submit(pipeline, ["b"]), *submit(pipeline, ["c"], model="n")])
    assert kinds(late) == {"deadline": 2}
    assert {post.case for post in server.log} <= {"a"}


@pytest.mark.parametrize("latency_s", [0.0, 0.1])
def test_a_refused_key(ledger: Ledger, latency_s: float) -> None:
    """After a 401 only the requests in flight are sent, and all others end with the same error."""
    with FaultServer(status(401), latency_s=latency_s) as server:
        samples = run(remote(server.url), ledger, NAMES)
    assert kinds(samples) == {"auth": 200}
    assert len(server.log) <= 20


def test_a_closed_port(ledger: Ledger) -> None:
    """If the first requests cannot connect, the others end with them without a retry of their own."""
    samples = run(remote(nowhere()), ledger, NAMES)
    assert kinds(samples) == {"connect": 200}
    assert sum(sample.attempts for sample in samples) < 2 * len(NAMES)  # fewer than the three attempts of each


def seen_by(server: FaultServer, number: int) -> None:
    """Wait for so many POSTs."""
    while len(server.log) < number:
        time.sleep(0.001)


@pytest.mark.parametrize("kind", ["server", "slow", "stubborn", "blocking"])
def test_leaving_in_the_middle(ledger: Ledger, kind: str) -> None:
    """Closing the pipeline sends nothing more, ends every future and settles every attempt, whatever hangs."""

    def whole(server: FaultServer) -> list[Any]:
        provider = remote(server.url) if kind in ("server", "slow") else HANGING[kind](server.url)
        with open_pipeline({"m": provider}, options=RunOptions(run="r"), ledger=ledger) as pipeline:
            waiting = submit(pipeline, NAMES)
            if isinstance(provider, Hanging):
                assert all(provider.called.acquire(timeout=PATIENCE_S) for _ in range(5))
            else:
                seen_by(server, 20 if kind == "server" else 30)
        return waiting

    with FaultServer((lambda _: [Hang()]) if kind == "server" else healthy, latency_s=0.1) as server:
        waiting = in_time(lambda: whole(server))
    assert len(server.log) <= {"server": 20, "slow": 100}.get(kind, 0)
    assert all(future.done() for future in waiting)
    assert kinds(samples_of(waiting)).keys() <= {"answered", "stopped"}
    assert ledger.in_flight("r") == 0


def test_what_never_left_is_not_lost(ledger: Ledger) -> None:
    """After a stop, only attempts that reached the server stay open: the next run counts open ones as lost."""
    with FaultServer(latency_s=0.02) as server:
        for number in range(6):
            options, known = RunOptions(run=f"r{number}", record="all"), len(server.log)
            with open_pipeline({"m": remote(server.url)}, options=options, ledger=ledger) as pipeline:
                submit(pipeline, NAMES)
                seen_by(server, known + 20 + 7 * number)
        attempts = [row for number in range(6) for row in ledger.attempts(f"r{number}")]
    sent = {post.id for post in server.log}
    assert len(sent) > 100
    assert [row for row in attempts if row[2] is None and row[0] not in sent] == []


class Plain(Provider):
    """A provider of a third party with a plain function alone."""

    def complete(self, request: Request) -> Response:
        """A good response."""
        return GOOD


class Coroutine(Provider):
    """A provider of a third party with a coroutine alone."""

    async def complete(self, request: Request) -> Response:
        """A good response."""
        await asyncio.sleep(0)
        return GOOD


@pytest.mark.parametrize("kind", [Plain, Coroutine])
def test_a_class_with_complete_alone(ledger: Ledger, kind: type[Provider]) -> None:
    """A provider with `complete` alone answers case by case, and its responses are not recorded."""
    samples = run(kind(), ledger, NAMES[:20])
    assert kinds(samples) == {"answered": 20}
    assert [sample.key.case for sample in samples] == NAMES[:20]
    assert list(ledger.all()) == []


def test_a_price_that_raises(ledger: Ledger) -> None:
    """A price that raises leaves no attempt open, because the budget would wait for it."""
    broken = Pricing("test", lambda prompt, completion, cached, written, seconds: 0.0 if completion == 50 else 1 / 0)
    options = RunOptions(run="r", budget_usd=1.0)
    with (
        FaultServer() as server,
        open_pipeline({"m": remote(server.url)}, options=options, pricing={"m": broken}, ledger=ledger) as pipeline,
    ):
        samples_of(submit(pipeline, NAMES[:5]))
    assert ledger.in_flight("r") == 0


@pytest.mark.parametrize(
    ("params", "options", "named"),
    [
        (Params(top_k=40), {}, ["top_k"]),
        (Params(min_p=0.1, repeat_penalty=1.1, seed=3), {}, ["min_p", "repeat_penalty"]),
        (Params(temperature=0.5, top_p=0.5), {"provider": "anthropic", "takes": ["top_p"]}, []),
        (Params(seed=1), {"provider": "anthropic"}, ["seed"]),
        (Params(seed=1), {"provider": "anthropic", "omits": ["seed"]}, []),
        (Params(top_k=40), {"takes": ["top_k"]}, []),
    ],
)
def test_parameters_that_are_not_taken(params: Params, options: dict[str, Any], named: list[str]) -> None:
    """An unsupported parameter is refused with suite, model, parameter and the setting that omits it."""
    model = ModelConfig(**{"provider": "openai", "base_url": "http://h/v1", "model": "m", **options})
    suite = Suite("demo", "suites/demo.yaml", "", ("remote",), {}, (), params, {}, (), (), ())
    config = Config(models={"remote": model})
    if not named:
        assert list(make_plan(suite, config).requests) == []
        return
    with pytest.raises(ConfigError) as caught:
        make_plan(suite, config)
    wanted = ["suites/demo.yaml", "'remote'", ", ".join(named), "omits = [", "[tool.evalharness.models.remote]"]
    assert [text for text in wanted if text not in str(caught.value)] == []
