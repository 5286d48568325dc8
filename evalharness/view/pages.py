"""The pages: the runs below `reports/`, and the report of one, with a script that follows its changes."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import Any

from evalharness.errors import StoreError
from evalharness.report import Outcome
from evalharness.report.html import html_pieces, page_of
from evalharness.report.single_file import island, page_pieces
from evalharness.store.files import as_bytes
from evalharness.view.listing import MAX_RUNS, ListedRun

MAX_TEXT = 1_000
"""Characters of a text on the index page."""
_POLICY = re.compile(rb'http-equiv="Content-Security-Policy" content="([^"<>]+)"')
_HEAD = 4_000
"""Bytes of a page in which its policy stands, before any text of a run."""


def index_data(rows: list[ListedRun], tag: str, wait_ms: int) -> dict[str, Any]:
    """The index page as plain data: at most `MAX_RUNS` rows."""
    shown = [_bounded(row) for row in rows[:MAX_RUNS]]
    left_out = max(0, len(rows) - MAX_RUNS)
    return {"tag": tag, "wait_ms": wait_ms, "runs": shown, "left_out": left_out, "runs_at": "run/", "reload": False}


def _bounded(row: ListedRun) -> dict[str, Any]:
    return {key: value[:MAX_TEXT] if isinstance(value, str) else value for key, value in asdict(row).items()}


def index_page(data: dict[str, Any]) -> bytes:
    """The index page."""
    return _encoded(
        page_pieces("view.html.j2", styles=["report.css"], scripts=["dom.js", "view.js"], island=island(data))
    )


def problem_page(row: ListedRun, problem: str, state: dict[str, Any]) -> bytes:
    """The page of a run that cannot be shown, with the reason. It reloads when the run changes."""
    unreadable = replace(row, status="unreadable", headline=problem)
    data = index_data([unreadable], str(state["tag"]), int(state["wait_ms"]))
    return index_page({**data, "reload": True})


def run_page(outcome: Outcome, row: ListedRun, state: dict[str, Any]) -> bytes:
    """The report of a run. While the run is in progress, no gate is shown: none is decided."""
    page = page_of(outcome)
    if row.status == "running":
        headline = f"running: {len(outcome.run.samples)} of {len(outcome.run.header.planned)} answers so far"
        page = replace(page, overall="running", headline=headline, verdicts=(), extent="running")
    return _encoded(html_pieces(page, island({"state": state})))


def policy_of(page: bytes) -> str:
    """The policy in the head of a page of this package, for the header. Raises StoreError: the page has none."""
    found = _POLICY.search(page[:_HEAD])
    if found is None:
        raise StoreError("the page has no Content-Security-Policy in its head")
    return f"{found[1].decode()}; frame-ancestors 'none'"


def _encoded(pieces: Any) -> bytes:
    return b"".join(as_bytes(piece) for piece in pieces)
