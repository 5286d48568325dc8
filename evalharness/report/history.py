"""The history of a suite as JSON and as one HTML file.

Like the report, the page shows untrusted text as text nodes.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from evalharness.records.history import History, Series
from evalharness.report.history_terminal import amount, change, is_worse, left_out, level_change
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
            scripts=["history.js"],
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
        "marks": [
            {"point": mark.point, "worse": is_worse(series, mark), "text": level_change(series, mark)}
            for mark in series.marks
        ],
    }
