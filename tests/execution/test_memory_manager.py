"""Local models share one machine: one computes at a time, and together they stay within the available memory."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pipelines import PATIENCE_S, in_time, kinds, samples_of, submit
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
    """Records the events of the machine."""

    computing: Counter[str] = field(default_factory=Counter)
    held: dict[str, int] = field(default_factory=dict)
    most_held: int = 0
    together: set[tuple[str, ...]] = field(default_factory=set)
    log: list[str] = field(default_factory=list)
    """Loads, unloads and answers, in order."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def order(self) -> list[str]:
        """The models in the order in which they computed."""
        answers = [entry.split()[1] for entry in self.log if entry.startswith("answer")]
        return [name for name, before in zip(answers, [None, *answers], strict=False) if name != before]


class Local(Provider):
    """A model that holds memory from its first request until it unloads or closes."""

    def __init__(self, name: str, watch: Watch, memory: int = 60, answer_s: float = 0.002) -> None:
        self.capabilities = Capabilities(local=True, concurrency=8, memory_bytes=memory)
        self.name, self.watch, self.memory, self.answer_s = name, watch, memory, answer_s
        self.closed = threading.Event()

    def prepare(self) -> None:
        """Load the model."""
        self.load("prepare")

    def load(self, how: str = "late") -> None:
        """Load the model if it is not loaded."""
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
        """Release the memory."""
        with self.watch.lock:
            self.watch.log.append(f"unload {self.name}")
            self.watch.held.pop(self.name, None)

    def close(self) -> None:
        """End the computation."""
        self.closed.set()


NAMES = [str(number) for number in range(30)]


@pytest.mark.parametrize(
    ("memory_bytes", "unloads"),
    [(100, ["unload a", "unload b"]), (130, ["unload a"]), (180, []), (10, ["unload a", "unload b"])],
    ids=["one fits", "two fit", "all fit", "not even one fits"],
)
def test_one_after_another(memory_bytes: int, unloads: list[str]) -> None:
    """Each model answers all its requests before the next one; the least recently used unloads if memory is short."""
    watch = Watch()
    models = {name: Local(name, watch) for name in "abc"}
    with open_pipeline(models, options=RunOptions(memory_bytes=memory_bytes)) as pipeline:
        waiting = [future for name in NAMES for model in models for future in submit(pipeline, [name], model)]
        assert kinds(samples_of(waiting)) == {"answered": 90}
    assert watch.together == {("a",), ("b",), ("c",)}
    assert watch.order() == ["a", "b", "c"]
    assert [entry for entry in watch.log if entry.startswith("unload")] == unloads
    assert watch.most_held <= max(memory_bytes, 60)


def test_the_log_names_the_waiting_model(caplog: pytest.LogCaptureFixture) -> None:
    """The log names a model that waits for another one, and a model that unloads for it."""
    caplog.set_level("INFO", "evalharness")
    models = {name: Local(name, Watch()) for name in "ab"}
    with open_pipeline(models, options=RunOptions(memory_bytes=100)) as pipeline:
        samples_of([*submit(pipeline, NAMES, "a"), *submit(pipeline, NAMES, "b")])
    lines = [record.getMessage() for record in caplog.records]
    waits = lines.index("model b waits for memory and cores, which model a has")
    assert waits < lines.index("model a unloads: model b needs the memory") < lines.index("model b opens")


def test_confirmations_use_the_memory_again() -> None:
    """A confirmation uses the memory again: an unloaded model loads again, any other stays loaded."""
    watch = Watch()
    models = {name: Local(name, watch, memory) for name, memory in (("a", 30), ("b", 30), ("c", 60))}
    with open_pipeline(models, options=RunOptions(memory_bytes=100)) as pipeline:
        for model in "abcba":
            assert kinds(samples_of(submit(pipeline, "xy", model))) == {"answered": 2}
    events = [entry for entry in watch.log if not entry.startswith("answer")]
    assert events == ["prepare a", "prepare b", "unload a", "prepare c", "unload c", "prepare a"]
    assert watch.order() == ["a", "b", "c", "b", "a"]


class Meets(Local):
    """A model that computes only while another one computes."""

    def __init__(self, name: str, watch: Watch, other: Meets | None = None) -> None:
        super().__init__(name, watch)
        self.started = threading.Event()
        self.other = other

    def complete(self, request: Request) -> Response:
        """Wait for the other model."""
        self.started.set()
        assert self.other
        assert self.other.started.wait(PATIENCE_S), "the models run one after another"
        return super().complete(request)


def test_remote_models_run_at_the_same_time() -> None:
    """A model without memory on this machine runs at the same time as a local one."""
    watch = Watch()
    remote = Meets("remote", watch)
    local = remote.other = Meets("a", watch, remote)
    remote.capabilities = replace(remote.capabilities, memory_bytes=None)
    with open_pipeline({"a": local, "remote": remote}) as pipeline:
        assert kinds(samples_of([*submit(pipeline, "xyz", "a"), *submit(pipeline, NAMES, "remote")])) == {
            "answered": 33
        }


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_requests(seed: int, tmp_path: Path) -> None:
    """With requests in bursts and in any order, one model computes at a time, within the memory; all get answers."""
    chance, watch = random.Random(seed), Watch()
    models = {name: Local(name, watch, chance.choice([20, 40, 70])) for name in "abcd"}
    with open_pipeline(
        models, options=RunOptions(run="r", memory_bytes=100), ledger=Ledger(tmp_path / "l.sqlite")
    ) as pipeline:
        waiting = []
        for _ in range(60):
            waiting += submit(pipeline, [str(chance.random())], chance.choice("abcd"))
            time.sleep(chance.choice([0, 0, 0.004]))
        assert kinds(samples_of(waiting)) == {"answered": 60}
    assert all(len(together) == 1 for together in watch.together)
    assert watch.most_held <= 100


