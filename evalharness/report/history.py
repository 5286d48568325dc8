"""The history of a suite as JSON, and as an HTML page that needs nothing else and trusts nothing that it shows.

As in the report of a run, texts from elsewhere are in the page's island of JSON, and reach the page as text.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evalharness.records.history import History, Series
from evalharness.report.history_terminal import amount, change, is_worse, left_out, sentence
from evalharness.report.html import island

SCHEMA = 1
MARK = "<!-- evalharness history -->"
"""By this a page is known again."""
_TEMPLATES = Path(__file__).parent / "templates"


def history_json(history: History) -> dict[str, Any]:
    """All of it as plain data, for other programs."""
    return {"schema": SCHEMA, "kind": "history", **asdict(history)}


def history_html(history: History) -> str:
    """The page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    style, script = _read("report.css", "history.css"), _read("history.js")
    return pages.get_template("history.html.j2").render(
        mark=MARK,
        style=style,
        script=script,
        style_hash=_sha256(style),
        script_hash=_sha256(script),
        island=island(_page_data(history)),
    )


def is_page(path: Path) -> bool:
    """Whether a file is such a page, or empty: writing over it loses nothing."""
    try:
        with path.open("rb") as file:
            start = file.read(200)
    except OSError:
        return False
    return not start or MARK.encode() in start


def _page_data(history: History) -> dict[str, Any]:
    return {
        "suite": history.suite,
        "runs": history.runs,
        "commits": history.commits,
        "notes": history.notes,
        "series": [_series(series) for series in history.series],
    }


def _series(series: Series) -> dict[str, Any]:
    """With every number as the terminal words it: both say the same."""
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
            {"point": mark.point, "worse": is_worse(series, mark), "sentence": sentence(series, mark)}
            for mark in series.marks
        ],
    }


def _read(*names: str) -> str:
    return "\n".join((_TEMPLATES / name).read_text("utf-8") for name in names)


def _sha256(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
