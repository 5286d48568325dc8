"""The history of a suite as JSON and as one HTML file.

Like the report, the page shows untrusted text as text nodes.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from evalharness.gate.wording import p_text
from evalharness.records.history import History, Mark, Point, Series
from evalharness.report.history_axis import ticks
from evalharness.report.history_terminal import amount, change, day, is_worse, left_out, movement
from evalharness.report.single_file import island, page_pieces

SCHEMA = 2
"""1, of 0.1, has scores from 0 to 1 with an empty unit; 2 has them in points."""


def history_json(history: History) -> dict[str, Any]:
    """The history as plain data, for other programs."""
    return {"schema": SCHEMA, "kind": "history", **asdict(history)}


def history_html(history: History) -> str:
    """The HTML file."""
    return "".join(
        page_pieces(
            "history.html.j2",
            styles=["report.css", "history.css"],
            scripts=["dom.js", "slider.js", "history.js"],
            island=island(_page_data(history)),
        )
    )


def _page_data(history: History) -> dict[str, Any]:
    return {
        "suite": history.suite,
        "runs": history.runs,
        "commits": history.commits,
        "notes": history.notes,
        "series": [_series(series) for series in history.series],
    }


def _series(series: Series) -> dict[str, Any]:
    """A series with its numbers as text, as on the terminal."""
    return {
        "model": series.model,
        "prompt": series.prompt,
        "measure": series.measure,
        "cases": series.cases,
        "can_tell": series.can_tell,
        "change": change(series),
        "left_out": left_out(series),
        "points": [{**asdict(point), "shown": amount(point.value, series.unit)} for point in series.points],
        "ticks": [
            {"value": tick, "shown": amount(tick, series.unit)}
            for tick in ticks([point.value for point in series.points], series.unit)
        ],
        "marks": [_mark(series, mark) for mark in series.marks],
    }


def _mark(series: Series, mark: Mark) -> dict[str, Any]:
    """A change of level with its explanation."""
    last, first = series.points[mark.point - 1 : mark.point + 1]
    return {
        "point": mark.point,
        "before": mark.before,
        "after": mark.after,
        "worse": is_worse(series, mark),
        "move": movement(series, mark),
        "details": f"{_between(last, first)}, {p_text(mark.p_value)}",
        "commit": first.commit[:7],
        "subject": first.subject,
        "because": first.because,
        "request_changed": mark.request_changed,
        "commits": f"git log --oneline {last.commit[:7]}..{first.commit[:7]}" if last.commit and first.commit else "",
    }


def _between(last: Point, first: Point) -> str:
    """The days of the last run on the old level and the first one on the new level."""
    old, new = day(last), day(first)
    return f"on {new}" if old == new else f"between {old} and {new}"
