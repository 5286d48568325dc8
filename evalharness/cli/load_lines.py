"""The result of a load test in lines of at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator

from evalharness.load.quantities import duration_text, rate_text
from evalharness.load.wording import capacity_text, percent, points, span
from evalharness.records.load_result import (
    PERCENTILES,
    Capacity,
    Interval,
    LatencySummary,
    LoadComparison,
    LoadResult,
    VersionResult,
)
from evalharness.report.encode import one_line

COLUMNS = 80
COLOURS = {"pass": "green", "fail": "red", "invalid": "red", "inconclusive": "yellow"}
_CELL = 11


def result_lines(result: LoadResult) -> Iterator[str]:
    """The figures of each version and of the comparison; the verdict is the headline."""
    for version in result.versions:
        yield from _version_lines(version, named=len(result.versions) > 1)
    if result.comparison:
        yield from _comparison_lines(result.comparison)
    for warning in result.warnings:
        yield _row("note", warning)


def capacity_lines(found: Capacity) -> Iterator[str]:
    """A line for each probe, and the interval."""
    for one in found.probes:
        shown = f"{percent(one.attainment.value):>8}  ({span(one.attainment)})"
        yield f"{rate_text(one.rate_per_s):>10}  {one.status:<12}{shown}  {one.counted:,} requests"
    yield f"capacity   {capacity_text(found)}"


def _version_lines(version: VersionResult, *, named: bool) -> Iterator[str]:
    yield f"{version.version if named else '':<11}" + "".join(f"{f'p{number}':>{_CELL}}" for number in PERCENTILES)
    for latency in version.latencies:
        yield f"{latency.word:<11}" + _cells(latency)
    yield f"attainment {percent(version.attainment.value)} of {version.counted:,} requests ({span(version.attainment)})"
    yield f"goodput    {_rates(version.goodput_per_s)}"
    if version.output_tokens_per_s is not None:
        yield f"tokens     {version.output_tokens_per_s:,.0f}/s"
    if version.cost_usd is not None:
        yield f"cost       ${version.cost_usd:,.4f}"
    for kind, count in version.errors.items():
        yield _row("error", f"{count:,} x {kind}: {version.messages[kind]}")


def _row(name: str, text: str) -> str:
    """A row with a text of any length."""
    return f"{name:<11}{one_line(text, COLUMNS - 11)}"


def _cells(latency: LatencySummary) -> str:
    if not latency.percentiles:
        return f"{'-':>{_CELL}}" * len(PERCENTILES)
    return "".join(f"{duration_text(latency.percentiles[number]):>{_CELL}}" for number in PERCENTILES)


def _rates(interval: Interval) -> str:
    value, low, high = (rate_text(one) for one in (interval.value, interval.low, interval.high))
    return f"{value} ({low} to {high})"


def _comparison_lines(found: LoadComparison) -> Iterator[str]:
    yield _row("against", f"{found.status.upper()} {found.against}")
    yield f"  attainment  {points(found.difference)} points, p = {found.p_worse:.2g}, {len(found.pairs)} pairs"
    if found.goodput_ratio:
        ratio = found.goodput_ratio
        yield f"  goodput     x {ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"
