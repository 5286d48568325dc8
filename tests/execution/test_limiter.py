"""Laws of the limit on requests in flight, by a clock of the test."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from evalharness.execution.limiter import CALM_S, START, Limiter


class Endpoint(RuleBasedStateMachine):
    """Requests that start within the limit and are answered or rejected in any order."""

    @initialize(most=st.integers(1, 300))
    def begin(self, most: int) -> None:
        """A model with a random maximum of concurrent requests."""
        self.most, self.limiter, self.now = most, Limiter(most), 0.0
        self.under_way: list[float] = []
        self.cut_at = -math.inf
        assert self.limiter.limit == min(START, most)

    @rule(seconds=st.floats(0.001, 10))
    def time_passes(self, seconds: float) -> None:
        """Advance the clock."""
        self.now += seconds

    @rule()
    def leave(self) -> None:
        """Start as many as the limit allows, then none."""
        free = self.limiter.free(len(self.under_way))
        self.under_way += [self.now] * free
        self.now += 0.001
        assert self.limiter.free(len(self.under_way)) == 0

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), others_wait=st.booleans())
    def answer(self, data: st.DataObject, others_wait: bool) -> None:
        """Answer any request: the limit does not fall, and rises only if a request waits."""
        before = self.limiter.limit
        self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        self.limiter.succeeded(self.now, others_wait=others_wait)
        assert before <= self.limiter.limit <= before + 1
        if not others_wait or self.now < self.cut_at + CALM_S:
            assert self.limiter.limit == before

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def reject(self, data: st.DataObject) -> None:
        """Reject any request: one cut for all that started before it; a later one causes another cut."""
        before = self.limiter.limit
        sent_at = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        self.limiter.throttled(sent_at, self.now)
        if sent_at > self.cut_at:
            assert self.limiter.limit == max(1, before / 2)
            self.cut_at = self.now
        else:
            assert self.limiter.limit == before

    @rule(seconds=st.floats(0, 60))
    def pause(self, seconds: float) -> None:
        """A pause never gets shorter."""
        before = self.limiter.paused_until
        self.limiter.pause(self.now + seconds)
        assert self.limiter.paused_until == max(before, self.now + seconds)

    @invariant()
    def bounded(self) -> None:
        """At least one request may be in flight, and never more than the model takes."""
        if hasattr(self, "limiter"):
            assert 1 <= self.limiter.limit <= self.most
            assert 0 <= self.limiter.free(0) <= self.most


TestEndpoint = Endpoint.TestCase
TestEndpoint.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def a_round(limiter: Limiter, now: float = 100.0) -> float:
    """The limit after answers to as many requests as were in flight."""
    for _ in range(limiter.free(0)):
        limiter.succeeded(now, others_wait=True)
    return limiter.limit


def test_doubles_until_the_first_complaint() -> None:
    """The limit is 20, 40, 80, ... up to the model's maximum."""
    limiter = Limiter(1000)
    assert [a_round(limiter) for _ in range(7)] == [40, 80, 160, 320, 640, 1000, 1000]


def test_one_more_a_round_after_it() -> None:
    """After a rejection the limit grows by one in each round."""
    limiter = Limiter(1000)
    a_round(limiter)
    limiter.throttled(1.0, 2.0)
    limits = [limiter.limit, *(a_round(limiter) for _ in range(10))]
    steps = [after - before for before, after in pairwise(limits)]
    assert limits[0] == 20
    assert 0.9 < min(steps) <= max(steps) <= 1


@pytest.mark.parametrize("burst", [1, 2, 20, 1000])
def test_one_cut_a_burst(burst: int) -> None:
    """All rejections of requests that started before the cut are one cut, and the limit never falls below one."""
    limiter = Limiter(1000)
    for _ in range(burst):
        limiter.throttled(1.0, 2.0)
    assert limiter.limit == 10
    for number in range(10):
        limiter.throttled(3.0 + number, 3.5 + number)
    assert limiter.limit == 1


def test_stays_for_a_while_after_a_cut() -> None:
    """Right after a rejection the limit does not grow."""
    limiter = Limiter(100)
    limiter.throttled(1.0, 2.0)
    assert a_round(limiter, now=2.0 + CALM_S - 0.1) == 10
    assert a_round(limiter, now=2.0 + CALM_S) > 10


def test_grows_again_from_one() -> None:
    """From the smallest limit it grows again, by one in each round."""
    limiter = Limiter(100)
    for number in range(10):
        limiter.throttled(number, number + 0.5)
    for _ in range(20):
        a_round(limiter)
    assert 15 <= limiter.limit <= 25