class Refuses(Local):
    """A model with a file that cannot be loaded."""

    def complete(self, request: Request) -> Response:
        """Raise the error of an unavailable model."""
        raise ModelUnavailableError("m.gguf cannot be loaded", kind="load")


class Stuck(Local):
    """A model that answers long after its deadline."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments, answer_s=NEVER_S)
        self.capabilities = replace(self.capabilities, deadline_s=0.2, concurrency=1)


class UnloadRaises(Local):
    """A model that raises on `unload`."""

    def unload(self) -> None:
        """Release the memory, then raise."""
        super().unload()
        raise RuntimeError("unload failed")


@pytest.mark.parametrize(
    ("kind", "ends"),
    [(Refuses, {"load": 2, "answered": 2}), (Stuck, {"deadline": 2, "answered": 2}), (UnloadRaises, {"answered": 4})],
)
def test_a_model_that_does_not_work(kind: type[Local], ends: dict[str, int]) -> None:
    """A broken model does not stop the next one."""
    watch = Watch()
    with open_pipeline(
        {"a": kind("a", watch), "b": Local("b", watch)}, options=RunOptions(memory_bytes=100)
    ) as pipeline:
        assert kinds(samples_of([*submit(pipeline, "xy", "a"), *submit(pipeline, "xy", "b")])) == ends
    assert watch.most_held <= 100


def test_an_answer_that_came_too_late() -> None:
    """A model that may still compute a late response unloads before the next one loads, even if both fit."""
    watch = Watch()
    with open_pipeline(
        {"a": Stuck("a", watch), "b": Local("b", watch)}, options=RunOptions(memory_bytes=1000)
    ) as pipeline:
        samples_of([*submit(pipeline, "x", "a"), *submit(pipeline, "x", "b")])
    assert watch.log == ["prepare a", "answer a x", "unload a", "prepare b", "answer b x"]


def test_stopped_in_the_middle() -> None:
    """Leaving while one model computes and others wait ends every wait at once and loads none of them."""
    watch = Watch()
    models = {name: Local(name, watch, answer_s=NEVER_S) for name in "abc"}

    def whole() -> list[Any]:
        with open_pipeline(models, options=RunOptions(memory_bytes=100)) as pipeline:
            waiting = [future for model in models for future in submit(pipeline, NAMES, model)]
            while not watch.computing["a"]:
                time.sleep(0.001)
        return waiting

    waiting = in_time(whole)
    assert all(future.done() for future in waiting)
    assert kinds(samples_of(waiting)) == {"stopped": 90}
    assert list(watch.held) == ["a"]


class UnloadHangs(Local):
    """A model that finishes unloading only when it closes."""

    def unload(self) -> None:
        """Wait for the close."""
        super().unload()
        self.closed.wait()


@pytest.mark.parametrize(("unload_s", "ends"), [(0.1, {"answered": 2}), (NEVER_S, {"answered": 1, "stopped": 1})])
def test_an_unload_that_hangs(monkeypatch: pytest.MonkeyPatch, unload_s: float, ends: dict[str, int]) -> None:
    """An endless unload delays the next model for a limited time, and the end of the run not at all."""
    monkeypatch.setattr("evalharness.execution.memory_manager._UNLOAD_S", unload_s)
    watch = Watch()
    models = {"a": UnloadHangs("a", watch), "b": Local("b", watch)}

    def whole() -> list[Any]:
        with open_pipeline(models, options=RunOptions(memory_bytes=100)) as pipeline:
            waiting = [*submit(pipeline, "x", "a"), *submit(pipeline, "x", "b")]
            while "unload a" not in watch.log:
                time.sleep(0.001)
            if "stopped" not in ends:
                samples_of(waiting)
        return waiting

    assert kinds(samples_of(in_time(whole))) == ends


@pytest.mark.parametrize("seed", range(8))
def test_stopped_at_any_moment(seed: int) -> None:
    """A stop at any moment ends every wait, and never do two models compute at once."""
    chance, watch = random.Random(seed), Watch()
    models = {name: Local(name, watch) for name in "abcd"}
    with open_pipeline(models, options=RunOptions(memory_bytes=130)) as pipeline:
        waiting = [submit(pipeline, [str(number)], chance.choice("abcd"))[0] for number in range(200)]
        time.sleep(chance.random() * 0.1)
    assert set(kinds(samples_of(waiting))) <= {"answered", "stopped"}
    assert all(len(together) == 1 for together in watch.together)
    assert watch.most_held <= 130


def test_the_deadline_of_the_run() -> None:
    """The deadline of the run also ends the wait for the machine."""
    watch = Watch()
    models = {name: Local(name, watch, answer_s=NEVER_S) for name in "ab"}
    with open_pipeline(models, options=RunOptions(memory_bytes=100, deadline_s=0.3)) as pipeline:
        waiting = [*submit(pipeline, "x", "a"), *submit(pipeline, "x", "b")]
        assert kinds(samples_of(waiting)) == {"deadline": 2}
    assert list(watch.held) == ["a"]
