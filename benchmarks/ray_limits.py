"""What limits a run on a cluster: commits of the ledger, an outbox, and requests through Ray on one machine.

    python benchmarks/ray_limits.py

docs/ray.md uses these figures for its plan. Nothing waits for a model here.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from rigs.ray_nodes import nodes

from evalharness.config import Config, ModelConfig
from evalharness.execution.on_ray.executor import RayExecutor
from evalharness.providers import open_provider
from evalharness.records import Message, Params, Request, Response, SampleKey, Timing, Usage
from evalharness.store.ledger import Intent, Ledger, Settlement
from evalharness.store.outbox import Outbox
from evalharness.store.recorded import Recorded

SECONDS, REQUESTS, AT_ONCE = 3.0, 3_000, 100
RESPONSE = Response("x" * 400, "stop", Usage(200, 100), Timing(total_s=0.5))
REQUEST_JSON = f'{{"wire":"{"y" * 800}"}}'


def row(number: int) -> Recorded:
    return Recorded(f"{number:064}", REQUEST_JSON, RESPONSE, "2026-01-02T03:04:05+00:00")


def rate(step: Callable[[int], int]) -> tuple[float, float]:
    """Answers per second of wall time, and per second of processor time."""
    began, cpu, count = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - began < SECONDS:
        count += step(count)
    return count / (time.perf_counter() - began), count / (time.process_time() - cpu)


def ledger(folder: Path) -> None:
    for size in (1, 8, 64, 512):
        made = Ledger(folder / f"{size}.sqlite")
        made.begin("run", None)

        def step(first: int, size: int = size, made: Ledger = made) -> int:
            numbers = range(first, first + size)
            made.commit("run", [Intent(f"run-{n}", f"{n:064}") for n in numbers])
            made.commit("run", [Settlement(f"run-{n}", "answered", 0.0, row(n)) for n in numbers])
            return size

        wall, cpu = rate(step)
        made.close()
        print(f"ledger, {size:3} answers in a commit: {wall:6.0f} answers/s, {cpu:6.0f} per second of processor time")


def outbox(folder: Path) -> None:
    box = Outbox(folder / "outbox", "w")

    def step(number: int) -> int:
        box.add(f"run-{number}", row(number))
        return 1

    wall, cpu = rate(step)
    print(f"outbox of a worker, one by one: {wall:6.0f} answers/s, {cpu:6.0f} per second of processor time")


def through_ray(folder: Path) -> None:
    table = ModelConfig(provider="scripted", answers={"*": "x" * 400}, concurrency=AT_ONCE)
    config = Config(root=folder, models={"m": table})
    with nodes(folder) as cluster:
        cluster.start("second")
        cluster.wait("second")
        os.environ.update(cluster.environment)
        executor = RayExecutor({"m": open_provider("m", config)}, config)
        try:
            executor.prepare("m")
            began, cpu = time.perf_counter(), time.process_time()
            send(executor)
            wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        finally:
            executor.close()
    print(f"requests through Ray on two nodes of this machine, {AT_ONCE} at once: {REQUESTS / wall:6.0f} requests/s")
    print(f"processor time of the run's own process: {1000 * cpu / REQUESTS:.2f} ms a request")


def send(executor: RayExecutor) -> None:
    messages, waiting = (Message("user", "y" * 800),), set()
    for number in range(REQUESTS):
        key = SampleKey(f"case-{number}", "p", "m", 0)
        waiting.add(executor.submit(Request(key, messages, 0, Params(), attempt=f"run-{number}")))
        if len(waiting) >= AT_ONCE:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for one in done:
                one.result()
    for one in waiting:
        one.result()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        ledger(Path(name))
        outbox(Path(name))
        through_ray(Path(name))


if __name__ == "__main__":
    main()
