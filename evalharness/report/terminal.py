"""The terminal summary: verdict, scores, gates, worst cases.

It fits 80 columns and one screen, and uses up to 120 columns.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from evalharness.amounts import amount
from evalharness.gate.wording import detects
from evalharness.records import Sample, Verdict
from evalharness.records.coverage import coverage_of
from evalharness.records.marks import Mark, count_marked, has_marked, marked, marked_keys
from evalharness.report.causes import Cause, causes
from evalharness.report.diffs import AnswerDiff
from evalharness.report.encode import no_command, one_line, printable
from evalharness.report.outcome import Outcome
from evalharness.report.score_table import in_words, score_rows, text_table
from evalharness.report.unknown_calls import unknown_calls
from evalharness.report.usage import usage_lines

Markup = Mapping[str, bool]
"""The markup of a line for pytest's reporter."""
Line = tuple[str, Markup]
_PLAIN: Markup = MappingProxyType({})


class Paragraph(NamedTuple):
    """A text that is wrapped to the width of the terminal."""

    text: str
    indent: str = ""
    """Starts the second and further lines."""
    markup: Markup = _PLAIN
    lines: int = 6
    """The most lines; the rest is cut off."""


_MARKUP: dict[str, dict[str, bool]] = {
    "accepted": {"green": True},
    "pass": {"green": True},
    "fail": {"red": True},
    "error": {"red": True},
    "incomparable": {"red": True},
    "inconclusive": {"yellow": True},
    "no baseline": {"yellow": True},
}
_BOLD = {"bold": True}
_MANY = 3
"""Gates that leave each other less room."""
MAX_GATES, MAX_CASES, MAX_CHANGES, MAX_CAUSES = 16, 5, 15, 4
_LEAST, _MOST = 79, 119
_SCREEN = 22
"""Lines of a terminal of 24, without pytest's line above and below."""
_INDENT, _GATE_INDENT = " " * 10, " " * 14


def summary_lines(outcome: Outcome, *, report: bool = True, width: int = _LEAST) -> Iterator[Line]:
    """The section of one suite. If there are errors, its last line says what to do.

    `report`: whether to name the file of the report. `width`: columns of the terminal; from 79 to 119 are used.
    """
    width = min(max(width, _LEAST), _MOST)
    head, tail = (list(_lines(parts, width)) for parts in (_head(outcome, width), _tail(outcome, report=report)))
    yield from head
    yield from _worst_cases(outcome, width, _SCREEN - len(head) - len(tail))
    yield from tail


def _lines(parts: Iterable[Paragraph | Line], width: int) -> Iterator[Line]:
    for part in parts:
        if isinstance(part, Paragraph):
            yield from _wrapped(part, width)
        else:
            yield part


def _head(outcome: Outcome, width: int) -> Iterator[Paragraph | Line]:
    word = outcome.word
    yield Paragraph(f"{word}  {outcome.headline}", "", {**_MARKUP[word.lower()], **_BOLD})
    yield from _gates(outcome)
    if word != "ERROR":  # a run with errors cannot be accepted
        yield from _no_baseline(outcome)
        yield from _detectable(outcome)
    yield from _scores(outcome, width)
    yield from _criteria(outcome)
    yield from _prompts(outcome)


def _tail(outcome: Outcome, *, report: bool) -> Iterator[Paragraph | Line]:
    yield from _acceptance(outcome)
    yield from _usage(outcome)
    if report:
        yield f"report    {_relative(outcome.folder / 'report.html', outcome)}", _PLAIN
    yield from _causes(outcome)


def _gates(outcome: Outcome) -> Iterator[Paragraph | Line]:
    """A line for each group of gates, then the measurements without a gate."""
    several = len({(verdict.model, verdict.prompt) for verdict in outcome.verdicts}) > 1
    decidable = filter(outcome.is_decidable, outcome.verdicts)
    groups = _alike(verdict for verdict in decidable if verdict.status != "no baseline")
    for verdicts in groups[:MAX_GATES]:
        yield _gate(verdicts, 6 if len(groups) < _MANY else 5, several=several)
    if len(groups) > MAX_GATES:
        yield f"  ... {len(groups) - MAX_GATES} more gates in the report", _PLAIN


