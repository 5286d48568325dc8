"""Faults of an application cost the case that caused them, and nothing else."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from plans import open_pipeline

from evalharness.application.python import PythonProvider
from evalharness.config import Config
from evalharness.records import Message, Params, Request, Sample, SampleKey
from evalharness.scoring.scorer import Scorer
from evalharness.testing import case

PATIENCE_S = 90


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the application."""
    folder = tmp_path_factory.mktemp("app")
    shutil.copy(Path(__file__).with_name("hostile_app.py"), folder)
    return folder


@contextmanager
def opened(root: Path, function: str = "answer", **options: Any) -> Iterator[PythonProvider]:
    """A provider of one of the application's functions."""
    provider = PythonProvider(f"hostile_app:{function}", config=Config(root=root), **options)
    yield provider
    provider.close()


def run(provider: PythonProvider, texts: Sequence[str]) -> list[Sample]:
    """A sample for each text, whose case has its name."""
    with open_pipeline({"m": provider}) as pipeline:
        waiting = [
            pipeline.submit(
                case(text),
                Request(SampleKey(text, "p", "m", 0), (Message("user", text),), 0, Params(), variables={"v": 1}),
                Scorer([]),
            )
            for text in texts
        ]
        return [future.result(PATIENCE_S) for future in waiting]


def told(samples: Sequence[Sample]) -> list[str]:
    """The text or the kind of error of each sample."""
    return [one.response.text if one.response else one.error.kind if one.error else "" for one in samples]


def is_gone(pid: int) -> bool:
    """Whether a process ends within the patience."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").exists() and ") Z " in Path(f"/proc/{pid}/stat").read_text():
            return True  # dead, and not yet collected by its new parent
        time.sleep(0.01)
    return False


def test_one_after_another(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each act has its own result, and the cases after it are unchanged."""
    caplog.set_level(logging.INFO, logger="evalharness")
    acts = ["prints", "reads", "forks", "leaks", "handles", "exits", "one", "is killed", "two", "segfaults", "hangs"]
    with opened(root, deadline_s=2) as provider:
        samples = run(provider, [*acts, "closes", "three"])
    texts = ["printed", "''", "forked", "leaked", "handled", "crash", "ONE", "crash", "TWO", "crash", "deadline"]
    assert told(samples) == [*texts, "closed", "THREE"]
    errors = {sample.key.case: sample.error.message for sample in samples if sample.error}
    assert "ended with exit status 3 while it answered case 'exits'" in errors["exits"]
    assert "was killed by SIGKILL while it answered case 'is killed'" in errors["is killed"]
    assert "was killed by SIGSEGV" in errors["segfaults"]
    assert errors["hangs"] == "hostile_app:answer did not answer within deadline_s = 2"
    printed = [line for line in caplog.messages if "printed: " in line]
    assert any("printed by the application" in line for line in printed)
    assert len(printed) < 1_000
    assert max(map(len, printed)) < 2_000


def test_a_crash_that_leaves_processes(root: Path) -> None:
    """It is noticed at once, although a fork has the same files, and ends the processes that are left."""
    with opened(root, deadline_s=3_600) as provider:
        assert told(run(provider, ["abandons", "after"])) == ["crash", "AFTER"]
    assert all(is_gone(int(pid)) for pid in (root / "abandoned.txt").read_text().split())


def test_a_crash_among_others(root: Path) -> None:
    """Calls in flight at a crash run again, and only the case that crashes alone is an error."""
    with opened(root, "slow", concurrency=4) as provider:
        samples = run(provider, ["a", "b", "exits", "c", "d"])
    assert told(samples) == ["A", "B", "crash", "C", "D"]


def test_a_hang_among_others(root: Path) -> None:
    """Calls in flight next to one that hangs finish in the old process, which then ends."""
    with opened(root, "slow", concurrency=3, deadline_s=1) as provider:
        provider.prepare()
        first = provider.child_pid
        samples = run(provider, ["a", "hangs", *"bcdefgh"])
        assert first is not None
        assert is_gone(first)
    assert told(samples) == ["A", "deadline", *"BCDEFGH"]


