"""Local models share one machine: one computes at a time, and together they hold no more memory than there is."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from asking import PATIENCE_S, ask, in_time, kinds, samples_of
from plans import open_pipeline

from evalharness.errors import ModelUnavailableError
from evalharness.execution import RunOptions
from evalharness.providers import Capabilities, Provider
from evalharness.records import Request, Response
from evalharness.store.ledger import Ledger
from evalharness.testing import response

NEVER_S = 2 * PATIENCE_S
GOOD = response()


@dataclass
class Watch:
    """What happens on the machine."""

    computing: Counter[str] = field(default_factory=Counter)
    held: dict[str, int] = field(default_factory=dict)
    most_held: int = 0
    together: set[tuple[str, ...]] = field(default_factory=set)
    log: list[str] = field(default_factory=list)
    """Loads, unloads and answers, in order."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def turns(self) -> list[str]:
        """The models in the order in which they computed."""
        answers = [entry.split()[1] for entry in self.log if entry.startswith("answer")]
        return [name for name, before in zip(answers, [None, *answers], strict=False) if name != before]


class Local(Provider):
    """A model that holds memory from its first request on, until it unloads or is closed."""

    def __init__(self, name: str, watch: Watch, memory: int = 60, answer_s: float = 0.002) -> None:
        self.capabilities = Capabilities(local=True, concurrency=8, memory_bytes=memory)
        self.name, self.watch, self.memory, self.answer_s = name, watch, memory, answer_s
        self.closed = threading.Event()

    def prepare(self) -> None:
        """Load it."""
        self.load("prepare")

    def load(self, how: str = "late") -> None:
        """If it is not there."""
        with self.watch.lock:
            if self.name not in self.watch.held:
                self.watch.log.append(f"{how} {self.name}")
                self.watch.held[self.name] = self.memory
                self.watch.most_held = max(self.watch.most_held, sum(self.watch.held.values()))

    def complete(self, request: Request) -> Response:
        """Compute a while."""
        self.load()
        with self.watch.lock:
            self.watch.computing[self.name] += 1
            self.watch.together.add(tuple(sorted(+self.watch.computing)))
            self.watch.log.append(f"answer {self.name} {request.key.case}")
        self.closed.wait(self.answer_s)
        with self.watch.lock:
            self.watch.computing[self.name] -= 1
        return GOOD

    def unload(self) -> None:
        """Give the memory back."""
        with self.watch.lock:
            self.watch.log.append(f"unload {self.name}")
            self.watch.held.pop(self.name, None)

    def close(self) -> None:
        """Wake what computes."""
        self.closed.set()


NAMES = [str(number) for number in range(30)]


@pytest.mark.parametrize(
    ("memory_bytes", "unloads"),
    [(100, ["unload a", "unload b"]), (130, ["unload a"]), (180, []), (10, ["unload a", "unload b"])],
    ids=["one fits", "two fit", "all fit", "not even one fits"],
)
def test_one_after_another(memory_bytes: int, unloads: list[str]) -> None:
    """Each model is asked all it is to be asked, then the next; who was away longest unloads, where memory is short."""
    watch = Watch()
    models = {name: Local(name, watch) for name in "abc"}
    with open_pipeline(models, [], options=RunOptions(memory_bytes=memory_bytes)) as pipeline:
        waiting = [future for name in NAMES for model in models for future in ask(pipeline, [name], model)]
        assert kinds(samples_of(waiting)) == {"answered": 90}
    assert watch.together == {("a",), ("b",), ("c",)}
    assert watch.turns() == ["a", "b", "c"]
    assert [entry for entry in watch.log if entry.startswith("unload")] == unloads
    assert watch.most_held <= max(memory_bytes, 60)