def _acceptance(outcome: Outcome) -> Iterator[Paragraph | Line]:
    for path in outcome.accepted:
        yield f"accepted  {_relative(path, outcome)}: commit it", {"green": True}
    if outcome.accepted and not has_marked(outcome.run.samples, Mark.ANY, Mark.REPLAYED):
        hint = "all answers were replayed, so no latency is stored; --llm-record=all --llm-accept measures it"
        yield Paragraph(f"{'':<10}{hint}", _INDENT)
    if outcome.refusal:
        yield Paragraph(outcome.refusal, "", {"red": True})


def _usage(outcome: Outcome) -> Iterator[Paragraph]:
    """Truncated answers, cases without scores, notes, usage, and reports that could not be written."""
    if cut := count_marked(outcome.run.samples, Mark.CUT):
        yield Paragraph(f"cut off   {cut} of {len(outcome.run.samples)} answers ended at max_tokens", _INDENT)
    for one in coverage_of(outcome.run):
        yield Paragraph(f"based on  {one}", _INDENT)
    yield from _notes(outcome.run.samples)
    if calls := unknown_calls(outcome.run.samples):
        yield Paragraph(f"note      {calls}", _INDENT)
    for text in usage_lines(outcome.run):
        yield Paragraph(text, _INDENT)
    for text in outcome.warnings:
        yield Paragraph(f"warning   {text}", _INDENT, {"yellow": True})
    for text in outcome.report_errors:
        yield Paragraph(f"report    {text}", _INDENT, {"red": True})


def _causes(outcome: Outcome) -> Iterator[Paragraph | Line]:
    """Each error once: the number of its cases, the first ones, and what to do."""
    found = causes(outcome.run.samples)
    if len(found) > MAX_CAUSES:
        yield f"errors    {len(found) - MAX_CAUSES} more in the report", {"red": True}
    for cause in found[:MAX_CAUSES]:
        yield from _cause(cause, outcome)


def _cause(cause: Cause, outcome: Outcome) -> Iterator[Paragraph]:
    yield Paragraph(f"{cause.count:<9} {cause.headline}", _INDENT, {"red": True}, lines=3)
    if cause.detail:
        yield Paragraph(f"{_INDENT}{cause.detail}", _INDENT, lines=2)
    yield Paragraph(f"{_INDENT}{cause.first}", _INDENT, lines=1)
    yield Paragraph(f"{_INDENT}{cause.remedy(outcome.again)}", _INDENT, _BOLD, lines=2)


def _notes(samples: Sequence[Sample]) -> Iterator[Paragraph]:
    """One line for each metric that limits scores, with the first note."""
    found: dict[str, list[str]] = {}
    for noted in (one for sample in marked(samples, Mark.NOTED) for one in sample.scores if one.note):
        found.setdefault(noted.metric, []).append(noted.note)
    for metric, notes in found.items():
        yield Paragraph(f"note      {metric}, {len(notes)} of {len(samples)} answers: {notes[0]}", _INDENT)


def _relative(path: Path, outcome: Outcome) -> str:
    return path.relative_to(outcome.root).as_posix() if path.is_relative_to(outcome.root) else str(path)


def _alike(verdicts: Iterable[Verdict]) -> list[list[Verdict]]:
    """Verdicts with the same status and reason, grouped: a missing case affects all. Gates come first."""
    groups: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault((verdict.status, verdict.reason), []).append(verdict)
    found = [sorted(group, key=lambda verdict: not verdict.gating) for group in groups.values()]
    return sorted(found, key=lambda group: not group[0].gating)


def _gate(verdicts: Sequence[Verdict], lines: int, *, several: bool) -> Paragraph:
    first, metrics = verdicts[0], ", ".join(dict.fromkeys(_subject(verdict) for verdict in verdicts))
    word = first.status.upper() if first.gating else "not gated"
    subject = f"{metrics} ({_versions(verdicts)})" if several else metrics
    markup = _MARKUP[first.status] if first.gating else _PLAIN
    lines += 4 if first.notice else 0  # the end of the reason is the notice
    return Paragraph(f"{word:<13} {subject}  {printable(first.reason)}", _GATE_INDENT, markup, lines)


def _versions(verdicts: Sequence[Verdict]) -> str:
    """The model and prompt of the verdicts, or how many there are."""
    pairs = dict.fromkeys((verdict.model, verdict.prompt) for verdict in verdicts)
    return ", ".join(next(iter(pairs))) if len(pairs) == 1 else f"{len(pairs)} models and prompts"