def test_an_async_function(root: Path) -> None:
    """It gets all parameters by name; a task that hangs costs its case alone."""
    with opened(root, "later", concurrency=8, deadline_s=1) as provider:
        samples = run(provider, ["a", "hangs", "b"])
    assert told(samples) == ["a {'v': 1} a 256", "deadline", "b {'v': 1} b 256"]


def test_a_blocked_event_loop(root: Path) -> None:
    """A task that blocks the loop of all others is the only one that fails."""
    with opened(root, "later", concurrency=3, deadline_s=1) as provider:
        samples = run(provider, ["a", "blocks", "b", "c"])
    assert [text[:1] for text in told(samples)] == ["a", "d", "b", "c"]


def test_parameters_with_defaults(root: Path) -> None:
    """The first parameter gets the text even if it has a default; the others keep theirs."""
    with opened(root, "optional") as provider:
        assert told(run(provider, ["a"])) == ["a 3 () {}"]


def test_too_many_parameters(root: Path) -> None:
    """A function that needs more is an error that lists what there is, and no request is sent."""
    with opened(root, "two") as provider:
        errors = [one.error for one in run(provider, ["a", "b"])]
    assert {error.kind for error in errors if error} == {"import"}
    assert "unknown parameters first, second: expected messages, variables, case, params" in str(errors[1])


def test_the_environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The function sees the named variables, a few of the system, and the root as its folder."""
    monkeypatch.setenv("APP_MODE", "production")
    monkeypatch.setenv("OTHER_API_KEY", "not for the application")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    with opened(root, "environment", env=["APP_MODE"]) as provider:
        (sample,) = run(provider, ["a"])
    assert sample.response is not None
    seen = sample.response.data
    assert seen["env"]["APP_MODE"] == "production"
    assert not {"OTHER_API_KEY", "PYTHONPATH"} & seen["env"].keys()
    assert Path(seen["cwd"]) == root.resolve()
    assert seen["pid"] != os.getpid()


def test_a_variable_that_is_not_set(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the error of each case, before any process starts."""
    monkeypatch.delenv("APP_API_KEY", raising=False)
    with opened(root, env=["APP_API_KEY"]) as provider:
        (sample,) = run(provider, ["a"])
        assert provider.child_pid is None
    assert str(sample.error) == "auth: the environment variable APP_API_KEY is not set (env)"


def test_the_end_ends_the_process(root: Path) -> None:
    """Closing the provider while a call hangs ends its process, and the call fails."""
    with opened(root) as provider:
        provider.prepare()
        pid, found = provider.child_pid, list[Any]()
        call = threading.Thread(target=lambda: found.extend(run(provider, ["hangs"])))
        call.start()
        time.sleep(0.3)
        provider.close()
        call.join(PATIENCE_S)
    assert pid is not None
    assert is_gone(pid)
    assert told(found) == ["stopped"]


ORPHAN = """
import os, sys
from pathlib import Path
from evalharness.application.python import PythonProvider
from evalharness.config import Config
provider = PythonProvider("hostile_app:answer", config=Config(root=Path(sys.argv[1])))
provider.prepare()
print(provider.child_pid, flush=True)
os._exit(0)
"""


def test_a_killed_run_leaves_no_process(root: Path) -> None:
    """The process ends with the run, however that ends."""
    done = subprocess.run([sys.executable, "-c", ORPHAN, root], capture_output=True, text=True, timeout=60, check=True)
    assert is_gone(int(done.stdout))


@pytest.mark.parametrize(
    ("calls", "growth_kb"), [(3_000, 2_500), pytest.param(9_000, 4_000, marks=[pytest.mark.slow, pytest.mark.deep])]
)
def test_thousands_of_calls(root: Path, calls: int, growth_kb: int) -> None:
    """Neither process grows with the number of calls."""
    with opened(root, "optional", concurrency=4) as provider:

        def call(number: int) -> None:
            for index in range(number):
                key = SampleKey(f"c{index}", "p", "m", 0)
                provider.complete(Request(key, (Message("user", "x" * 200),), 0, Params()))

        call(1_000)
        before = memory_kb(provider.child_pid)
        call(calls)
        assert memory_kb(provider.child_pid) < before + growth_kb
        worker = provider._supervisor._current
        assert worker is not None
        assert not worker.in_flight
        assert not worker._replies


def memory_kb(pid: int | None) -> int:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("needs /proc")
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmRSS"))
