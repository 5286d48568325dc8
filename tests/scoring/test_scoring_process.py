"""Long texts are scored in a process that ends with the run; the scores are the same."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hang import in_time

from evalharness.config import Config
from evalharness.errors import MetricError
from evalharness.evaluation.pipeline import Pipeline
from evalharness.execution import Engine
from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import Spec
from evalharness.registry import BUILT_IN
from evalharness.scoring import long_texts
from evalharness.scoring.long_texts import LongTexts
from evalharness.scoring.metrics import BEYOND_TEXTS, Metric, SampleView, open_metric
from evalharness.scoring.scorer import Scorer
from evalharness.testing import case, request

OPTIONS: dict[str, dict[str, Any]] = {
    "json_schema": {"schema": {"type": "array"}},
    "length": {"max_words": 5},
    "regex": {"pattern": "refund.*days"},
    "rouge_2": {"stem": True},
}
LONG = SampleView.of("the refund takes thirty days " * 70_000, ["thirty days the refund takes, " * 70_000])
SHORT = SampleView.of("the refund takes thirty days \ud800 \N{SNOWMAN}", ["thirty days", "the refund takes"])


@pytest.fixture
def process() -> Iterator[LongTexts]:
    """A scoring process that ends with the test."""
    process = LongTexts()
    yield process
    process.stop()


@pytest.fixture
def pids(caplog: pytest.LogCaptureFixture) -> Callable[[], list[int]]:
    """The processes that have scored so far."""
    caplog.set_level(logging.DEBUG, "evalharness")
    return lambda: [int(found) for found in re.findall(r"in process (\d+)", caplog.text)]


def opened(name: str) -> Metric:
    """The metric as a suite opens it."""
    return open_metric(Spec(name, OPTIONS.get(name, {})), Config())


def scored(metric: Metric, view: SampleView) -> object:
    """The result for one sample; the text of an error."""
    (result,) = metric.score([view], [()])
    return str(result) if isinstance(result, MetricError) else result


def test_the_scores_are_the_same(
    process: LongTexts, pids: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each metric that reads texts alone gives the score, or the error, that it gives in this process."""
    metrics = [opened(name) for name in sorted(BUILT_IN["metrics"].keys() - BEYOND_TEXTS)]
    here = {metric.name: scored(metric, SHORT) for metric in metrics}
    monkeypatch.setattr(long_texts, "LONG_CHARS", 1)

    assert {metric.name: scored(process.of(metric), SHORT) for metric in metrics} == here
    assert len(pids()) == len(metrics)
    assert len(set(pids())) == 1


def test_short_texts_and_other_metrics_stay_here(process: LongTexts, pids: Callable[[], list[int]]) -> None:
    """A short text starts no process, and neither does a metric that this process alone can open."""
    own = Metric("own", "own|v:1", lambda views, _: [0.5 for _ in views])

    assert scored(process.of(opened("chrf")), SHORT) == scored(opened("chrf"), SHORT)
    assert scored(process.of(own), LONG) == 0.5
    assert pids() == []


def test_stop_ends_a_busy_metric(process: LongTexts, pids: Callable[[], list[int]]) -> None:
    """The thread that waits for the score gets an error, and the process is gone."""
    results: list[object] = []
    metric = process.of(opened("chrf"))
    thread = threading.Thread(target=lambda: results.append(scored(metric, LONG)))
    thread.start()
    with in_time():
        while not pids():
            time.sleep(0.01)
        process.stop()
        thread.join()

    assert results == [f"the process that scores long texts ended with exit status -{int(signal.SIGKILL)}"]
    assert gone(pids()[0])
    assert scored(metric, LONG) == "the run ended before this text was scored"


def test_a_lost_process_is_the_error_of_one_sample(process: LongTexts, pids: Callable[[], list[int]]) -> None:
    """The next sample is scored by another process."""
    metric = process.of(opened("length"))
    first = scored(metric, LONG)
    os.kill(pids()[0], signal.SIGKILL)

    assert scored(metric, LONG) == f"the process that scores long texts ended with exit status -{int(signal.SIGKILL)}"
    assert scored(metric, LONG) == first
    assert len(set(pids())) == 2


def test_the_process_ends_with_its_input() -> None:
    """A run that is killed leaves no process behind."""
    command = [sys.executable, "-I", "-m", "evalharness.scoring.child"]

    assert subprocess.run(command, stdin=subprocess.DEVNULL, timeout=120, check=False).returncode == 0


def test_the_end_of_a_run_ends_the_process(pids: Callable[[], list[int]]) -> None:
    """A run that is stopped in a metric leaves the sample without a score, and no process."""
    with in_time(), Pipeline(Engine({"m": ScriptedProvider({"*": LONG.text})})) as pipeline:
        long = replace(case("a"), golden=LONG.golden)
        future = pipeline.submit(long, request(case="a", model="m"), Scorer([opened("chrf")]))
        while not pids():
            time.sleep(0.01)

    assert str(future.result().error) == "stopped: the run was stopped before this response was scored"
    assert gone(pids()[0])


def gone(pid: int) -> bool:
    """Whether no process has this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