def _subject(verdict: Verdict) -> str:
    subject = f"{verdict.metric} of {printable(verdict.tag)}" if verdict.tag else verdict.metric
    return f"{subject} (pinned)" if verdict.pinned else subject


def _scores(outcome: Outcome, width: int) -> Iterator[Paragraph | Line]:
    """The means of each model and prompt, with their intervals."""
    rows = score_rows(outcome)
    if len(rows) == 1:
        yield Paragraph(f"{'scores':<13} {in_words(rows[0])}", _GATE_INDENT)
    elif rows:
        yield from ((no_command(line), _PLAIN) for line in text_table(rows, width))


def _no_baseline(outcome: Outcome) -> Iterator[Paragraph]:
    """One line for all gates without a baseline."""
    missing = [verdict for verdict in outcome.verdicts if verdict.status == "no baseline"]
    if missing and not outcome.accepted:
        metrics = ", ".join(dict.fromkeys(verdict.metric for verdict in missing))
        yield Paragraph(f"{'':<13} {metrics}  {missing[0].reason}", _GATE_INDENT, _MARKUP["no baseline"])


def _detectable(outcome: Outcome) -> Iterator[Paragraph]:
    """The drops that later runs of this size can detect, so that a green run is not read as more."""
    seen = {v.metric: v.minimum_detectable_drop for v in outcome.verdicts if v.status == "no baseline"}
    drops = ", ".join(f"{amount(drop, 'points')} ({metric})" for metric, drop in seen.items() if drop is not None)
    if drops:
        cases = len({key.case for key in marked_keys(outcome.run.samples)})
        yield Paragraph(f"{'':<13} with these {cases} cases, {detects(drops)}", _GATE_INDENT)


def _prompts(outcome: Outcome) -> Iterator[Line]:
    """A line for each changed prompt; the report shows the difference."""
    for change in outcome.prompts[: MAX_CHANGES // 3]:
        yield f"prompt    {one_line(f'{change.name} has changed: {change.file}')}", _PLAIN


def _criteria(outcome: Outcome) -> Iterator[Paragraph | Line]:
    """Criteria changes: those that relax the criteria first."""
    relaxing, yellow = outcome.relaxing, _MARKUP["inconclusive"]
    if not outcome.criteria:
        return
    yield "", _PLAIN
    yield "changes to the criteria:", _BOLD
    for change in relaxing[:MAX_CHANGES]:
        yield Paragraph(f"  relaxed  {printable(str(change))}", " " * 11, yellow)
    if len(relaxing) > MAX_CHANGES:
        yield f"  relaxed  ... and {len(relaxing) - MAX_CHANGES} more, in verdict.json", yellow
    for change in [change for change in outcome.criteria if not change.relaxes][: MAX_CHANGES // 3]:
        yield Paragraph(f"  other    {printable(str(change))}", " " * 11)


def _wrapped(part: Paragraph, width: int) -> Iterator[Line]:
    indent = part.indent
    wrap = textwrap.TextWrapper(
        width, subsequent_indent=indent, break_on_hyphens=False, max_lines=part.lines, placeholder=" …"
    )
    for line in wrap.wrap(printable(part.text[: 40 * width])):  # more than is shown
        text = line.lstrip()
        yield line if no_command(text) == text else indent[:-2] + no_command(text), part.markup


def _worst_cases(outcome: Outcome, width: int, room: int) -> Iterator[Line]:
    """As many as a screen has room for, and one at least; three of a red run.

    Broken assertions first, then the largest drops of the mean score. Errors are listed by cause.
    """
    ranked = outcome.contents.answers.bad
    least = 3 if outcome.word in ("FAIL", "ERROR") else 1
    worst = ranked[: min(max(room - 2, least), MAX_CASES)]
    if worst:
        yield "", _PLAIN
        yield "worst cases:", _BOLD
    for answer in worst:
        yield "  " + no_command(one_line(f"{answer.sample.key.case}: {_what(answer)}", width - 4)), _PLAIN


def _what(answer: AnswerDiff) -> str:
    sample = answer.sample
    if sample.failed_checks:
        return sample.failed_checks[0]
    text = sample.response.text if sample.response else ""
    return f"{answer.moved}: {text}"
