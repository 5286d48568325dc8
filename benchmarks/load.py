"""The acceptance benchmark of load tests: error rates of their verdicts in queues with exact answers.

    python benchmarks/load.py                 every row at full size: a quarter of an hour
    python benchmarks/load.py --ci            small sizes
    python benchmarks/load.py V1 C2           these rows only
    python benchmarks/load.py --write FILE    write the table to a file too

Rows: E the simulated queues against their exact answers, V the verdict on a service level, N the same with methods that
ignore the dependence of requests, C the comparison with a baseline, K the search of the capacity, P percentiles through
the real client against a server whose answers have known times. The target is 95 %. The exit status is 1 if a row
fails.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from gate_table import HEAD, LINE, SEED, Check, Setting, at_least, line
from load_client import p1
from load_worlds import WORLDS, Blocks, Floats, Rng, World, sojourns

from evalharness.load.arrivals import Pattern
from evalharness.load.capacity import find_capacity
from evalharness.load.dependence import ALPHA, exact_bounds, share_of
from evalharness.load.pairs import compare_pairs
from evalharness.load.service_level import service_level
from evalharness.load.verdict import result_of
from evalharness.records.load import LoadEnd, LoadHeader, LoadRequest, LoadRun
from evalharness.records.load_result import BlockPair, Interval, Probe

TARGET = 0.95
NEAR = 0.01
REQUESTS, LONG = 2000, 10_000


def e1(at: Setting) -> Iterator[Check]:
    """The share below the exact limit of 95 %, in a long run."""
    runs, requests = at.size(20, 4), 20_000
    for cell, world in enumerate(WORLDS):
        found = (world.latencies(at.rng(cell), runs, requests) < world.limit(TARGET)).mean(axis=1)
        error = float(found.std(ddof=1)) / math.sqrt(runs)
        yield Check(
            f"{world.name}: simulated share of an exact 95 %",
            float(found.mean()),
            runs,
            0.95 - 4 * error,
            0.95 + 4 * error,
        )


def v1(at: Setting) -> Iterator[Check]:
    """Whole records through the whole code: 200 runs in turn over the queues, one point above and below the target."""
    runs = at.size(200, 32)
    wrong, statuses = 0, dict.fromkeys(("pass", "fail", "inconclusive"), 0)
    for run in range(runs):
        world, above = WORLDS[run % len(WORLDS)], run // len(WORLDS) % 2 == 0
        true = TARGET + (NEAR if above else -NEAR)
        status = result_of(_record(world, at.rng(run), world.limit(true))).status
        statuses[status] += 1
        wrong += status == ("fail" if above else "pass")
    yield Check(f"{LONG:,} requests, 1 point above or below the target: verdict right", 1 - wrong / runs, runs, low=1.0)
    yield Check("of these, decided", 1 - statuses["inconclusive"] / runs, runs)


def v2(at: Setting) -> Iterator[Check]:
    """A server exactly at its target; a heavy load whose one bad hour can fill most of a run is the worst."""
    yield from _false(at, 0.0, "FAIL at the target", lambda found: found.high < TARGET)
    runs, heavy = at.size(1000, 50), World("M/M/1, load 0.95", 1, 0.95)
    latencies = heavy.latencies(at.rng(0), runs, REQUESTS)
    found = [_interval(row, heavy.limit(TARGET)).high < TARGET for row in latencies]
    yield _at_most(f"FAIL at the target, {REQUESTS:,} requests: {heavy.name}", float(np.mean(found)), runs)


def v3(at: Setting) -> Iterator[Check]:
    """A server just below its target."""
    yield from _false(at, -0.002, "PASS 0.2 points below the target", lambda found: found.low >= TARGET)


def v4(at: Setting) -> Iterator[Check]:
    """What is decided far from the target, with 300 and with 2,000 requests, in the steadiest and the worst queue."""
    runs = at.size(500, 50)
    for cell, (world, requests) in enumerate(
        (w, n) for w in (WORLDS[3], WORLDS[0], WORLDS[4]) for n in (300, REQUESTS)
    ):
        latencies = world.latencies(at.rng(cell), runs, requests)
        for true, word in ((0.9995, "PASS"), (0.8, "FAIL")):
            found = [_interval(row, world.limit(true)) for row in latencies]
            decided = [one.low >= TARGET if word == "PASS" else one.high < TARGET for one in found]
            yield Check(
                f"{world.name}, {requests:,} requests, true {100 * true:g} %: {word}", float(np.mean(decided)), runs
            )


def v5(at: Setting) -> Iterator[Check]:
    """A server with too little capacity: its queue grows for ever."""
    runs = at.size(500, 50)
    for cell, load in enumerate((1.2, 1.5)):
        for name, constant in (("M/M/1", False), ("M/D/1", True)):
            world = World(name, 1, load, constant)
            found = [_interval(row, 8.0).high < TARGET for row in world.latencies(at.rng(cell), runs, 300)]
            yield at_least(at, f"{name}, load {load}, 300 requests: FAIL", float(np.mean(found)), runs, 0.9)


def v6(at: Setting) -> Iterator[Check]:
    """A low target and a short load: a heavily loaded server may not show its slow moments in it."""
    runs, target = at.size(1000, 50), 0.8
    for requests in (300, REQUESTS):
        rates = []
        for cell, world in enumerate(WORLDS):
            latencies = world.latencies(at.rng(100 * requests + cell), runs, requests)
            found = [_interval(row, world.limit(target - NEAR)).low >= target for row in latencies]
            rates.append(float(np.mean(found)))
        worst = WORLDS[int(np.argmax(rates))].name
        name = f"target 80 %, PASS 1 point below it, {requests:,} requests"
        yield Check(f"{name}: worst of {len(WORLDS)} queues ({worst})", max(rates), runs)
        yield Check(f"{name}: mean", float(np.mean(rates)), runs * len(WORLDS))


def n1(at: Setting) -> Iterator[Check]:
    """The same runs as V3 by the interval of independent requests: why it is not used."""
    yield from _naive(at, "Clopper-Pearson on all requests", _as_independent)


def c1(at: Setting) -> Iterator[Check]:
    """Equal versions: 60 s at 5/s for each, in 12 pairs of blocks."""
    runs = at.size(1000, 50)
    for cell, (name, blocks) in enumerate(_versions()):
        statuses = [_compared(at, cell, run, blocks, blocks) for run in range(runs)]
        yield _at_most(f"{name}, equal versions: FAIL", statuses.count("fail") / runs, runs)
        yield Check(f"{name}, equal versions: PASS", statuses.count("pass") / runs, runs)


def c2(at: Setting) -> Iterator[Check]:
    """A candidate that lost 20 % of its goodput: by errors, and by longer service times."""
    runs = at.size(500, 50)
    for cell, (name, blocks) in enumerate(_versions()):
        lost = [_compared(at, cell, run, blocks, blocks, kept=0.8) for run in range(runs)].count("fail") / runs
        yield at_least(at, f"{name}, 20 % of the goodput lost by errors: FAIL", lost, runs, 0.9)
        slower = _slower(blocks, at.rng(900 + cell))
        lost = [_compared(at, cell, run, blocks, slower) for run in range(runs)].count("fail") / runs
        yield at_least(at, f"{name}, 20 % of the goodput lost by slower service: FAIL", lost, runs, 0.9)


def k1(at: Setting) -> Iterator[Check]:
    """M/M/1, 20 served a second, 95 % within 0.5 s: the capacity is 14.0/s. Probes of 3,000 requests."""
    runs, right, widths = at.size(200, 20), 0, list[float]()
    capacity = 20 + math.log(1 - TARGET) / 0.5
    for run in range(runs):
        rng = at.rng(run)
        found = find_capacity(lambda rate, rng=rng: _probe(rate, rng), 1.0, 50.0)  # type: ignore[misc]
        low, high = found.low_per_s or 0.0, found.high_per_s or math.inf
        right += low <= capacity < high
        widths.append(high / low if low else math.inf)
    yield at_least(at, "the interval contains the capacity", right / runs, runs, 0.99)
    yield Check("median of its upper end divided by its lower end", float(np.median(widths)), runs, unit="")


ROWS: dict[str, Callable[[Setting], Iterator[Check]]] = {
    row.__name__.upper(): row for row in (e1, v1, v2, v3, v4, v5, n1, c1, c2, k1, p1, v6)
}


def _interval(latencies: Floats, limit: float) -> Interval:
    met = latencies < limit
    return share_of(met, met, latencies / limit).interval


def _as_independent(latencies: Floats, limit: float) -> Interval:
    share = float((latencies < limit).mean())
    return Interval(share, *exact_bounds(share, len(latencies), ALPHA))


def _false(at: Setting, offset: float, what: str, is_wrong: Callable[[Interval], bool]) -> Iterator[Check]:
    """The rate of a wrong verdict in each queue: the worst, and the mean."""
    runs = at.size(1000, 50)
    for requests in (300, REQUESTS):
        rates = []
        for cell, world in enumerate(WORLDS):
            latencies = world.latencies(at.rng(100 * requests + cell), runs, requests)
            rates.append(float(np.mean([is_wrong(_interval(row, world.limit(TARGET + offset))) for row in latencies])))
        worst = int(np.argmax(rates))
        yield _at_most(
            f"{what}, {requests:,} requests: worst of {len(WORLDS)} queues ({WORLDS[worst].name})", rates[worst], runs
        )
        yield _at_most(f"{what}, {requests:,} requests: mean", float(np.mean(rates)), runs * len(WORLDS))


def _naive(at: Setting, what: str, interval: Callable[[Floats, float], Interval]) -> Iterator[Check]:
    runs = at.size(1000, 50)
    for cell, world in enumerate(WORLDS):
        latencies = world.latencies(at.rng(cell), runs, REQUESTS)
        wrong = [interval(row, world.limit(TARGET - 0.002)).low >= TARGET for row in latencies]
        yield Check(f"{what}, {world.name}: PASS 0.2 points below the target", float(np.mean(wrong)), runs)


def _at_most(scenario: str, measured: float, runs: int) -> Check:
    """A rate of at most 1 %, without a tolerance."""
    return Check(scenario, measured, runs, high=0.01)


def _record(world: World, rng: Rng, limit: float) -> LoadRun:
    """A record of 10,000 requests."""
    arrivals = np.cumsum(rng.exponential(1 / world.rate, (LONG, 1)), axis=0)
    services = np.ones_like(arrivals) if world.constant else rng.exponential(1.0, arrivals.shape)
    ends = arrivals[:, 0] + sojourns(arrivals, services, world.servers)[0]
    requests = tuple(
        LoadRequest(index, "candidate", 0, "a", "plain", at_s, at_s, None, end_s, 1)
        for index, (at_s, end_s) in enumerate(zip(arrivals[:, 0].tolist(), ends.tolist(), strict=True))
    )
    duration = float(arrivals[-1, 0])
    header = LoadHeader(
        id="load",
        suite="demo",
        file="suites/demo.yaml",
        started_at="",
        seed=0,
        arrivals="poisson",
        rate_per_s=world.rate,
        duration_s=duration,
        scheduled=LONG,
        warmup_s=duration / 10,
        most_in_flight=10**9,
        timeout_s=1e9,
        service_level=service_level(f"e2el<{limit:.9f}s, attainment>={TARGET}", world.rate),
        model="fake",
        models={"candidate": {}},
        prompts=("plain",),
        late_s=1.0,
    )
    return LoadRun(header, requests, LoadEnd(float(ends.max())))


@dataclass(frozen=True, slots=True)
class _Scaled:
    """Exponential or constant service times."""

    mean_s: float
    constant: bool = False
    factor: float = field(default=1.0)

    def __call__(self, rng: Rng, count: int) -> Floats:
        mean = self.mean_s * self.factor
        return np.full(count, mean) if self.constant else rng.exponential(mean, count)


def _versions() -> Iterator[tuple[str, Blocks]]:
    """Servers at 5/s and half load, whose 95 % limit holds in the steady state."""
    for name, servers, constant in (("M/M/4", 4, False), ("M/M/16", 16, False), ("M/D/1", 1, True)):
        world = World(name, servers, 0.5, constant)
        mean_s = 0.5 * servers / 5
        yield name, Blocks(servers, world.limit(TARGET) * mean_s, _Scaled(mean_s, constant))


def _slower(blocks: Blocks, rng: Rng) -> Blocks:
    """The version with service times so long that it loses 20 % of the goodput, by bisection over 4,000 blocks."""
    assert isinstance(blocks.services, _Scaled)
    pattern = Pattern("poisson", 5.0, 60.0, seed=1)
    arrivals = [np.array([one.at_s for one in pattern.block(number, 12)]) for number in range(4000)]
    wanted = 0.8 * _share(blocks, arrivals, rng)
    low, high = 1.0, 6.0
    for _ in range(12):
        factor = (low + high) / 2
        slower = Blocks(blocks.servers, blocks.limit, _Scaled(blocks.services.mean_s, blocks.services.constant, factor))
        low, high = (factor, high) if _share(slower, arrivals, rng) > wanted else (low, factor)
    return Blocks(blocks.servers, blocks.limit, _Scaled(blocks.services.mean_s, blocks.services.constant, high))


def _share(blocks: Blocks, arrivals: list[Floats], rng: Rng) -> float:
    met = [blocks.met(one, rng) for one in arrivals if len(one)]
    return float(np.concatenate(met).mean())


def _compared(at: Setting, cell: int, run: int, baseline: Blocks, candidate: Blocks, kept: float = 1.0) -> str:
    """The status of one comparison. `kept`: share of the candidate's requests without an error."""
    rng = at.rng(1000 * cell + run)
    pattern = Pattern("poisson", 5.0, 60.0, seed=int(rng.integers(2**31)))
    pairs = []
    for number in range(12):
        arrivals = np.array([one.at_s for one in pattern.block(number, 12)])
        if not len(arrivals):
            continue
        counted = arrivals >= arrivals[0] + 0.5
        ours = candidate.met(arrivals, rng) & (rng.random(len(arrivals)) < kept)
        theirs = baseline.met(arrivals, rng)
        pairs.append(BlockPair(number, int(counted.sum()), int(ours[counted].sum()), int(theirs[counted].sum()), True))
    return compare_pairs("main", pairs, margin=0.05, whole=True).status


