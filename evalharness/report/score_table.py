"""The figures of each model and prompt of a run, as the rows of a table: the same numbers in each report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from evalharness.amounts import level, seconds
from evalharness.report.encode import one_line
from evalharness.report.outcome import Outcome
from evalharness.report.usage import dollars

MOST_ROWS = 16
_NAME = "model, prompt"
_NAME_CHARS = 30
_GAP = "  "
Row = Mapping[str, str]
"""Heading -> cell."""


def score_rows(outcome: Outcome) -> list[Row]:
    """Return a row for each model and prompt with samples, in the order of the plan.

    Means have their 95 % interval over cases (Student's t). A column without any figure is left out.
    """
    found = [_row(figures, outcome.run.metric_names) for figures in outcome.figures]
    used = [heading for heading in (found[0] if found else ()) if any(row[heading] for row in found)]
    return [{heading: row[heading] for heading in used} for row in found]


def _row(figures: Mapping[str, Any], metrics: Sequence[str]) -> dict[str, str]:
    names = {_NAME: f"{figures['model']}, {figures['prompt']}"}
    means = {metric: _mean(*scores) for metric, scores in zip(metrics, figures["scores"], strict=True)}
    return {**names, **means, **{heading: shown(figures) for heading, shown in _FIGURES.items()}}


def _mean(mean: float | None, low: float | None, high: float | None, _: int) -> str:
    if mean is None:
        return ""
    shown = level(mean, "points")
    return shown if low is None or high is None else f"{shown} ({level(low, 'points')} … {level(high, 'points')})"


def _count(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda figures: str(figures[name] or "")


_FIGURES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "answers": lambda figures: str(figures["samples"] - figures["errors"]),
    "errors": _count("errors"),
    "broken": _count("failed"),
    "cut off": _count("cut"),
    "tokens": lambda figures: (
        "" if figures["completion_tokens"] is None else level(figures["completion_tokens"], "tokens")
    ),
    "$/1,000": lambda figures: "" if figures["cost_per_1000_usd"] is None else dollars(figures["cost_per_1000_usd"]),
    "p50 s": lambda figures: "" if figures["total_p50_s"] is None else seconds(figures["total_p50_s"]),
    "p95 s": lambda figures: "" if figures["total_p95_s"] is None else seconds(figures["total_p95_s"]),
}


def in_words(row: Row) -> str:
    """Return a row as a list: `rouge_l 70.5 (62.1 … 78.9), 30 answers, 45 tokens`."""
    return ", ".join(_in_words(*pair) for pair in row.items() if pair[0] != _NAME and pair[1])


def _in_words(heading: str, cell: str) -> str:
    if heading in ("$/1,000", "p50 s", "p95 s"):
        return {"$/1,000": f"{cell} per 1,000", "p50 s": f"p50 {cell} s", "p95 s": f"p95 {cell} s"}[heading]
    if heading in ("answers", "errors") and cell == "1":
        heading = heading.removesuffix("s")
    return f"{cell} {heading}" if heading in _FIGURES else f"{heading} {cell}"


def text_table(rows: Sequence[Row], width: int) -> Iterator[str]:
    """Yield the table in lines of at most `width` columns; further columns follow below, with the names again."""
    shown = [{heading: one_line(cell, _NAME_CHARS) for heading, cell in row.items()} for row in rows[:MOST_ROWS]]
    table = [dict(zip(shown[0], map(_heading, shown[0]), strict=True)), *shown]
    for headings in _blocks(table, width):
        yield from (_line(row, headings, table) for row in table)
    if len(rows) > MOST_ROWS:
        yield f"... {len(rows) - MOST_ROWS} more models and prompts in the report"


def _heading(name: str) -> str:
    return "scores" if name == _NAME else one_line(name, _NAME_CHARS)


def _width(heading: str, table: Sequence[Row]) -> int:
    return max(len(row[heading]) for row in table)


def _blocks(table: Sequence[Row], width: int) -> Iterator[list[str]]:
    """The headings of each block: the names, and as many others as fit beside them."""
    start = _width(_NAME, table)
    block, used = [_NAME], start
    for heading in list(table[0])[1:]:
        more = len(_GAP) + _width(heading, table)
        if used + more > width and len(block) > 1:
            yield block
            block, used = [_NAME], start
        block.append(heading)
        used += more
    yield block


def _line(row: Row, headings: Sequence[str], table: Sequence[Row]) -> str:
    first, *others = headings
    cells = [row[first].ljust(_width(first, table)), *(row[one].rjust(_width(one, table)) for one in others)]
    return _GAP.join(cells).rstrip()
