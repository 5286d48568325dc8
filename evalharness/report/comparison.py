"""Runs and baselines side by side: page and lines of `evalharness compare`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from textwrap import wrap
from typing import Any

from evalharness.amounts import level, moved
from evalharness.gate.wording import p_text
from evalharness.records import Baseline, Run
from evalharness.report.columns import Column, baseline_in, column_of, columns_of
from evalharness.report.encode import one_line, printable
from evalharness.report.html import Page, facts_of

_CLEAR = 0.05
_SEPARATOR = "; "
_FIGURES = (
    ("seconds, median", "total_p50_s", ".2f"),
    ("first token, s", "first_token_p50_s", ".3f"),
    ("answer tokens", "completion_tokens", ".1f"),
    ("$ for 1,000", "cost_per_1000_usd", ".4f"),
)


def comparison(sources: Sequence[tuple[str, Run | Sequence[Baseline]]]) -> Page:
    """A page with the models and prompts of all sources.

    The first source is the baseline of the others.
    """
    groups = [_columns(source, name if len(sources) > 1 else "") for name, source in sources]
    first = groups[0]
    columns = first + [replace(one, earlier=_counterpart(one, first)) for group in groups[1:] for one in group]
    suites = list(dict.fromkeys(suite for _, source in sources for suite in _suites(source)))
    return Page(
        overall="comparison",
        headline="" if len(columns) > 1 else "one model and prompt: nothing to compare",
        facts={"suite": ", ".join(suites), "sources": _named(sources), **_left_out(sources)},
        columns=columns,
        answered=sum(sample.error is None for column in columns for sample in column.samples),
        planned=sum(column.planned for column in columns),
        earlier=sources[0][0],
    )


def _columns(source: Run | Sequence[Baseline], name: str) -> list[Column]:
    if isinstance(source, Run):
        return columns_of(source, {}, name)
    return [column_of(baseline, name) for baseline in source]


def _suites(source: Run | Sequence[Baseline]) -> list[str]:
    return [source.header.suite] if isinstance(source, Run) else [baseline.suite for baseline in source]


def _named(sources: Sequence[tuple[str, Run | Sequence[Baseline]]]) -> str:
    return ", ".join(
        f"{name} ({facts_of(source)['commit'] or source.header.id})" if isinstance(source, Run) else name
        for name, source in sources
    )


def _left_out(sources: Sequence[tuple[str, Run | Sequence[Baseline]]]) -> dict[str, str]:
    """What the readers of other tools' files have left out."""
    runs = [(name, source.header.environment.get("left_out")) for name, source in sources if isinstance(source, Run)]
    found = [f"{name}: {reason}" for name, reasons in runs if isinstance(reasons, list) for reason in reasons]
    return {"left out": _SEPARATOR.join(found)} if found else {}


def _counterpart(column: Column, first: Sequence[Column]) -> dict[str, Any]:
    """The first source's answers of the same model and prompt, or of its only column."""
    same = [one for one in first if (one.model, one.prompt) == (column.model, column.prompt)]
    found = same or (first if len(first) == 1 else [])
    return baseline_in(found[0]) if found else {}


def comparison_lines(overview: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Lines of at most 80 columns, each with its colour, from the overview of a page."""
    columns = overview["columns"]
    yield from ((line, "") for line in wrap(printable(overview["headline"]), 79))
    yield "", ""
    for number, column in enumerate(columns, start=1):
        name = " · ".join(part for part in (column["source"], column["model"], column["prompt"]) if part)
        failed = f", {column['failed']} failed" if column["failed"] else ""
        errors = f", {column['errors']} errors" if column["errors"] else ""
        of_planned = f" of {column['planned']}" if column["samples"] < column["planned"] else ""
        yield f"{number:>3}  {one_line(name, 52)}  {column['samples']}{of_planned} answers{failed}{errors}", ""
    for index, metric in enumerate(overview["metrics"]):
        yield "", ""
        yield one_line(metric, 60), ""
        tests = {one["second"]: one for one in overview["pairwise"] if one["metric"] == metric and one["first"] == 0}
        for number, column in enumerate(columns):
            yield _metric_line(number, column["scores"][index], tests.get(number))
    yield "", ""
    yield from _figures(columns)
    for reason in filter(None, overview["facts"].get("left out", "").split(_SEPARATOR)):
        yield f"left out  {one_line(reason, 70)}", ""


def _metric_line(number: int, scores: Sequence[float | None], test: dict[str, Any] | None) -> tuple[str, str]:
    mean, low, high, _ = scores
    between = f" ({level(low, 'points')} … {level(high, 'points')})" if low is not None and high is not None else ""
    line = f"{number + 1:>3}  {level(mean, 'points')}{between}" if mean is not None else f"{number + 1:>3}  not scored"
    if test is None:
        return line, ""
    clear = test["p_value"] < _CLEAR
    change = moved(test["before"], test["after"], test["change"], "points", "points")
    against = f"  against 1: {change}, {p_text(test['p_value'])}"
    return line + against, ("green" if test["change"] > 0 else "red") if clear else ""


def _figures(columns: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for label, key, form in _FIGURES:
        known = [f"{n}: {column[key]:{form}}" for n, column in enumerate(columns, 1) if column[key] is not None]
        if known:
            yield f"{label:<16} {'   '.join(known)}", ""
