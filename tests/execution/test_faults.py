"""Every fault of the catalogue against a server that fails on purpose: the server's log is the oracle."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from faults import FAULTS, Fault, serve
from plans import open_pipeline

from evalharness.config import Config, ModelConfig
from evalharness.evaluation.pipeline import Pipeline
from evalharness.execution import RunOptions
from evalharness.providers import open_provider
from evalharness.records import Request, Sample
from evalharness.scoring.scorer import Scorer
from evalharness.store.ledger import Ledger
from evalharness.testing import case, request
from evalharness.testing.fault_server import FaultServer, Received

DEADLINE_S = 60.0
SHORT_DEADLINE_S = 3.0
"""Seconds for faults without an end of their own: enough for a busy machine to send a few requests."""
ENDLESS = [name for name, fault in FAULTS.items() if fault.kind == "deadline"]


@dataclass
class Ended:
    """The result of the request to one server."""

    sample: Sample
    log: list[Received]
    attempts: list[str]
    """Attempts as in the ledger."""


def a_model(fault: Fault, server: FaultServer, folder: Path) -> ModelConfig:
    """The model behind a server."""
    options = {"base_url": server.url, "model": "m", "api_key_env": "FAULT_KEY"}
    if (folder / "ca.pem").exists():
        options["ca_file"] = str(folder / "ca.pem")
    deadline_s = SHORT_DEADLINE_S if fault.kind == "deadline" else DEADLINE_S
    return ModelConfig(provider="openai", deadline_s=deadline_s, **options)


def a_request(name: str) -> Request:
    """One question to the model of the same name."""
    return request(f"{name}?", case=name, model=name)


def submit(pipeline: Pipeline, name: str) -> Future[Sample]:
    """The request to the server of this fault."""
    return pipeline.submit(case(name), a_request(name), Scorer([]))


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ended]]:
    """All faults at once, each with its own server and model, through one engine and one ledger."""
    folder = tmp_path_factory.mktemp("faults")
    ledger = Ledger(folder / "ledger.sqlite")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as servers:
        patch.setenv("FAULT_KEY", "sk-fault-0123456789")
        places = {name: folder / name for name in FAULTS}
        for place in places.values():
            place.mkdir()
        at = {name: servers.enter_context(serve(fault, places[name])) for name, fault in FAULTS.items()}
        models = {name: a_model(fault, at[name], places[name]) for name, fault in FAULTS.items()}
        config = Config(root=folder, models=models)
        providers = {name: open_provider(name, config) for name in FAULTS}
        with open_pipeline(providers, options=RunOptions(run="r"), ledger=ledger) as pipeline:
            waiting = {name: submit(pipeline, name) for name in ENDLESS}
            while not all(at[name].log for name in ENDLESS) and not any(map(Future.done, waiting.values())):
                time.sleep(0.001)  # with a deadline too short for the others
            waiting |= {name: submit(pipeline, name) for name in FAULTS.keys() - waiting.keys()}
            samples = {name: future.result(2 * DEADLINE_S) for name, future in waiting.items()}
        attempts = defaultdict[str, list[str]](list)
        for attempt, key, *_ in ledger.attempts("r"):
            attempts[key].append(attempt)
        keys = {name: key_of(provider, name) for name, provider in providers.items()}
        yield {name: Ended(samples[name], list(at[name].log), attempts[keys[name]]) for name in FAULTS}
    ledger.close()


def key_of(provider: object, name: str) -> str:
    """The ledger's key of a request."""
    from evalharness.execution.keys import request_key, request_text

    return request_key(request_text(provider, provider.identity(), a_request(name)))  # type: ignore[arg-type, attr-defined]


def wrong_ends(name: str, fault: Fault, end: Ended) -> Iterator[str]:
    """The differences from the required result."""
    kind = end.sample.error.kind if end.sample.error else "ok"
    if kind != fault.kind:
        yield f"{name}: {kind} in place of {fault.kind}: {end.sample.error}"
    if fault.posts not in (None, len(end.log)):
        yield f"{name}: {len(end.log)} POSTs in place of {fault.posts}"
    text = end.sample.response.text if end.sample.response else None
    if kind == "ok" and fault.id != "H2" and text != fault.text(f"{name}?"):
        yield f"{name}: {text!r}"


def test_each_fault_ends_in_its_class(ended: dict[str, Ended]) -> None:
    """Each fault ends as its kind, in time and after the expected POSTs; an accepted answer has the whole text."""
    failures = [difference for name, fault in FAULTS.items() for difference in wrong_ends(name, fault, ended[name])]
    assert not failures, "\n".join(failures)


def test_both_logs_agree(ended: dict[str, Ended]) -> None:
    """The server's log and the ledger have the same attempts: none is missing, invented or sent twice."""
    failures = []
    for name, fault in FAULTS.items():
        seen = [post.id for post in ended[name].log]
        unreached = fault.kind in ("connect", "tls") or bool(fault.reach)
        if len(set(seen)) != len(seen) or seen != ([] if unreached else ended[name].attempts):
            failures.append(f"{name}: the server saw {seen}, the ledger has {ended[name].attempts}")
    assert not failures, "\n".join(failures)


def test_never_before_the_requested_wait(ended: dict[str, Ended]) -> None:
    """By the server's clock, no retry arrives before the requested wait is over."""
    waits = {
        name: [after.at - (before.answered_at or after.at) for before, after in pairwise(ended[name].log)]
        for name, fault in FAULTS.items()
        if fault.wait_s
    }
    assert all(waits.values())
    assert {name: found for name, found in waits.items() if min(found) < FAULTS[name].wait_s} == {}


def test_an_echoed_key_is_taken_out(ended: dict[str, Ended]) -> None:
    """A key that the server echoes anywhere does not leave the engine."""
    echoed = [name for name, fault in FAULTS.items() if fault.id == "H2"]
    assert echoed
    assert [name for name in echoed if "sk-fault" in repr(ended[name].sample)] == []


def test_only_whole_answers_are_kept(ended: dict[str, Ended], tmp_path_factory: pytest.TempPathFactory) -> None:
    """The ledger has the answered requests and no others."""
    folder = tmp_path_factory.getbasetemp()
    assert folder.exists()
    for name, end in ended.items():
        assert (end.sample.response is not None) == (FAULTS[name].kind == "ok"), name