def _probe(rate: float, rng: Rng) -> Probe:
    arrivals = np.cumsum(rng.exponential(1 / rate, (3000, 1)), axis=0)
    latencies = sojourns(arrivals, rng.exponential(1 / 20, arrivals.shape), 1)[0, 300:]
    found = _interval(latencies, 0.5)
    status = "fail" if found.high < TARGET else "pass" if found.low >= TARGET else "inconclusive"
    return Probe(rate, status, found, len(latencies), "")  # type: ignore[arg-type]


def page(lines: list[str]) -> str:
    """The page that --write writes."""
    head = (
        "# The measured error rates of load tests\n\n"
        f"Written by `make bench-load` (`python benchmarks/load.py --write docs/load-table.md`); seeds\n"
        f"`[{SEED}, row, cell]`. A rate is a share of S simulated load tests. `benchmarks/load.py` explains the rows,\n"
        "`benchmarks/load_worlds.py` the queues, and [load tests](load.md#statistics) the methods.\n"
    )
    return "\n".join([head, HEAD, LINE, *lines, ""])


def main() -> int:
    """Run the chosen rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", type=str.upper, choices=[[], *ROWS])
    parser.add_argument("--ci", action="store_true")
    parser.add_argument("--write", type=Path)
    chosen = parser.parse_args()
    lines, ok = list[str](), True
    print(f"{HEAD}\n{LINE}")
    for name in chosen.rows or list(ROWS):
        for check in ROWS[name](Setting(700 + list(ROWS).index(name), chosen.ci)):
            lines.append(line(name, check))
            print(lines[-1], flush=True)
            ok = ok and check.ok
    if chosen.write:
        chosen.write.write_text(page(lines), encoding="utf-8")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
