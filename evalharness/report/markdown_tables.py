"""The tables of `summary.md`: gates, and tokens, cost and seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from evalharness.amounts import level, levels, moved, probability, seconds, signed, size, span
from evalharness.records import Baseline, Verdict
from evalharness.records.marks import Mark, count_marked, marks_in, may_repeat
from evalharness.report.columns import Column
from evalharness.report.diffs import before_at, key_at
from evalharness.report.encode import cell, cells
from evalharness.report.outcome import Outcome
from evalharness.report.score_table import score_rows
from evalharness.report.tally import CaseRows, CaseValues
from evalharness.report.usage import dollars

_MAX_ROWS = 20
_NONE = "-"
_RESPONDED = int(Mark.RESPONDED)
_IN_USAGE = {"answers", "tokens", "$/1,000", "p50 s", "p95 s"}
"""Figures that the table of usage has."""


def gate_row(verdict: Verdict, *, several: bool) -> str:
    """The row of a gate; with `several` models or prompts, it names them."""
    word = f"**{verdict.status.upper()}**" if verdict.gating else "not gated"
    margin = _NONE if verdict.margin is None else size(verdict.margin, verdict.unit)
    p = _NONE if verdict.p_value is None else probability(verdict.p_value)
    name = " ".join(_name(verdict, several=several))
    return _row([word, name, *_changes(verdict), margin, p, str(verdict.cases)])


def _name(verdict: Verdict, *, several: bool) -> Iterator[str]:
    yield cell(verdict.metric, 80)
    if verdict.tag:
        yield f"of {cell(verdict.tag, 80)}"
    if several:
        yield f"({', '.join(cells([verdict.model, verdict.prompt], 64))})"
    if verdict.pinned:
        yield "(pinned)"


def _changes(verdict: Verdict) -> list[str]:
    """Both means, the change and its bounds."""
    if verdict.change is None:
        return [_NONE] * 3
    known = verdict.before is not None and verdict.after is not None
    means = levels(verdict.before or 0.0, verdict.after or 0.0, verdict.level_unit) if known else _NONE
    return [means, signed(verdict.change, verdict.unit), span(verdict.low, verdict.high, verdict.unit)]


def score_table(outcome: Outcome) -> list[str]:
    """A row for each model and prompt: means with their 95 % intervals, and what is wrong with answers."""
    rows = score_rows(outcome)
    if not rows:
        return []
    wrong = [heading for heading in rows[0].figures if heading not in _IN_USAGE]
    headings = ["model, prompt", *rows[0].means, *wrong]
    more = [f"\n... and {len(rows) - _MAX_ROWS} more in the report"] if len(rows) > _MAX_ROWS else []
    texts = ([row.name, *row.means.values(), *(row.figures[name] for name in wrong)] for row in rows[:_MAX_ROWS])
    table = [_row(cells([text or _NONE for text in one], 80)) for one in texts]
    return [_row(cells(headings, 80)), f"|{' --- |' * len(headings)}", *table, *more]


def usage_table(outcome: Outcome) -> list[str]:
    """A row for each model and prompt; empty without samples."""
    columns = sorted((one for one in outcome.contents.columns if one.samples), key=lambda one: (one.model, one.prompt))
    rows = [_usage(outcome, column) for column in columns[:_MAX_ROWS]]
    more = [f"\n... and {len(columns) - _MAX_ROWS} more in the report"] if len(columns) > _MAX_ROWS else []
    return [_USAGE_HEAD, *rows, *more] if rows else []


def _usage(outcome: Outcome, column: Column) -> str:
    model, prompt, found = column.model, column.prompt, column.tally
    tokens = [_tokens(now, was) for now, was in zip(found.tokens_by_case, _before(outcome, column), strict=True)]
    cost = dollars(fmean(found.costs) * 1000) if found.costs else _NONE
    names, answers = ", ".join(cells([model, prompt], 64)), count_marked(column.samples, Mark.RESPONDED)
    return _row([names, str(answers), *tokens, cost, *_times(outcome, model, prompt)])


def _before(outcome: Outcome, column: Column) -> tuple[CaseValues, CaseValues]:
    """The tokens of the accepted prompt and answer of each case, numbered as in the column's tally."""
    found = CaseValues(), CaseValues()
    if not isinstance(outcome.baselines.get((column.model, column.prompt)), Baseline):
        return found
    samples = column.samples
    rows = CaseRows(unique=not may_repeat(samples))
    for place, marks in enumerate(marks_in(samples)):
        row, then = rows.row(key_at(samples, place).case), before_at(samples, place, outcome.baselines)
        if then and marks & _RESPONDED:
            found[0].add(row, then.prompt_tokens)
            found[1].add(row, then.completion_tokens)
    return found


def _tokens(now: CaseValues, was: CaseValues) -> str:
    """The mean over the cases of both sides, before and now; where they share none, over the new ones."""
    if not was.count:
        return f"{_NONE} → {level(fmean(now.means()), 'tokens')}" if now.count else _NONE
    old, new = fmean(was.means()), fmean(now.mean(row) for row in was.rows())
    return moved(old, new, 100 * (new / old - 1), "percent", "") if old else levels(old, new, "")


def _times(outcome: Outcome, model: str, prompt: str) -> list[str]:
    """Median, 95th percentile and number of timed answers; replayed answers have no time."""
    figures = next((one for one in outcome.contents.figures if (one["model"], one["prompt"]) == (model, prompt)), None)
    if figures is None or not figures["timed"]:
        return [_NONE, _NONE, "0"]
    both = (f"{seconds(figures[name])} s" for name in ("total_p50_s", "total_p95_s"))
    return [*both, str(figures["timed"])]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _head(*names: str) -> str:
    return f"{_row(names)}\n{_row(['---'] * len(names))}"


GATE_HEAD = _head("verdict", "gate", "baseline → now", "change", "bounds (95 %)", "margin", "p", "cases")
_USAGE_HEAD = _head("model, prompt", "answers", "tokens in", "tokens out", "cost per 1,000", "p50", "p95", "timed")
