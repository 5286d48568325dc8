"""The open loop in virtual time: every latency has an exact answer."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest
from queues import Queue, VirtualLoop, block, fails, send

from evalharness.errors import ModelUnavailableError, ProviderError
from evalharness.execution.pricing import Pricing
from evalharness.load.budget import Budget
from evalharness.load.open_loop import OpenLoop, Target
from evalharness.records import Request
from evalharness.records.load import LoadRequest


def test_a_queue_at_half_its_capacity_has_no_wait() -> None:
    """D/D/1: a request each second, half a second of service."""
    sent = send(Queue(lambda _: 0.5), block(*map(float, range(10))))
    assert sent.latencies() == pytest.approx([0.5] * 10)
    assert [one.late_s for one in sent.requests] == pytest.approx([0.0] * 10)
    assert (sent.end.seconds, sent.end.stopped) == (9.5, "")


def test_a_queue_beyond_its_capacity_grows() -> None:
    """D/D/1: a request each second, 1.5 seconds of service: the n-th waits n times half a second."""
    sent = send(Queue(lambda _: 1.5), block(*map(float, range(10))))
    assert sent.latencies() == pytest.approx([1.5 + 0.5 * number for number in range(10)])


def test_a_pause_of_the_server_counts_for_every_request_in_it() -> None:
    """No coordinated omission: the server stops for 5 s once, and each of the requests due meanwhile is late."""
    sent = send(Queue(lambda request: 5.0 if request.key.case == "case-2" else 0.0), block(*map(float, range(10))))
    assert sent.latencies() == pytest.approx([0, 0, 5, 4, 3, 2, 1, 0, 0, 0])


def test_no_request_starts_before_its_time() -> None:
    """Also where the last answer arrives long before the next start."""
    sent = send(Queue(lambda _: 0.01), block(0.5, 0.5, 3.0, 7.25))
    assert [one.sent_s for one in sent.requests] == pytest.approx([0.5, 0.5, 3.0, 7.25])


def test_two_servers_halve_the_queue() -> None:
    """D/D/2 with three requests at once."""
    assert send(Queue(lambda _: 1.0, servers=2), block(0.0, 0.0, 0.0)).latencies() == pytest.approx([1, 1, 2])


def test_the_times_of_tokens_count_from_the_scheduled_start() -> None:
    """The first token comes at the start of the service, the second at its end."""
    second = send(Queue(lambda _: 2.0), block(0.0, 1.0)).requests[1]
    assert [second.latency_s(word) for word in ("ttft", "tpot", "itl", "e2el")] == pytest.approx([1, 2, 2, 3])


def test_requests_beyond_the_cap_are_misses() -> None:
    """The third and fourth are due while two are in flight: they are in the record, and never left."""
    sent = send(Queue(lambda _: 10.0, servers=9), block(0.0, 1.0, 2.0, 3.0, 11.0), most_in_flight=2)
    assert sent.errors() == ["", "", "in-flight", "in-flight", ""]
    lost = next(one for one in sent.requests if one.error)
    assert (lost.sent_s, lost.ended_s, lost.message) == (None, None, "2 requests were in flight")


def test_a_timeout_is_an_error() -> None:
    """The request ends when its time is over, whatever the server does."""
    sent = send(Queue(lambda _: 10.0, servers=2), block(0.0, 1.0), timeout_s=3.0)
    assert sent.errors() == ["timeout", "timeout"]
    assert sent.latencies() == pytest.approx([3.0, 3.0])


def test_a_bug_of_a_provider_is_an_error_of_one_request() -> None:
    """Each request fails on its own, and the load goes on."""
    sent = send(Queue(fails), block(0.0, 1.0))
    assert sent.errors() == ["error", "error"]
    assert sent.requests[0].message.startswith("RuntimeError: case-0")


def test_nothing_is_retried() -> None:
    """An error that an ordinary run would retry is sent once."""

    def refuse(request: Request) -> float:
        raise ProviderError("overloaded", kind="overloaded")

    queue = Queue(refuse)
    assert send(queue, block(0.0)).errors() == ["overloaded"]
    assert len(queue.requests) == 1


def test_an_unavailable_model_ends_the_load() -> None:
    """With a wrong key, the other requests would fail as well."""

    def refuse(request: Request) -> float:
        raise ModelUnavailableError("wrong key", kind="auth")

    sent = send(Queue(refuse), block(0.0, 1.0, 2.0))
    assert (sent.errors(), sent.end.stopped, sent.load.trouble) == (["auth"], "unavailable", "wrong key")


def test_the_deadline_cuts_the_load() -> None:
    """After it, nothing starts; what is in flight is in the record."""
    sent = send(Queue(lambda _: 5.0, servers=9), block(0.0, 2.0, 4.0, 8.0), deadline_s=6.0)
    assert sent.errors() == ["", "stopped", "stopped"]
    assert (sent.end.stopped, sent.end.seconds) == ("deadline", 6.0)


def test_an_interrupt_keeps_what_is_known() -> None:
    """Ctrl-C cancels the task: the record has the answers so far, and the end says why."""

    def interrupt(load: OpenLoop) -> None:
        task = asyncio.current_task()
        assert task
        asyncio.get_running_loop().call_later(3.5, task.cancel)

    sent = send(Queue(lambda _: 1.0), block(*map(float, range(10))), during=interrupt)
    assert sent.errors() == ["", "", "", "stopped"]
    assert sent.end.stopped == "interrupt"


def test_the_budget_ends_the_load() -> None:
    """Two requests of at most 1 dollar fit into 2.5 dollars; what was reserved and not used is free again."""
    pricing = Pricing("test", lambda *_: 1.0)
    sent = send(Queue(lambda _: 0.5), block(0.0, 1.0, 2.0, 3.0), pricing=pricing, budget_usd=2.5)
    assert (sent.errors(), sent.end.stopped) == (["", "", "budget"], "budget")
    assert [one.cost_usd for one in sent.requests] == [1.0, 1.0, None]


def test_a_model_of_this_process_takes_so_many_at_once() -> None:
    """The wait for a slot is part of the latency, and the send is not late."""
    sent = send(Queue(lambda _: 1.0, servers=9), block(0.0, 0.0, 0.0), slots=1)
    assert sent.latencies() == pytest.approx([1, 2, 3])
    assert [one.late_s for one in sent.requests] == pytest.approx([0.0] * 3)


def test_blocks_do_not_overlap() -> None:
    """The second block begins when the last answer of the first one is there."""
    numbers = count()
    first = block(0.0, 1.0, numbers=numbers)
    second = block(0.0, 1.0, numbers=numbers, version="baseline")
    sent = send(Queue(lambda _: 4.0), first, second)
    assert [one.scheduled_s for one in sorted(sent.requests, key=lambda one: one.index)] == pytest.approx([0, 1, 8, 9])
    assert [one.version for one in sent.requests] == ["candidate"] * 2 + ["baseline"] * 2


def test_a_record_that_cannot_be_written_ends_the_load() -> None:
    """The error is raised, and not lost in a task."""

    def full(request: LoadRequest) -> None:
        raise OSError("the disk is full")

    load = OpenLoop({"candidate": Target(Queue(lambda _: 0.1), Budget(None, 1.0))}, full, 10, 10.0)
    with asyncio.Runner(loop_factory=VirtualLoop) as runner, pytest.raises(OSError, match="the disk is full"):
        runner.run(load.run([block(0.0, 1.0, 2.0)]))
