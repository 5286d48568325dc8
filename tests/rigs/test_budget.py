"""A budget holds under concurrency: the server's own account never exceeds it."""

from __future__ import annotations

import multiprocessing
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from faults import Fault, failed, limited, of_bytes, raw
from pipelines import kinds
from plans import open_pipeline
from rigs.project import Project, output_of

from evalharness.config import Config, ModelConfig, Price
from evalharness.execution import RunOptions
from evalharness.execution.pricing import pricing_of
from evalharness.providers import open_provider
from evalharness.records import Params, Sample
from evalharness.scoring.scorer import Scorer
from evalharness.store.ledger import Ledger
from evalharness.testing import case, request
from evalharness.testing.fault_server import (
    FaultServer,
    Received,
    Reply,
    Reset,
    Send,
    Wait,
    answer_text,
    chunks,
    fault_of,
    sse_answer,
    sse_events,
)

CALLS, AT_ONCE, CASES, PROCESSES = 37, 64, 80, 4
ROUNDS = {"full": 4, "small": 2, "faults": 2}
NAMES = [f"case-{number:04}" for number in range(CASES)]
PRICE = Price(input=3.0, output=15.0)
WORST = (len(NAMES[0]) + 32, 50)
"""Most tokens of a question (one per byte, and twice 16) and of an answer."""
DEADLINE_S, PATIENCE_S = 60, 120
ROUNDING_USD = 1e-9
pytestmark = pytest.mark.slow


def dollars(prompt: int, completion: int) -> float:
    """Return the price by the price list, without our own code."""
    return (prompt * PRICE.input + completion * PRICE.output) / 1e6


MOST_USD = dollars(*WORST)
BUDGET_USD = CALLS * MOST_USD


@dataclass
class Till:
    """The server's own account: the cost of each POST, including lost answers."""

    bill: str
    """`full`: the highest cost, `small`: a share of it, `little`: a token each, `faults`: the highest or 0."""
    seed: int
    bills: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Set up the faults: two that cost nothing, and two whose cost only the server knows."""
        self._numbers = random.Random(self.seed)
        self._faults = [
            Fault("A1", limited(retry_after_ms="20"), "rate limit", 3),
            Fault("A3", failed(503), "server", 3),
            Fault("A6", partial(self._lost, raw(Reset())), "connection", 2),
            Fault("A7", partial(self._lost, of_bytes(lambda answer: [Send(answer[:500]), Reset()])), "truncated", 2),
        ]

    def serve(self, seen: Received) -> Reply:
        """Return an answer with its bill, or a fault."""
        fault, times = fault_of(self.seed, 0.4 if self.bill == "faults" else 0, self._faults, seen.case)
        return fault.script(seen) if fault and seen.attempt < times else self._sold(seen)

    def _sold(self, seen: Received) -> Reply:
        share = {"small": self._numbers.random(), "little": 0}.get(self.bill, 1)
        prompt, completion = (max(1, int(share * most)) for most in WORST)
        self.bills.append(dollars(prompt, completion))
        answer = chunks(answer_text(seen.case), seen.model)
        answer[-1]["usage"] = {"prompt_tokens": prompt, "completion_tokens": completion}
        return [Wait(self._numbers.uniform(0, 0.02)), Send(sse_answer(sse_events(answer)))]

    def _lost(self, script: partial[Reply], seen: Received) -> Reply:
        self.bills.append(MOST_USD)
        return script(seen)


def at_once() -> None:
    """Start without waiting for others."""


def send_all(
    url: str,
    ledger: Path,
    run: str,
    names: Sequence[str],
    *,
    calls: float = CALLS,
    meet: Callable[[], object] = at_once,
) -> list[Sample]:
    """Send all requests at once with a budget for `calls` of them, as soon as `meet` has returned."""
    options = {"base_url": url, "model": "m", "concurrency": AT_ONCE, "deadline_s": DEADLINE_S}
    model = ModelConfig(provider="openai", price=PRICE, **options)
    provider, scorer = open_provider("m", Config(root=ledger.parent, models={"m": model})), Scorer([])
    price, options = pricing_of(PRICE, provider), RunOptions(budget_usd=calls * MOST_USD, run=run)
    assert price
    meet()
    with (
        closing(Ledger(ledger)) as book,
        open_pipeline({"m": provider}, options=options, pricing={"m": price}, ledger=book) as pipeline,
    ):
        params = Params(max_tokens=WORST[1])
        waiting = [pipeline.submit(case(n), request(n, case=n, model="m", params=params), scorer) for n in names]
        return [sample.result(PATIENCE_S) for sample in waiting]


@pytest.mark.parametrize(
    ("bill", "start"),
    [
        *(("full", start) for start in (20, AT_ONCE)),
        *((bill, AT_ONCE) for bill in ("small", "faults")),
        *(pytest.param(bill, 20, marks=pytest.mark.deep) for bill in ("small", "faults")),
    ],
)
def test_never_beyond(bill: str, start: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account stays within the budget, and requests are sent as long as it covers one more."""
    monkeypatch.setattr("evalharness.execution.model_queue.START", start)
    for number in range(ROUNDS[bill]):
        till = Till(bill, number)
        with FaultServer(till.serve) as server:
            ended = kinds(send_all(server.url, tmp_path / "ledger.sqlite", f"run-{number}", NAMES))
        assert sum(till.bills) <= BUDGET_USD + ROUNDING_USD, f"round {number}"
        assert bill != "full" or len(server.log) == ended["answered"] == CALLS, f"round {number}"
        assert ended.keys() <= {"answered", "budget"}, f"round {number}"
        assert ended["budget"] == 0 or BUDGET_USD - sum(till.bills) < MOST_USD - ROUNDING_USD, f"round {number}"


