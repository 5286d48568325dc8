"""The figures of each model and prompt of a run, as the rows of a table: the same numbers in each report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalharness.amounts import level, seconds
from evalharness.report.encode import one_line
from evalharness.report.outcome import Outcome
from evalharness.report.usage import dollars

MOST_ROWS = 16
_CHARS = 30
_GAP = "  "
_Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """A model and prompt. Means and figures are apart, because a metric may be called `answers`."""

    name: str
    means: _Texts
    """By metric: the mean with its 95 % interval over cases (Student's t); empty without one."""
    figures: _Texts
    """By heading; empty where unknown, or where there is nothing to say."""


def score_rows(outcome: Outcome) -> list[Row]:
    """Return a row for each model and prompt with samples, in the order of the plan.

    A column without any text is left out.
    """
    found = [_row(figures, outcome.run.metric_names) for figures in outcome.contents.figures]
    means, figures = _used([one.means for one in found]), _used([one.figures for one in found])
    return [Row(one.name, *its) for one, *its in zip(found, means, figures, strict=True)]


def _used(columns: Sequence[_Texts]) -> list[_Texts]:
    """The columns in which at least one row has a text."""
    used = [heading for heading in (columns[0] if columns else ()) if any(one[heading] for one in columns)]
    return [{heading: one[heading] for heading in used} for one in columns]


def _row(figures: Mapping[str, Any], metrics: Sequence[str]) -> Row:
    means = {metric: _mean(*scores) for metric, scores in zip(metrics, figures["scores"], strict=True)}
    shown = {heading: show(figures) for heading, show in _FIGURES.items()}
    return Row(f"{figures['model']}, {figures['prompt']}", means, shown)


def _mean(mean: float | None, low: float | None, high: float | None, _: int) -> str:
    if mean is None:
        return ""
    shown = level(mean, "points")
    return shown if low is None or high is None else f"{shown} ({level(low, 'points')} … {level(high, 'points')})"


def _count(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda figures: str(figures[name] or "")


def _known(name: str, show: Callable[[float], str]) -> Callable[[Mapping[str, Any]], str]:
    return lambda figures: "" if figures[name] is None else show(figures[name])


_FIGURES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "answers": lambda figures: str(figures["samples"] - figures["errors"]),
    "errors": _count("errors"),
    "broken": _count("failed"),
    "cut off": _count("cut"),
    "tokens": _known("completion_tokens", lambda value: level(value, "tokens")),
    "$/1,000": _known("cost_per_1000_usd", dollars),
    "p50 s": _known("total_p50_s", seconds),
    "p95 s": _known("total_p95_s", seconds),
}
_IN_WORDS = {"$/1,000": "{} per 1,000", "p50 s": "p50 {} s", "p95 s": "p95 {} s"}


def in_words(row: Row) -> str:
    """Return a row as a list: `rouge_l 70.5 (62.1 … 78.9), 30 answers, 45 tokens`."""
    means = (f"{metric} {mean}" for metric, mean in row.means.items())
    return ", ".join([*means, *(_in_words(*pair) for pair in row.figures.items() if pair[1])])


def _in_words(heading: str, text: str) -> str:
    if text == "1":
        heading = {"answers": "answer", "errors": "error"}.get(heading, heading)
    return _IN_WORDS.get(heading, f"{{}} {heading}").format(text)


def text_table(rows: Sequence[Row], width: int) -> Iterator[str]:
    """Yield the table in lines of at most `width` columns; further columns follow below, with the names again."""
    names, *others = _columns(rows[:MOST_ROWS])
    for block in _blocks(names, others, width):
        yield from (_GAP.join(texts).rstrip() for texts in zip(*block, strict=True))
    if len(rows) > MOST_ROWS:
        yield f"... {len(rows) - MOST_ROWS} more models and prompts in the report"


def _columns(rows: Sequence[Row]) -> Iterator[list[str]]:
    """Each column with its heading, padded to one width: the names to the left, the others to the right."""
    yield _padded(["scores", *(row.name for row in rows)], str.ljust)
    for metric in rows[0].means:
        yield _padded([metric, *(row.means[metric] for row in rows)], str.rjust)
    for heading in rows[0].figures:
        yield _padded([heading, *(row.figures[heading] for row in rows)], str.rjust)


def _padded(texts: Sequence[str], pad: Callable[[str, int], str]) -> list[str]:
    shown = [one_line(text, _CHARS) for text in texts]
    width = max(map(len, shown))
    return [pad(text, width) for text in shown]


def _blocks(names: list[str], others: Sequence[list[str]], width: int) -> Iterator[list[list[str]]]:
    """The names with as many other columns as fit beside them, again and again."""
    block = [names]
    for column in others:
        if len(block) > 1 and sum(len(one[0]) + len(_GAP) for one in block) + len(column[0]) > width:
            yield block
            block = [names]
        block.append(column)
    yield block
