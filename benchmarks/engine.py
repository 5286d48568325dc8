"""What the engine itself costs: 10,000 cases at an endpoint, 500 at a time, and 100,000 recorded responses replayed.

    python benchmarks/engine.py [--sent N] [--replayed N]

Measures the whole process of `evalharness run`. The further cost of a case is the difference to a run of 500 cases.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from endpoints import write_project

from evalharness.config import load_config
from evalharness.evaluation.plan import Plan, make_plan
from evalharness.execution.keys import request_key, request_text
from evalharness.providers.openai import OpenAIProvider
from evalharness.records import Response, Timing, Usage
from evalharness.store.job_ledger import open_ledger
from evalharness.store.recorded import Recorded
from evalharness.suites import load_suite
from evalharness.testing.fault_server import FaultServer, answer_text

FEW, SENT, REPLAYED, CONCURRENCY, LATENCY_S = 500, 10_000, 100_000, 500, 0.2
DATE = "2026-01-01T00:00:00+00:00"
SCRIPTED = '[tool.evalharness.models.remote]\nprovider = "scripted"\nanswers = {"*" = "You asked."}\n'


class Cost(NamedTuple):
    """What a process took."""

    wall_s: float
    cpu_s: float
    mib: float

    def __str__(self) -> str:
        return f"{self.wall_s:6.2f} s wall, {self.cpu_s:6.2f} s CPU, {self.mib:4.0f} MiB"


def measured(root: Path) -> Cost:
    """The cost of a run of the suite. Asserts that it ends well."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    words = [sys.executable, "-m", "evalharness", "run", "bench", "--concurrency", str(CONCURRENCY)]
    started = time.perf_counter()
    with (root / "output").open("w") as output:
        process = subprocess.Popen(words, cwd=root, env=environment | cache_of(root), stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, (root / "output").read_text()[-3000:]
    return Cost(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def cache_of(root: Path) -> dict[str, str]:
    """The variable that keeps the ledger of a project apart."""
    return {"XDG_CACHE_HOME": str(root / "cache")}


def recorded(plan: Plan, provider: OpenAIProvider) -> list[Recorded]:
    """A response for each request, as the endpoint would give it."""
    identity, rows = provider.identity(), []
    for _, request in plan.requests:
        text = request_text(provider, identity, request)
        response = Response(answer_text(request.messages[-1].content), "stop", Usage(12, 6), Timing(0.2, 0.05))
        rows.append(Recorded(request_key(text), text, response, DATE))
    return rows


def fill_ledger(root: Path) -> None:
    """Record the responses of a suite, as if an earlier run had them from the endpoint."""
    os.environ |= cache_of(root)
    config = load_config(root)
    plan = make_plan(load_suite("bench", config), config)
    provider = plan.providers["remote"]
    assert isinstance(provider, OpenAIProvider)
    with closing(open_ledger(config.cache_dir, root)) as ledger:
        ledger.keep(recorded(plan, provider))


def sent(folder: Path, cases: int) -> Cost:
    """The cost of cases that an endpoint answers."""
    with FaultServer(latency_s=LATENCY_S) as server:
        write_project(folder, server.url, cases)
        cost = measured(folder)
        assert len(server.log) == cases, f"{len(server.log)} requests"
    return cost


def replayed(folder: Path, cases: int) -> Cost:
    """The cost of cases whose responses are recorded. No server runs: a request would be an error."""
    write_project(folder, "http://127.0.0.1:9/v1", cases)
    fill_ledger(folder)
    return measured(folder)


def scripted(folder: Path, cases: int) -> Cost:
    """The cost of cases with a scripted model, which is not recorded."""
    write_project(folder, "http://127.0.0.1:9/v1", cases)
    (folder / "pyproject.toml").write_text(SCRIPTED)
    return measured(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the cost of many cases.")
    parser.add_argument("--sent", type=int, default=SENT, metavar="N")
    parser.add_argument("--replayed", type=int, default=REPLAYED, metavar="N")
    given = parser.parse_args()
    kinds = {"sent": (sent, given.sent), "replayed": (replayed, given.replayed), "scripted": (scripted, given.sent)}
    for name, (run, many) in kinds.items():
        costs = {}
        for cases in (FEW, many):
            folder = Path(tempfile.mkdtemp())
            costs[cases] = run(folder, cases)
            print(f"{cases:7,} cases {name:<9} {costs[cases]}", flush=True)
            shutil.rmtree(folder)
        ms = (costs[many].cpu_s - costs[FEW].cpu_s) / (many - FEW) * 1000
        print(f"        a further case {ms:.3f} ms CPU", flush=True)


if __name__ == "__main__":
    main()
