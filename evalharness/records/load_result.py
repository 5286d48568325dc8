"""What a load test found: attainment and goodput with their intervals, percentiles, the comparison, the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalharness.records.load import LoadObjective, LoadStatus, Stopped, Version, Word

PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """Percentiles of one latency over the complete answers, in seconds."""

    word: Word
    count: int
    """Number of values: of answers, or of gaps for `itl`."""
    percentiles: Mapping[int, float]
    """By the numbers of `PERCENTILES`; empty without a value. The nearest rank: each is a measured value."""


@dataclass(frozen=True, slots=True)
class ObjectiveResult:
    """One term of the service level and its verdict."""

    objective: LoadObjective
    status: LoadStatus
    counted: int
    """Requests after the warm-up."""
    met: int
    share: Interval
    """Share of the requests that met the bounds."""
    independent: float
    """Number of independent requests that tell as much: requests in a queue depend on each other."""
    more: int | None = None
    """About how many more requests would decide; None if it is decided, or no number would."""


@dataclass(frozen=True, slots=True)
class VersionResult:
    """What one version did."""

    version: Version
    scheduled: int
    """Requests that were due, including those of the warm-up."""
    counted: int
    answered: int
    errors: Mapping[str, int]
    """Number of requests by kind of error, the most frequent first."""
    messages: Mapping[str, str]
    """One error text for each kind."""
    late: int
    """Sends later than `header.late_s`."""
    latest_s: float
    """The latest send after its scheduled time."""
    latencies: tuple[LatencySummary, ...]
    objectives: tuple[ObjectiveResult, ...]
    attainment: Interval
    """Share of the requests that met all bounds."""
    goodput_per_s: Interval
    """Requests a second that met all bounds."""
    output_tokens_per_s: float | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class BlockPair:
    """One block of each version, under the same arrivals and the same cases."""

    block: int
    counted: int
    """Requests of each version after the warm-up."""
    candidate_met: int
    baseline_met: int
    candidate_first: bool


@dataclass(frozen=True, slots=True)
class LoadComparison:
    """The candidate against the baseline, paired by block."""

    against: str
    status: LoadStatus
    difference: Interval
    """Attainment of the candidate minus that of the baseline."""
    goodput_ratio: Interval | None
    """Goodput of the candidate divided by that of the baseline; None if the baseline has none."""
    p_worse: float
    """One-sided p-value of a sign-flip test over the pairs: the candidate's attainment is lower."""
    margin: float
    """A drop of the attainment of this size must be ruled out for PASS."""
    confidence: float
    """Of the intervals, two-sided."""
    pairs: tuple[BlockPair, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """One rate of a capacity search."""

    rate_per_s: float
    status: LoadStatus
    attainment: Interval
    counted: int
    record: str
    """File name of its record."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """The highest rate at which the service level holds, as far as it is known."""

    low_per_s: float | None
    """Highest rate that passed; None if none did."""
    high_per_s: float | None
    """Lowest rate that failed; None if none did."""
    probes: tuple[Probe, ...]


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The result of a load test, as in `verdict.json`."""

    status: LoadStatus
    headline: str
    """The verdict in one or two sentences."""
    versions: tuple[VersionResult, ...]
    """The candidate first."""
    comparison: LoadComparison | None = None
    capacity: Capacity | None = None
    warnings: tuple[str, ...] = ()
    stopped: Stopped = ""
    confidence: float = 0.998
    """Of each interval, two-sided."""
