"""Row P of the benchmark of load tests: percentiles of the real client against a server with known times.

One server with a constant service time: with the arrivals of the record, Lindley's recursion gives the exact latency of
each request. The server is in this process, so the row also shows what the client costs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from gate_table import Check, Setting

from evalharness.load.arrivals import Pattern
from evalharness.load.load_test import LoadTest
from evalharness.load.options import LoadOptions
from evalharness.load.verdict import result_of
from evalharness.records.load import LoadRun
from evalharness.store.load_records import read_load
from evalharness.testing import Project
from evalharness.testing.fault_server import FaultServer, queue

_SERVICE_S = 1.0


def p1(at: Setting) -> Iterator[Check]:
    """M/D/1 with 1 s of service at 70 % load, two minutes; and a constant load beyond the capacity."""
    duration_s = 20.0 if at.ci else 120.0
    for name, kind, rate in (("M/D/1, load 0.7", "poisson", 0.7), ("D/D/1, load 1.1", "constant", 1.1)):
        record = _sent(Pattern(kind, rate, duration_s, seed=at.scenario))  # type: ignore[arg-type]
        found = next(one for one in result_of(record).versions[0].latencies if one.word == "e2el").percentiles
        exact = _exact(record)
        worst = max(abs(found[number] / value - 1) for number, value in exact.items())
        count = len(record.requests)
        yield Check(f"{name}: largest deviation of p50, p90, p95 and p99 of e2el", worst, count, high=0.02)
        late = sum(one.late_s > record.header.late_s for one in record.requests) / count
        yield Check(f"{name}: late sends", late, count)


def _sent(pattern: Pattern) -> LoadRun:
    with tempfile.TemporaryDirectory() as folder, FaultServer(queue(_SERVICE_S)) as server:
        project = Project(Path(folder))
        project.write_suite(models=["endpoint"])
        table = {"provider": "openai", "base_url": server.url, "model": "m", "stream_usage": False}
        project.configure(endpoint=table)
        options = LoadOptions("demo", "e2el<600s, attainment>=50%", pattern, warmup_s=0.001)
        with LoadTest(options, project.config) as test:
            test.run()
        return read_load(test.folder / "load.jsonl")


def _exact(record: LoadRun) -> dict[int, float]:
    """The percentiles by Lindley's recursion over the scheduled times, by the nearest rank."""
    free_at, latencies = 0.0, []
    for at_s in sorted(one.scheduled_s for one in record.requests):
        free_at = max(free_at, at_s) + _SERVICE_S
        latencies.append(free_at - at_s)
    ordered = sorted(latencies)
    return {number: ordered[int(np.ceil(number / 100 * len(ordered))) - 1] for number in (50, 90, 95, 99)}
