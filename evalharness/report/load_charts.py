"""The charts of a load test as plain data: numbers for the drawing, and the text of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from evalharness.records.load import LoadHeader, Version, Word
from evalharness.records.load_result import PERCENTILES
from evalharness.report.history_axis import ticks
from evalharness.report.load_moments import Moment

CHARTED: tuple[Word, ...] = ("ttft", "e2el")
NAMES: dict[Word, str] = {
    "ttft": "Time to first token (ttft)",
    "tpot": "Time per output token (tpot)",
    "itl": "Inter-token latency (itl)",
    "e2el": "End-to-end latency (e2el)",
}
_OF_BASELINE = (50, 95)
"""Percentiles of the baseline; all of both versions would be eight lines."""
Value = Callable[[Moment], float | None]


def milliseconds(seconds: float) -> str:
    """Seconds with their unit: '63 µs', '412 ms', '1.23 s', '12.3 s'."""
    if 0 < seconds < 0.0009995:
        return f"{1e6 * seconds:.3g} µs"
    if seconds < 0.9995:
        return f"{1000 * seconds:.3g} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def per_second(rate: float) -> str:
    """A rate with its unit: '4.92/s'."""
    return f"{rate:.3g}/s"


def percent(share: float) -> str:
    """A share with a digit after the point: '97.3 %'."""
    return f"{100 * share:.1f} %"


def when(moment: Moment) -> str:
    """A moment in words: '12.0 to 14.0 s'."""
    return f"{moment.start_s:.1f} to {moment.end_s:.1f} s"


def charts_of(header: LoadHeader, moments: Sequence[Moment]) -> list[dict[str, Any]]:
    """The charts that have something to show."""
    made = [_latency(header, moments, word) for word in CHARTED]
    made += [_rates(moments), _attainment(header, moments), _errors(moments)]
    return [chart for chart in made if chart is not None]


def _latency(header: LoadHeader, moments: Sequence[Moment], word: Word) -> dict[str, Any] | None:
    """Percentiles of one latency, with its bound."""
    limit = min((one.limit_s for one in header.service_level.bounds if one.word == word), default=None)
    lines = [_line("candidate", moments, f"p{p}", f"p{p}", _percentile(word, p)) for p in PERCENTILES]
    lines += [_line("baseline", moments, f"p{p} baseline", "baseline", _percentile(word, p)) for p in _OF_BASELINE]
    shown = None if limit is None else (limit, f"{word} < {milliseconds(limit)}")
    return _chart(NAMES[word], lines, shown, milliseconds)


def _percentile(word: Word, percentile: int) -> Value:
    return lambda one: one.percentiles.get(word, {}).get(percentile)


def _rates(moments: Sequence[Moment]) -> dict[str, Any] | None:
    """Arrivals and complete answers a second."""
    lines = []
    for version, suffix in _versions(moments):
        dim = "baseline" if suffix else ""
        lines.append(
            _line(version, moments, f"arrivals{suffix}", dim or "p50", lambda one: one.scheduled / one.seconds)
        )
        lines.append(_line(version, moments, f"answers{suffix}", dim or "p99", lambda one: one.ended / one.seconds))
    return _chart("Arrivals and complete answers", lines, None, per_second)


def _attainment(header: LoadHeader, moments: Sequence[Moment]) -> dict[str, Any] | None:
    """The share of requests that met all bounds."""
    if not header.service_level.bounds:
        return None
    lines = [
        _line(version, moments, f"attainment{suffix}", "baseline" if suffix else "p50", _share)
        for version, suffix in _versions(moments)
    ]
    targets = [one for one in header.service_level.objectives if one.text.startswith("attainment")]
    limit = (targets[0].target, targets[0].text) if targets else None
    return _chart("Attainment", lines, limit, percent)


def _share(moment: Moment) -> float | None:
    return moment.met / moment.scheduled if moment.scheduled else None


def _errors(moments: Sequence[Moment]) -> dict[str, Any] | None:
    if not any(one.errors for one in moments):
        return None
    lines = [
        _line(
            version, moments, f"errors{suffix}", "baseline" if suffix else "p50", lambda one: one.errors / one.seconds
        )
        for version, suffix in _versions(moments)
    ]
    return _chart("Errors", lines, None, per_second)


def _errors_per_s(moment: Moment) -> float:
    return moment.errors / moment.seconds


def _versions(moments: Sequence[Moment]) -> Iterator[tuple[Version, str]]:
    """The versions with the suffix of their lines."""
    yield "candidate", ""
    if any(one.version == "baseline" for one in moments):
        yield "baseline", " baseline"


def _line(version: Version, moments: Sequence[Moment], name: str, kind: str, value: Value) -> dict[str, Any]:
    """One line: pairs of the number of the moment and the value."""
    points = [(place, value(one)) for place, one in enumerate(moments) if one.version == version and one.scheduled]
    return {"name": name, "kind": kind, "points": [(place, found) for place, found in points if found is not None]}


def _chart(
    title: str, lines: Sequence[dict[str, Any]], limit: tuple[float, str] | None, shown: Callable[[float], str]
) -> dict[str, Any] | None:
    """A chart with its scale; None without a value."""
    lines = [{**one, "shown": [shown(value) for _, value in one["points"]]} for one in lines if one["points"]]
    if not lines:
        return None
    values = [value for line in lines for _, value in line["points"]]
    marks = ticks([0.0, *values, *([limit[0]] if limit else [])], "")
    return {
        "title": title,
        "lines": lines,
        "ticks": [{"value": value, "shown": shown(value)} for value in marks],
        "limit": None if limit is None else {"value": limit[0], "shown": limit[1]},
    }
