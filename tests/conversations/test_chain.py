"""Chains of requests."""

from __future__ import annotations

from concurrent.futures import Future

from evalharness.evaluation.chain import Steps, drive
from evalharness.execution import Exchange
from evalharness.records import Request
from evalharness.testing import request as a_request

STEPS = 5_000


def test_a_chain_of_replayed_exchanges() -> None:
    """Thousands of exchanges that are there at once, as from the ledger, do not exhaust the stack."""
    request, sent = a_request(), list[Request]()

    def steps() -> Steps:
        for _ in range(STEPS):
            exchange = yield request
        return exchange

    def replay(one: Request) -> Future[Exchange]:
        sent.append(one)
        done: Future[Exchange] = Future()
        done.set_result(Exchange(one))
        return done

    exchange = drive(steps(), request, replay).result(timeout=0)
    assert (exchange.error, len(sent)) == (None, STEPS)