def test_the_log_names_who_waits(caplog: pytest.LogCaptureFixture) -> None:
    """A model that waits for another one, and one that is unloaded for it, are in the log."""
    caplog.set_level("INFO", "evalharness")
    models = {name: Local(name, Watch()) for name in "ab"}
    with open_pipeline(models, [], options=RunOptions(memory_bytes=100)) as pipeline:
        samples_of([*ask(pipeline, NAMES, "a"), *ask(pipeline, NAMES, "b")])
    lines = [record.getMessage() for record in caplog.records]
    waits = lines.index("model b waits for memory and cores, which model a has")
    assert waits < lines.index("model a unloads: model b needs the memory") < lines.index("model b opens")


def test_those_who_come_again() -> None:
    """A second look takes the seat again; a model that had to rest is loaded again, one that did not is not."""
    watch = Watch()
    models = {name: Local(name, watch, memory) for name, memory in (("a", 30), ("b", 30), ("c", 60))}
    with open_pipeline(models, [], options=RunOptions(memory_bytes=100)) as pipeline:
        for model in "abcba":
            assert kinds(samples_of(ask(pipeline, "xy", model))) == {"answered": 2}
    events = [entry for entry in watch.log if not entry.startswith("answer")]
    assert events == ["prepare a", "prepare b", "unload a", "prepare c", "unload c", "prepare a"]
    assert watch.turns() == ["a", "b", "c", "b", "a"]


class Meets(Local):
    """It computes nothing before another one computes too."""

    def __init__(self, name: str, watch: Watch, other: Meets | None = None) -> None:
        super().__init__(name, watch)
        self.begun = threading.Event()
        self.other = other

    def complete(self, request: Request) -> Response:
        """Wait for the other one."""
        self.begun.set()
        assert self.other
        assert self.other.begun.wait(PATIENCE_S), "they are asked one after the other"
        return super().complete(request)


def test_others_need_no_seat() -> None:
    """A model that holds no memory of this machine is asked beside one that does."""
    watch = Watch()
    remote = Meets("remote", watch)
    local = remote.other = Meets("a", watch, remote)
    remote.capabilities = replace(remote.capabilities, memory_bytes=None)
    with open_pipeline({"a": local, "remote": remote}, []) as pipeline:
        assert kinds(samples_of([*ask(pipeline, "xyz", "a"), *ask(pipeline, NAMES, "remote")])) == {"answered": 33}


@pytest.mark.parametrize("seed", range(5))
def test_whatever_the_order(seed: int, tmp_path: Path) -> None:
    """Requests that come in bursts, in any order: one model computes, memory holds, all are answered."""
    chance, watch = random.Random(seed), Watch()
    models = {name: Local(name, watch, chance.choice([20, 40, 70])) for name in "abcd"}
    with open_pipeline(
        models, [], options=RunOptions(run="r", memory_bytes=100), ledger=Ledger(tmp_path / "l.sqlite")
    ) as pipeline:
        waiting = []
        for _ in range(60):
            waiting += ask(pipeline, [str(chance.random())], chance.choice("abcd"))
            time.sleep(chance.choice([0, 0, 0.004]))
        assert kinds(samples_of(waiting)) == {"answered": 60}
    assert all(len(together) == 1 for together in watch.together)
    assert watch.most_held <= 100


class Refuses(Local):
    """Its file cannot be loaded: nothing of it is ever answered."""

    def complete(self, request: Request) -> Response:
        """As a broken endpoint does."""
        raise ModelUnavailableError("m.gguf cannot be loaded", kind="load")


