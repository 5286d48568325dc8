"""The page of a load test: one HTML file without requests.

Like the report, the page shows untrusted text (suites, errors of a server, names of cases) as text nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evalharness.records.load import WORDS, LoadHeader, LoadRun
from evalharness.records.load_result import (
    PERCENTILES,
    Capacity,
    Interval,
    LoadComparison,
    LoadResult,
    ObjectiveResult,
    VersionResult,
)
from evalharness.report.load_charts import NAMES, charts_of, milliseconds, per_second, percent, when
from evalharness.report.load_moments import Moment, moments_of
from evalharness.report.single_file import island, page_pieces

_NONE = "–"  # noqa: RUF001
_MAX_CHARS = 2_000
"""The largest excerpt of one text; the record has all of it."""


def load_html(run: LoadRun, result: LoadResult) -> str:
    """The HTML file of a load test: the record with its result."""
    return "".join(
        page_pieces(
            "load.html.j2",
            styles=["report.css", "history.css", "load.css"],
            scripts=["dom.js", "slider.js", "load_chart.js", "load.js"],
            status=_status(result),
            island=island(page_data(run, result)),
        )
    )


def page_data(run: LoadRun, result: LoadResult) -> dict[str, Any]:
    """What the page shows, as plain data: numbers as text, as on the terminal."""
    header, moments = run.header, moments_of(run, WORDS)
    return {
        "suite": header.suite,
        "status": _status(result),
        "headline": _headline(result),
        "probe": "" if result.capacity is None else f"the last probe, {per_second(header.rate_per_s)}",
        "warnings": [_bounded(one) for one in result.warnings],
        "confidence": f"{100 * result.confidence:.3g} %",
        "facts": list(_facts(header)),
        "objectives": [_objective(one) for one in result.versions[0].objectives] if result.versions else [],
        "versions": [_version(one) for one in result.versions],
        "errors": [error for one in result.versions for error in _errors(one)],
        "moments": [_moment(one) for one in moments],
        "charts": charts_of(header, moments),
        "comparison": None if result.comparison is None else _comparison(result.comparison),
        "capacity": None if result.capacity is None else _capacity(result.capacity),
    }


def _status(result: LoadResult) -> str:
    """The status of the load, or whether a search has found a rate that holds."""
    if result.capacity is None:
        return result.status
    return "fail" if result.capacity.low_per_s is None else "pass"


def _headline(result: LoadResult) -> str:
    if result.capacity is None:
        return _bounded(result.headline.removeprefix(f"{result.status.upper()}: "))
    rates = (result.capacity.low_per_s, result.capacity.high_per_s)
    low, high = (None if rate is None else per_second(rate) for rate in rates)
    if low is None:
        return f"The service level holds at no rate that was tried{f', the lowest was {high}' if high else ''}."
    return f"The service level holds at {low}, {f'and no longer at {high}' if high else 'the highest rate tried'}."


def _facts(header: LoadHeader) -> Iterator[tuple[str, str]]:
    yield "service level", header.service_level.text or "none"
    yield "model", header.model
    yield "rate", f"{per_second(header.rate_per_s)}, {header.arrivals}"
    warmup = f", {header.warmup_s:.3g} s of each block as warm-up" if header.warmup_s else ""
    yield "load", f"{header.duration_s:g} s, {header.scheduled:,} requests{warmup}"
    if header.against:
        yield "in turns with", f"{header.against} in {header.blocks} pairs of blocks"
    yield "started", header.started_at[:19].replace("T", " ")
    yield "machine", header.machine_class
    yield "seed", str(header.seed)


def _objective(one: ObjectiveResult) -> dict[str, Any]:
    return {
        "text": _bounded(one.objective.text),
        "status": one.status,
        "share": percent(one.share.value),
        "interval": _interval(one.share, percent),
        "target": percent(one.objective.target),
        "met": f"{one.met:,} of {one.counted:,}",
        "independent": f"{one.independent:,.0f}",
        "more": "" if one.more is None else f"about {one.more:,} more requests would decide",
    }


def _version(one: VersionResult) -> dict[str, Any]:
    facts = {
        "attainment": f"{percent(one.attainment.value)} ({_interval(one.attainment, percent)})",
        "goodput": f"{per_second(one.goodput_per_s.value)} ({_interval(one.goodput_per_s, per_second)})",
        "answered": f"{one.answered:,} of {one.scheduled:,} requests",
        "counted": f"{one.counted:,} requests after the warm-up",
        "late sends": f"{one.late:,}, the latest by {milliseconds(one.latest_s)}",
    }
    if one.output_tokens_per_s is not None:
        facts["output"] = f"{one.output_tokens_per_s:,.0f} tokens/s"
    if one.cost_usd is not None:
        facts["cost"] = f"${one.cost_usd:,.4f}"
    rows = [
        {
            "word": NAMES[found.word],
            "count": f"{found.count:,}",
            "cells": [milliseconds(found.percentiles[p]) if p in found.percentiles else _NONE for p in PERCENTILES],
        }
        for found in one.latencies
    ]
    return {
        "name": one.version,
        "facts": list(facts.items()),
        "percentiles": [f"p{p}" for p in PERCENTILES],
        "rows": rows,
    }


def _errors(one: VersionResult) -> Iterator[dict[str, str]]:
    for kind, count in one.errors.items():
        text = _bounded(one.messages.get(kind, ""))
        yield {"version": one.version, "kind": _bounded(kind), "count": f"{count:,}", "text": text}


def _moment(one: Moment) -> dict[str, Any]:
    return {
        "at": one.middle_s,
        "end": one.end_s,
        "when": when(one),
        "version": one.version,
        "scheduled": f"{one.scheduled:,}",
        "errors": f"{one.errors:,}",
        "attainment": percent(one.met / one.scheduled) if one.scheduled else _NONE,
        "cells": [
            milliseconds(one.percentiles[word][p]) if word in one.percentiles else _NONE
            for word in ("ttft", "e2el")
            for p in (50, 95, 99)
        ],
    }


def _comparison(one: LoadComparison) -> dict[str, Any]:
    ratio = one.goodput_ratio
    return {
        "against": _bounded(one.against),
        "status": one.status,
        "difference": f"{_points(one.difference.value)} ({_interval(one.difference, _points)})",
        "goodput": _NONE if ratio is None else f"{_factor(ratio.value)} ({_interval(ratio, _factor)})",
        "confidence": f"{100 * one.confidence:.3g} %",
        "p": f"{one.p_worse:.2g}",
        "margin": f"{100 * one.margin:g} pts",
        "pairs": [
            {
                "block": str(pair.block + 1),
                "counted": f"{pair.counted:,}",
                "candidate": f"{pair.candidate_met:,}",
                "baseline": f"{pair.baseline_met:,}",
                "first": "candidate" if pair.candidate_first else "baseline",
            }
            for pair in one.pairs
        ],
    }


def _capacity(one: Capacity) -> dict[str, Any]:
    return {
        "probes": [
            {
                "rate": per_second(probe.rate_per_s),
                "status": probe.status,
                "share": percent(probe.attainment.value),
                "interval": _interval(probe.attainment, percent),
                "bounds": [probe.attainment.low, probe.attainment.value, probe.attainment.high],
                "counted": f"{probe.counted:,}",
                "record": _bounded(probe.record),
            }
            for probe in sorted(one.probes, key=lambda found: found.rate_per_s)
        ],
    }


def _interval(one: Interval, shown: Any) -> str:
    return f"{shown(one.low)} to {shown(one.high)}"


def _points(share: float) -> str:
    """A difference of shares: '−2.3 pts'."""
    return f"{100 * share:+.1f} pts".replace("-", "−")


def _factor(ratio: float) -> str:
    return f"{ratio:.3g}x"


def _bounded(text: str) -> str:
    return text if len(text) <= _MAX_CHARS else f"{text[:_MAX_CHARS]} …"