@pytest.mark.parametrize("calls", [1, 3])
def test_unspent_money_is_reused(calls: int, tmp_path: Path) -> None:
    """Cheap answers leave nearly all of their reservation to the next request, so that all are sent."""
    till, names = Till("little", calls), NAMES[: 8 * calls]
    with FaultServer(till.serve) as server:
        ended = kinds(send_all(server.url, tmp_path / "ledger.sqlite", "run", names, calls=calls + 0.5))
    assert ended == {"answered": len(names)}


@pytest.mark.parametrize("counts", [{}, {"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": 9}])
def test_uncounted_answers_use_up_the_budget(counts: dict[str, int], tmp_path: Path) -> None:
    """An endpoint that counts no tokens is paid for by the length of its answers, and the budget ends."""

    def uncounted(seen: Received) -> Reply:
        answer = chunks("Within 30 days. " * 12, seen.model)
        answer[-1]["usage"] = counts
        return [Send(sse_answer(sse_events(answer)))]

    with FaultServer(uncounted) as server:
        samples = send_all(server.url, tmp_path / "ledger.sqlite", "run", NAMES, calls=10)
    paid = [sample for sample in samples if sample.cost_usd]
    assert kinds(samples) == {"answered": len(server.log), "budget": CASES - len(server.log)}
    assert len(paid) == len(server.log) <= 12
    assert all(sample.response and sample.response.usage.estimated for sample in paid)


MEETINGS: list[Barrier] = []
"""The barrier where processes of the pool wait for each other."""


def send_part(url: str, ledger: Path, names: Sequence[str]) -> list[Sample]:
    """Send one process's part of a run."""
    return send_all(url, ledger, "run", names, meet=partial(MEETINGS[0].wait, PATIENCE_S))


def meet_at(barrier: Barrier) -> None:
    """Set the barrier of a new process of the pool."""
    MEETINGS.append(barrier)


def test_processes_share_it(tmp_path: Path) -> None:
    """Four processes of one run share one budget."""
    till, parts = Till("full", 0), [NAMES[part::PROCESSES] for part in range(PROCESSES)]
    context = multiprocessing.get_context("spawn")
    all_there = (context.Barrier(PROCESSES),)
    with FaultServer(till.serve) as server, ProcessPoolExecutor(PROCESSES, context, meet_at, all_there) as pool:
        one = partial(send_part, server.url, tmp_path / "ledger.sqlite")
        found = [kinds(samples) for samples in pool.map(one, parts)]
    assert len(server.log) == CALLS
    assert sum(till.bills) <= BUDGET_USD + ROUNDING_USD
    assert sum(found, Counter()) == {"answered": CALLS, "budget": CASES - CALLS}
    assert len([one for one in found if one["answered"]]) > 1, "only one process sent a request"


def test_no_price_no_budget(tmp_path: Path) -> None:
    """A budget for a model without a price is refused before the first request, with the key to set."""
    project, cache = Project(tmp_path / "project"), tmp_path / "cache"
    with FaultServer() as server:
        project.write_all(server.url, {"a": "A?"}, {"a": "A."})
        assert project.run(cache, "--llm-budget=1") == pytest.ExitCode.USAGE_ERROR
        assert (server.log, server.connections) == ([], 0)
    output = " ".join(output_of(cache).read_text().split())
    assert "--llm-budget: the price of remote is not known" in output
    assert re.search(r"price = \{input = .*\[tool\.evalharness\.models\.remote\]", output)