class Stuck(Local):
    """Its answers come long after its deadline."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments, answer_s=NEVER_S)
        self.capabilities = replace(self.capabilities, deadline_s=0.2, concurrency=1)


class RestsBadly(Local):
    """Telling it to rest is an error."""

    def unload(self) -> None:
        """The memory is given back all the same."""
        super().unload()
        raise RuntimeError("it does not want to")


@pytest.mark.parametrize(
    ("kind", "ends"),
    [(Refuses, {"load": 2, "answered": 2}), (Stuck, {"deadline": 2, "answered": 2}), (RestsBadly, {"answered": 4})],
)
def test_a_model_that_does_not_work(kind: type[Local], ends: dict[str, int]) -> None:
    """It keeps the next one from nothing."""
    watch = Watch()
    with open_pipeline(
        {"a": kind("a", watch), "b": Local("b", watch)}, [], options=RunOptions(memory_bytes=100)
    ) as pipeline:
        assert kinds(samples_of([*ask(pipeline, "xy", "a"), *ask(pipeline, "xy", "b")])) == ends
    assert watch.most_held <= 100


def test_an_answer_that_came_too_late() -> None:
    """A model that may still compute a late response unloads before the next one loads, even if both fit."""
    watch = Watch()
    with open_pipeline(
        {"a": Stuck("a", watch), "b": Local("b", watch)}, [], options=RunOptions(memory_bytes=1000)
    ) as pipeline:
        samples_of([*ask(pipeline, "x", "a"), *ask(pipeline, "x", "b")])
    assert watch.log == ["prepare a", "answer a x", "unload a", "prepare b", "answer b x"]


def test_stopped_in_the_middle() -> None:
    """Leaving while one computes and others wait: everybody hears of it at once, and those that wait are not loaded."""
    watch = Watch()
    models = {name: Local(name, watch, answer_s=NEVER_S) for name in "abc"}

    def whole() -> list[Any]:
        with open_pipeline(models, [], options=RunOptions(memory_bytes=100)) as pipeline:
            waiting = [future for model in models for future in ask(pipeline, NAMES, model)]
            while not watch.computing["a"]:
                time.sleep(0.001)
        return waiting

    waiting = in_time(whole)
    assert all(future.done() for future in waiting)
    assert kinds(samples_of(waiting)) == {"stopped": 90}
    assert list(watch.held) == ["a"]


class RestsForever(Local):
    """It gives its memory back when it is closed."""

    def unload(self) -> None:
        """Wait."""
        super().unload()
        self.closed.wait()


@pytest.mark.parametrize(("unload_s", "ends"), [(0.1, {"answered": 2}), (NEVER_S, {"answered": 1, "stopped": 1})])
def test_a_rest_that_does_not_end(monkeypatch: pytest.MonkeyPatch, unload_s: float, ends: dict[str, int]) -> None:
    """It keeps the next model for a while, and the end of the run not at all."""
    monkeypatch.setattr("evalharness.execution.memory_manager._UNLOAD_S", unload_s)
    watch = Watch()
    models = {"a": RestsForever("a", watch), "b": Local("b", watch)}

    def whole() -> list[Any]:
        with open_pipeline(models, [], options=RunOptions(memory_bytes=100)) as pipeline:
            waiting = [*ask(pipeline, "x", "a"), *ask(pipeline, "x", "b")]
            while "unload a" not in watch.log:
                time.sleep(0.001)
            if "stopped" not in ends:
                samples_of(waiting)
        return waiting

    assert kinds(samples_of(in_time(whole))) == ends


@pytest.mark.parametrize("seed", range(8))
def test_stopped_at_any_moment(seed: int) -> None:
    """Everybody hears of it, whoever computes, waits, loads or unloads just then, and never do two compute."""
    chance, watch = random.Random(seed), Watch()
    models = {name: Local(name, watch) for name in "abcd"}
    with open_pipeline(models, [], options=RunOptions(memory_bytes=130)) as pipeline:
        waiting = [ask(pipeline, [str(number)], chance.choice("abcd"))[0] for number in range(200)]
        time.sleep(chance.random() * 0.1)
    assert set(kinds(samples_of(waiting))) <= {"answered", "stopped"}
    assert all(len(together) == 1 for together in watch.together)
    assert watch.most_held <= 130


def test_the_deadline_of_the_run() -> None:
    """It counts for those that still wait for the machine too."""
    watch = Watch()
    models = {name: Local(name, watch, answer_s=NEVER_S) for name in "ab"}
    with open_pipeline(models, [], options=RunOptions(memory_bytes=100, deadline_s=0.3)) as pipeline:
        waiting = [*ask(pipeline, "x", "a"), *ask(pipeline, "x", "b")]
        assert kinds(samples_of(waiting)) == {"deadline": 2}
    assert list(watch.held) == ["a"]
