"""Every fault of the catalogue, against a server that lies on purpose: its log is the oracle, not ours."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from fault_server import FaultServer, Seen
from faults import FAULTS, Fault, serve

from evalharness.config import Config, ModelConfig
from evalharness.engine import Asking, Engine
from evalharness.engine.scoring import Scorer
from evalharness.providers import open_provider
from evalharness.records import Case, Location, Message, Params, Request, Sample, SampleKey
from evalharness.store.ledger import Ledger

DEADLINE_S = 12.0
SHORT_DEADLINE_S = 4.0
"""For faults that never end by themselves; long enough for a busy machine to send all 277 requests first."""


@dataclass
class Ended:
    """How the one request to one server ended."""

    sample: Sample
    took_s: float
    log: list[Seen]
    attempts: list[str]
    """As the ledger has them."""


def a_model(fault: Fault, server: FaultServer, folder: Path) -> ModelConfig:
    """The model behind a server."""
    options = {"base_url": server.url, "model": "m", "api_key_env": "FAULT_KEY"}
    if (folder / "ca.pem").exists():
        options["ca_file"] = str(folder / "ca.pem")
    deadline_s = SHORT_DEADLINE_S if fault.kind == "deadline" else DEADLINE_S
    return ModelConfig(provider="openai", deadline_s=deadline_s, **options)


def a_request(name: str) -> Request:
    """One question."""
    return Request(SampleKey(name, "p", name, 0), (Message("user", f"{name}?"),), 0, Params(max_tokens=50))


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ended]]:
    """All faults at once, each at a server and a model of its own, through one engine and one ledger."""
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
        finished: dict[str, float] = {}
        scorer = Scorer([])
        with Engine(providers, [scorer], asking=Asking(run="r"), ledger=ledger) as engine:
            started = time.monotonic()
            waiting = {}
            for name in FAULTS:
                case = Case(name, {}, (), (), (), "d", Location("s.yaml"))
                waiting[name] = engine.ask(case, a_request(name), scorer)
                waiting[name].add_done_callback(lambda _, name=name: finished.update({name: time.monotonic()}))
            samples = {name: future.result(DEADLINE_S + 30) for name, future in waiting.items()}
        rows = ledger.attempts("r")
        by_case = {name: [row[0] for row in rows if row[1] == key_of(providers[name], name)] for name in FAULTS}
        yield {
            name: Ended(samples[name], finished[name] - started, list(at[name].log), by_case[name]) for name in FAULTS
        }
    ledger.close()


def key_of(provider: object, name: str) -> str:
    """The ledger's key of a request."""
    from evalharness.engine.keys import request_key, request_text

    return request_key(request_text(provider, provider.identity(), a_request(name)))  # type: ignore[arg-type, attr-defined]


@pytest.mark.parametrize("name", FAULTS)
def test_fault_ends_in_its_class(ended: dict[str, Ended], name: str) -> None:
    """It ends as what it is, in time, after as many POSTs as that allows; what is accepted is the whole text."""
    fault, end = FAULTS[name], ended[name]
    kind = end.sample.error.kind if end.sample.error else "ok"
    assert kind == fault.kind, end.sample.error
    assert end.took_s < (SHORT_DEADLINE_S if fault.kind == "deadline" else DEADLINE_S) + 2
    if fault.posts is not None:
        assert len(end.log) == fault.posts
    if kind == "ok" and fault.id != "H2":
        assert end.sample.response
        assert end.sample.response.text == fault.text(f"{name}?")


@pytest.mark.parametrize("name", FAULTS)
def test_both_logs_agree(ended: dict[str, Ended], name: str) -> None:
    """The server saw each attempt of the ledger once, and no other: none missing, none phantom, none extra."""
    fault, end = FAULTS[name], ended[name]
    seen = [post.id for post in end.log]
    assert len(set(seen)) == len(seen)
    if fault.kind in ("connect", "tls") or fault.reach:
        assert seen == []
    else:
        assert seen == end.attempts


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.told_s])
def test_never_earlier_than_told(ended: dict[str, Ended], name: str) -> None:
    """By the server's clock, no request comes back before the wait that it was told is over."""
    log = ended[name].log
    for before, after in pairwise(log):
        assert before.answered_at is not None
        assert (
            FAULTS[name].told_s <= after.at - before.answered_at <= FAULTS[name].told_s + 2.5
        )  # dates have whole seconds


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.id == "H2"])
def test_an_echoed_key_is_taken_out(ended: dict[str, Ended], name: str) -> None:
    """Wherever the server puts the key that it was given, it does not come back out of the engine."""
    assert "sk-fault" not in repr(ended[name].sample)


def test_only_whole_answers_are_kept(ended: dict[str, Ended], tmp_path_factory: pytest.TempPathFactory) -> None:
    """The ledger serves exactly the requests that were answered."""
    folder = tmp_path_factory.getbasetemp()
    assert folder.exists()
    for name, end in ended.items():
        assert (end.sample.response is not None) == (FAULTS[name].kind == "ok"), name
