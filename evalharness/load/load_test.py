"""Runs a load test: opens the versions, sends the load, writes the record, and decides.

    with LoadTest(options, config) as test:
        result = test.run()

One after the other: a search of the capacity runs several loads with the same open models.
"""

from __future__ import annotations

import asyncio
import gc
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from evalharness.config import Config
from evalharness.errors import ConfigError
from evalharness.execution.local import LocalExecutor
from evalharness.execution.pricing import Pricing
from evalharness.load.arrivals import Arrival, mean_rate, read_trace
from evalharness.load.budget import Budget
from evalharness.load.open_loop import OpenLoop, Target
from evalharness.load.options import LoadOptions, late_s
from evalharness.load.schedule import schedule
from evalharness.load.service_level import service_level
from evalharness.load.tally import Tally
from evalharness.load.verdict import conclude
from evalharness.load.versions import LoadVersion, common, open_baseline, open_candidate
from evalharness.modules import import_modules
from evalharness.providers import refusal_of
from evalharness.records.load import LoadEnd, LoadHeader, LoadRequest, ServiceLevel, Version
from evalharness.records.load_result import LoadResult
from evalharness.store import environment, machine_class
from evalharness.store.load_records import LOAD_RECORD, LoadWriter, delete_stale_load
from evalharness.store.locks import RunLock

_PAUSE_S = 0.05
OnRequest = Callable[[LoadRequest], None]


