"""Load tests for the page: a queue, one in turns with a baseline, a search of the capacity, one that sent nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from evalharness.records.load import (
    LoadBound,
    LoadEnd,
    LoadHeader,
    LoadObjective,
    LoadRequest,
    LoadRun,
    LoadStatus,
    ServiceLevel,
    Version,
)
from evalharness.records.load_result import (
    BlockPair,
    Capacity,
    Interval,
    LatencySummary,
    LoadComparison,
    LoadResult,
    ObjectiveResult,
    Probe,
    VersionResult,
)

BOUNDS = (LoadBound("ttft", 0.3), LoadBound("e2el", 2.0))
ATTAINMENT = LoadObjective("attainment>=95%", BOUNDS, 0.95)
LEVEL = ServiceLevel("ttft<300ms, e2el<2s, attainment>=95%", BOUNDS, (ATTAINMENT,))
HOSTILE = "</script><img src=x onerror=alert(1)>\u202e ::error::\x07"


def a_header(**changes: object) -> LoadHeader:
    """Two minutes at five requests a second."""
    made = LoadHeader(
        id="20260101T000000Z-abcdef",
        suite="support",
        file="suites/support.yaml",
        started_at="2026-01-01T00:00:00+00:00",
        seed=7,
        arrivals="poisson",
        rate_per_s=5.0,
        duration_s=120.0,
        scheduled=600,
        warmup_s=5.0,
        most_in_flight=100,
        timeout_s=30.0,
        service_level=LEVEL,
        model="small",
        models={"candidate": {"provider": "openai"}},
        prompts=("concise",),
        machine_class="x86_64-8-linux",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def requests_of(
    version: Version, block: int, start_s: float, seconds: float, *, slow: float = 1.0
) -> list[LoadRequest]:
    """Requests of a queue with one server, which has a slow minute in the middle."""
    rng, found = random.Random(f"{version}{block}"), []
    at_s, free_s = start_s, start_s
    while (at_s := at_s + rng.expovariate(5.0)) < start_s + seconds:
        busy = slow * rng.uniform(0.08, 0.16) * (1.6 if 0.4 < (at_s - start_s) / seconds < 0.6 else 1.0)
        begun = max(at_s, free_s)
        free_s = begun + busy
        error = "timeout" if rng.random() < 0.01 else ""
        ended = None if error else free_s + 0.4
        found.append(
            LoadRequest(
                len(found), version, block, f"case-{len(found) % 40}", "concise", at_s, at_s + 0.001,
                None if error else free_s, ended, None if error else 40, error, HOSTILE if error else "",
            )
        )  # fmt: skip
    return found


def version_result(version: Version, requests: Sequence[LoadRequest], share: float) -> VersionResult:
    """What a version did, with an interval of two points."""
    interval = Interval(share, share - 0.02, min(1.0, share + 0.02))
    errors = sum(bool(one.error) for one in requests)
    latencies = (
        LatencySummary("ttft", 590, {50: 0.142, 90: 0.31, 95: 0.402, 99: 0.71}),
        LatencySummary("tpot", 590, {50: 0.0102, 90: 0.0103, 95: 0.0104, 99: 0.0104}),
        LatencySummary("itl", 0, {}),
        LatencySummary("e2el", 590, {50: 0.54, 90: 0.71, 95: 0.8, 99: 1.11}),
    )
    status: LoadStatus = "pass" if interval.low >= ATTAINMENT.target else "inconclusive"
    status = "fail" if interval.high < ATTAINMENT.target else status
    return VersionResult(
        version=version,
        scheduled=len(requests),
        counted=len(requests) - 25,
        answered=len(requests) - errors,
        errors={"timeout": errors} if errors else {},
        messages={"timeout": HOSTILE} if errors else {},
        late=3,
        latest_s=0.0123,
        latencies=latencies,
        objectives=(
            ObjectiveResult(ATTAINMENT, status, 575, 546, interval, 210.0, 400 if status == "inconclusive" else None),
        ),
        attainment=interval,
        goodput_per_s=Interval(5 * share, 5 * interval.low, 5 * interval.high),
        output_tokens_per_s=190.0,
        cost_usd=0.0312,
    )


def a_load() -> tuple[LoadRun, LoadResult]:
    """A load test without a baseline that is inconclusive, with hostile texts of a server."""
    requests = requests_of("candidate", 0, 0.0, 120.0)
    run = LoadRun(a_header(), tuple(requests), LoadEnd(121.0))
    headline = "INCONCLUSIVE: attainment>=95%: 95.0 % of 575 requests (93.0 % to 97.0 %); about 400 more would decide."
    warnings = ("candidate: 3 sends were late, the latest by 12.3 ms", f"a server said {HOSTILE}")
    return run, LoadResult("inconclusive", headline, (version_result("candidate", requests, 0.95),), warnings=warnings)


def in_turns() -> tuple[LoadRun, LoadResult]:
    """A load test that fails against the baseline."""
    versions: tuple[Version, Version] = ("candidate", "baseline")
    blocks = [(version, 2 * number + place) for number in range(8) for place, version in enumerate(versions)]
    found: dict[Version, list[LoadRequest]] = {version: [] for version in versions}
    for version, place in blocks:
        found[version] += requests_of(
            version, place // 2, 15.0 * place, 15.0, slow=1.25 if version == "candidate" else 1.0
        )
    header = a_header(
        against="3f2a9c1", blocks=8, models={one: {"provider": "openai"} for one in versions}, warmup_s=1.0
    )
    pairs = tuple(BlockPair(n, 70, 60 - n % 3, 68, candidate_first=n % 2 == 0) for n in range(8))
    comparison = LoadComparison(
        "3f2a9c1", "fail", Interval(-0.11, -0.13, -0.08), Interval(0.88, 0.85, 0.91), 0.0039, 0.05, 0.98, pairs
    )
    results = (
        version_result("candidate", found["candidate"], 0.86),
        version_result("baseline", found["baseline"], 0.97),
    )
    headline = "FAIL: attainment -11.0 (-13.0 to -8.0) points against 3f2a9c1 (p = 0.0039, 8 pairs of blocks)."
    run = LoadRun(header, (*found["candidate"], *found["baseline"]), LoadEnd(241.0))
    return run, LoadResult("fail", headline, results, comparison)


def capacity() -> tuple[LoadRun, LoadResult]:
    """A search of the capacity."""
    run, result = a_load()
    probes = [(2.0, "pass", 0.995), (4.0, "pass", 0.98), (5.0, "inconclusive", 0.95), (8.0, "fail", 0.41)]
    made = tuple(
        Probe(rate, status, Interval(share, share - 0.02, min(1.0, share + 0.02)), 575, f"load-{rate:g}.jsonl")  # type: ignore[arg-type]
        for rate, status, share in probes
    )
    headline = "PASS: the service level holds at 4/s."
    return run, replace(result, status="pass", headline=headline, capacity=Capacity(4.0, 8.0, made), warnings=())


def nothing_sent() -> tuple[LoadRun, LoadResult]:
    """A load test that was killed before its first request."""
    version = replace(
        version_result("candidate", [], 0.0), latencies=(LatencySummary("ttft", 0, {}),), objectives=(), cost_usd=None
    )
    return LoadRun(a_header(), ()), LoadResult("invalid", "INVALID: no request was sent.", (version,))