@dataclass
class LoadTest:
    """A load test of one suite. Use as a context manager.

    Raises SuiteError, ConfigError, GitError, StoreError, ProviderError: nothing can be sent.
    """

    options: LoadOptions
    config: Config
    record: str = LOAD_RECORD
    """File name of the last record."""
    _opened: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.options.check()
        candidate = open_candidate(self.options, self.config)
        self.versions: dict[Version, LoadVersion] = {"candidate": candidate}
        if self.options.against:
            ours, theirs = common(candidate, open_baseline(self.options, candidate))
            self.versions = {"candidate": ours, "baseline": theirs}
        self._check_budget()
        for version in self.versions.values():
            if (refusal := refusal_of(version.provider)) is not None:
                raise refusal

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self._lock = RunLock(self.folder, self.config.root)
            opening.callback(self._lock.release)
            delete_stale_load(self.folder, self.config.root)
            self._runner = opening.enter_context(asyncio.Runner())
            self._executors = {name: self._executor(name, version) for name, version in self.versions.items()}
            opening.callback(self._close)
            self._opened = opening.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._opened.close()

    @property
    def folder(self) -> Path:
        """The folder of the record."""
        return self.config.root / (self.options.report or f"reports/load/{self.options.suite}")

    @property
    def model(self) -> str:
        """The name of the model."""
        return next(iter(self.versions["candidate"].plan.providers))

    @property
    def pricing(self) -> Pricing | None:
        """The price of the model; None if it is unknown."""
        return self.versions["candidate"].plan.pricing.get(self.model)

    @cached_property
    def trace(self) -> list[Arrival]:
        """The arrivals of the trace; empty without one."""
        if self.options.trace is None:
            return []
        cases = [one.key.case for one in self.versions["candidate"].requests]
        found = read_trace(self.options.trace, cases)
        return found[: self.options.pattern.most] if self.options.pattern.most else found

    def arrivals(self, rate_per_s: float) -> list[list[Arrival]]:
        """The arrivals of each block at a rate, which a trace ignores."""
        if self.trace:
            return [self.trace]
        pattern = replace(self.options.pattern, rate_per_s=rate_per_s)
        blocks = self.options.blocks
        return [pattern.block(number, blocks) for number in range(blocks)]

    def run(
        self, rate_per_s: float | None = None, *, record: str = LOAD_RECORD, on_request: OnRequest | None = None
    ) -> LoadResult:
        """Send the load once and return the result. `record` is the file name of the record.

        An interrupt ends the load early: the result then never passes. Raises StoreError.
        """
        arrivals = self.arrivals(rate_per_s or self.options.pattern.rate_per_s)
        self.record = record
        header = self._header(arrivals, rate_per_s or self.options.pattern.rate_per_s)
        tallies = {version: Tally(version) for version in self.versions}
        writer = LoadWriter(self.folder / record, header, self.config.root)

        def ended(request: LoadRequest) -> None:
            writer.append(request)
            tallies[request.version].add(request)
            if on_request is not None:
                on_request(request)

        try:
            end = self._send(header, arrivals, ended)
            writer.end(end)
        finally:
            writer.close()
        return conclude(header, tallies, end, margin=self.options.margin)

    def _send(self, header: LoadHeader, arrivals: Sequence[Sequence[Arrival]], ended: OnRequest) -> LoadEnd:
        load = OpenLoop(
            {version: self._target(version) for version in self.versions},
            ended,
            self.options.most_in_flight,
            self.timeout_s,
            self.options.deadline_s,
            pause_s=_PAUSE_S if self.options.blocks > 1 else 0.0,
            name=header.id,
        )
        requests = {version: found.requests for version, found in self.versions.items()}
        blocks = schedule(requests, arrivals, seed=header.seed)
        gc.collect()
        gc.freeze()  # a collection in the middle would look like a slow server
        try:
            return self._runner.run(load.run(blocks))
        finally:
            gc.unfreeze()

    @property
    def timeout_s(self) -> float:
        """Seconds from the send of a request until it counts as failed."""
        deadline_s = self.versions["candidate"].provider.capabilities.deadline_s
        return min(self.options.timeout_s or deadline_s, deadline_s)

    def _target(self, version: Version) -> Target:
        found = self.versions[version]
        budget = self._budget
        slots = None if found.is_remote else found.provider.capabilities.concurrency
        return Target(self._executors[version], budget, slots)

    @cached_property
    def _budget(self) -> Budget:
        """One for all loads and versions."""
        return Budget(self.pricing, self.timeout_s, self.options.budget_usd)

    def _executor(self, name: Version, version: LoadVersion) -> LocalExecutor:
        import_modules(version.provider.modules)
        executor = LocalExecutor({self.model: version.provider})
        if name == "candidate" or version.provider is not self.versions["candidate"].provider:
            executor.prepare(self.model)
        return executor

    def _close(self) -> None:
        for executor in self._executors.values():
            executor.close()
        for provider in {id(one.provider): one.provider for one in self.versions.values()}.values():
            closing = provider.close()
            if closing is not None:
                self._runner.run(_awaited(closing))

    def _header(self, arrivals: Sequence[Sequence[Arrival]], rate_per_s: float) -> LoadHeader:
        candidate, options = self.versions["candidate"], self.options
        started = datetime.now(UTC)
        rate = mean_rate(self.trace) if self.trace else rate_per_s
        level = self._level(rate)
        return LoadHeader(
            id=f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
            suite=candidate.plan.suite.name,
            file=candidate.plan.suite.file,
            started_at=started.isoformat(timespec="seconds"),
            seed=options.pattern.seed,
            arrivals="trace" if self.trace else options.pattern.kind,
            rate_per_s=rate,
            duration_s=self.trace[-1].at_s if self.trace else options.pattern.duration_s,
            scheduled=sum(map(len, arrivals)),
            warmup_s=self._warmup_s(arrivals),
            most_in_flight=options.most_in_flight,
            timeout_s=self.timeout_s,
            service_level=level,
            model=self.model,
            models={name: version.plan.models[self.model] for name, version in self.versions.items()},
            prompts=candidate.plan.prompts,
            blocks=options.blocks,
            against=options.against,
            late_s=late_s(level),
            cases=len({one.key.case for one in candidate.requests}),
            machine_class=machine_class(),
            environment=environment(self.config.root),
            price=self.pricing.source if self.pricing else "",
        )

    def _level(self, rate_per_s: float) -> ServiceLevel:
        try:
            return service_level(self.options.slo, rate_per_s)
        except ValueError as error:
            raise ConfigError(f"--slo: {error}") from None

    def _warmup_s(self, arrivals: Sequence[Sequence[Arrival]]) -> float:
        """Seconds of warm-up: a tenth of the longest block unless it is given."""
        given = self.options.warmup_s
        return max((block[-1].at_s for block in arrivals if block), default=0.0) / 10 if given is None else given

    def _check_budget(self) -> None:
        if self.options.budget_usd is not None and self.pricing is None:
            raise ConfigError(
                f"--budget: the price of {self.model} is not known; write price = {{input = ..., output = ...}} "
                f"(dollars for a million tokens) into [tool.evalharness.models.{self.model}]"
            )


async def _awaited(value: Any) -> Any:
    return await value


def result_json(result: LoadResult) -> dict[str, Any]:
    """The result as plain data."""
    return {"schema": 1, "kind": "load verdict", **asdict(result)}


def estimate_usd(test: LoadTest, requests: int) -> tuple[float, float] | None:
    """What so many requests of each version cost: about, and at most; None without a price."""
    if test.pricing is None:
        return None
    about = most = 0.0
    for version in test.versions.values():
        share = requests / len(version.requests)
        about += share * sum(map(test.pricing.about_usd, version.requests))
        most += share * sum(test.pricing.most_usd(one, test.timeout_s) for one in version.requests)
    return about, most


def describe_load(test: LoadTest) -> Iterator[str]:
    """What the load will be and cost, a line for each, before the first request."""
    arrivals = test.arrivals(test.options.pattern.rate_per_s)
    count = sum(map(len, arrivals))
    sides = (
        f" for each of {len(test.versions)} versions, in {test.options.blocks} blocks" if test.options.against else ""
    )
    yield f"{count:,} requests to {test.model}{sides}"
    if (cost := estimate_usd(test, count)) is not None:
        yield f"cost: about ${cost[0]:,.4f} if every response has max_tokens, at most ${cost[1]:,.4f}"
