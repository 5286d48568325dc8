"""The terminal summary: verdict, gates, worst cases.

It fits 80 columns and one screen.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from evalharness.amounts import amount, score, scores
from evalharness.gate.wording import detects
from evalharness.records import Location, Sample, Verdict
from evalharness.records.coverage import coverage_of
from evalharness.report.causes import Cause, causes
from evalharness.report.diffs import VISIBLE, AnswerDiff, answers, before, score_change
from evalharness.report.encode import one_line, printable, quoted
from evalharness.report.outcome import Outcome
from evalharness.report.unknown_calls import unknown_calls
from evalharness.report.usage import usage_lines

Line = tuple[str, dict[str, bool]]
"""A line, and its markup for pytest's reporter."""

_MARKUP: dict[str, dict[str, bool]] = {
    "accepted": {"green": True},
    "pass": {"green": True},
    "fail": {"red": True},
    "error": {"red": True},
    "incomparable": {"red": True},
    "inconclusive": {"yellow": True},
    "no baseline": {"yellow": True},
}
MAX_GATES, MAX_CASES, MAX_CHANGES, MAX_CAUSES = 16, 5, 15, 4
_WIDTH, _MAX_LINES = 79, 6


def summary_lines(outcome: Outcome, *, report: bool = True) -> Iterator[Line]:
    """The section of one suite. If there are errors, its last line says what to do.

    `report`: whether to name the file of the report.
    """
    word = outcome.word
    yield from _wrapped(f"{word}  {outcome.headline}", "", {**_MARKUP[word.lower()], "bold": True})
    yield from _gates(outcome)
    yield from _scores(outcome)
    if word != "ERROR":  # a run with errors cannot be accepted
        yield from _no_baseline(outcome)
        yield from _detectable(outcome)
    yield from _criteria(outcome)
    yield from _prompts(outcome)
    if word in ("FAIL", "ERROR"):
        yield from _worst_cases(outcome)
    yield from _acceptance(outcome)
    yield from _usage(outcome)
    if report:
        yield f"report    {_relative(outcome.folder / 'report.html', outcome)}", {}
    yield from _causes(outcome)


def _gates(outcome: Outcome) -> Iterator[Line]:
    """A line for each group of gates, then the measurements without a gate."""
    several = len({(verdict.model, verdict.prompt) for verdict in outcome.verdicts}) > 1
    decidable = filter(outcome.is_decidable, outcome.verdicts)
    groups = _alike(verdict for verdict in decidable if verdict.status != "no baseline")
    for verdicts in groups[:MAX_GATES]:
        yield from _gate(verdicts, several=several)
    if len(groups) > MAX_GATES:
        yield f"  ... {len(groups) - MAX_GATES} more gates in the report", {}


def _acceptance(outcome: Outcome) -> Iterator[Line]:
    for path in outcome.accepted:
        yield f"accepted  {_relative(path, outcome)}: commit it", {"green": True}
    if outcome.accepted and all(sample.recorded_at for sample in outcome.run.samples):
        hint = "all answers were replayed, so no latency is stored; --llm-record=all --llm-accept measures it"
        yield from _wrapped(f"{'':<10}{hint}", " " * 10, {})
    if outcome.refusal:
        yield from _wrapped(outcome.refusal, "", {"red": True})


def _usage(outcome: Outcome) -> Iterator[Line]:
    """Truncated answers, cases without scores, notes, usage, and reports that could not be written."""
    cut = sum(s.response.finish_reason == "length" for s in outcome.run.samples if s.response)
    if cut:
        yield from _wrapped(f"cut off   {cut} of {len(outcome.run.samples)} answers ended at max_tokens", " " * 10, {})
    for one in coverage_of(outcome.run):
        yield from _wrapped(f"based on  {one}", " " * 10, {})
    yield from _notes(outcome.run.samples)
    if calls := unknown_calls(outcome.run.samples):
        yield from _wrapped(f"note      {calls}", " " * 10, {})
    for text in usage_lines(outcome.run):
        yield from _wrapped(text, " " * 10, {})
    for text in outcome.warnings:
        yield from _wrapped(f"warning   {text}", " " * 10, {"yellow": True})
    for text in outcome.report_errors:
        yield from _wrapped(f"report    {text}", " " * 10, {"red": True})


def _causes(outcome: Outcome) -> Iterator[Line]:
    """Each error once: the number of its cases, the first ones, and what to do."""
    found = causes(outcome.run.samples)
    if len(found) > MAX_CAUSES:
        yield f"errors    {len(found) - MAX_CAUSES} more in the report", {"red": True}
    for cause in found[:MAX_CAUSES]:
        yield from _cause(cause, outcome)


def _cause(cause: Cause, outcome: Outcome) -> Iterator[Line]:
    indent = " " * 10
    yield from _wrapped(f"{cause.count:<9} {cause.headline}", indent, {"red": True}, lines=3)
    if cause.detail:
        yield from _wrapped(f"{indent}{cause.detail}", indent, {}, lines=2)
    yield from _wrapped(f"{indent}{cause.first}", indent, {}, lines=1)
    yield from _wrapped(f"{indent}{cause.remedy(outcome.again)}", indent, {"bold": True}, lines=2)


def _notes(samples: Sequence[Sample]) -> Iterator[Line]:
    """One line for each metric that limits scores, with the first note."""
    found: dict[str, list[str]] = {}
    for noted in (one for sample in samples for one in sample.scores if one.note):
        found.setdefault(noted.metric, []).append(noted.note)
    for metric, notes in found.items():
        text = f"{metric}, {len(notes)} of {len(samples)} answers: {notes[0]}"
        yield from _wrapped(f"note      {text}", " " * 10, {})


def _relative(path: Path, outcome: Outcome) -> str:
    return path.relative_to(outcome.root).as_posix() if path.is_relative_to(outcome.root) else str(path)


def explain_sample(sample: Sample, where: Location) -> str:
    """A failed case in full: errors, messages, goldens, answer and scores.

    An error of the model is explained without them.
    """
    lines = [one_line(f"case {sample.key.case} ({where}), model {sample.key.model}, prompt {sample.key.prompt}", 1000)]
    if sample.error:
        lines += ["", f"error ({one_line(sample.error.kind)}):", *quoted(sample.error.message)]
    if sample.error and sample.error.of_model:
        return "\n".join(lines)
    lines += [f"- the answer {one_line(problem)}" for problem in sample.failed_checks]
    for message in sample.messages:
        lines += ["", f"{one_line(message.role)}:", *quoted(message.shown, lines=12)]
    for golden in sample.golden:
        lines += ["", "golden:", *quoted(golden, lines=12)]
    if sample.response:
        lines += ["", f"answer ({sample.response.finish_reason}):", *quoted(sample.response.text)]
        if calls := [call.shown for call in sample.response.tool_calls]:
            lines += ["", "tool calls:", *quoted("\n".join(calls), lines=12)]
    if sample.scores:
        lines += ["", one_line("scores: " + ", ".join(f"{s.metric} {score(s.value)}" for s in sample.scores), 1000)]
    return "\n".join(lines)


def explain_gate(verdict: Verdict, outcome: Outcome) -> str:
    """A failed gate: its reason, the largest drops, and the accept command."""
    lines = [f"{verdict.status.upper()} {one_line(verdict.reason, 1000)}"]
    mine = [s for s in outcome.run.samples if (s.key.model, s.key.prompt) == (verdict.model, verdict.prompt)]
    ranked = sorted((score_change(s, outcome, verdict.metric), s.key, place) for place, s in enumerate(mine))
    worst: dict[str, Sample] = {}  # the worst sample of each case
    for change, key, place in ranked:
        if change < 0:
            worst.setdefault(key.case, mine[place])
    for sample in list(worst.values())[:3] if verdict.status == "fail" else []:
        lines += ["", *_drop(sample, outcome, verdict.metric)]
    if verdict.status in ("fail", "incomparable", "no baseline"):
        lines += ["", f"if this change is intended, accept it: {one_line(outcome.accept_command, 1000)}"]
    return "\n".join(lines)


def _drop(sample: Sample, outcome: Outcome, metric: str) -> Iterator[str]:
    then, found = before(sample, outcome), sample.score(metric)
    assert then, "a sample without a baseline has no change"
    assert found
    assert sample.response
    moved = scores(then.scores[metric], found.value)
    yield _no_command(f"{one_line(sample.key.case)}  {one_line(metric)} {moved}")
    for word, texts in (("golden", sample.golden[:1]), ("was", (then.text,)), ("now", (sample.response.text,))):
        for text in texts:
            yield from (f"{word if i == 0 else '':<7}{line}" for i, line in enumerate(quoted(text, lines=4, width=300)))


def _alike(verdicts: Iterable[Verdict]) -> list[list[Verdict]]:
    """Verdicts of one model and prompt with the same reason, grouped: a missing case affects all. Gates come first."""
    groups: dict[tuple[str, str, str], list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault((verdict.model, verdict.prompt, verdict.reason), []).append(verdict)
    found = [sorted(group, key=lambda verdict: not verdict.gating) for group in groups.values()]
    return sorted(found, key=lambda group: not group[0].gating)


def _gate(verdicts: Sequence[Verdict], *, several: bool) -> Iterator[Line]:
    first, metrics = verdicts[0], ", ".join(_subject(verdict) for verdict in verdicts)
    word = first.status.upper() if first.gating else "not gated"
    subject = f"{metrics} ({first.model}, {first.prompt})" if several else metrics
    markup = _MARKUP[first.status] if first.gating else {}
    lines = _MAX_LINES + (4 if first.notice else 0)  # the end of the reason is the notice
    yield from _wrapped(f"{word:<13} {subject}  {printable(first.reason)}", " " * 14, markup, lines=lines)


def _subject(verdict: Verdict) -> str:
    subject = f"{verdict.metric} of {printable(verdict.tag)}" if verdict.tag else verdict.metric
    return f"{subject} (pinned)" if verdict.pinned else subject


def _scores(outcome: Outcome) -> Iterator[Line]:
    """Where a baseline is missing: the mean scores of each model and prompt."""
    if not any(verdict.status == "no baseline" for verdict in outcome.verdicts):
        return
    found = {pair: means for pair, means in outcome.run.means.items() if means}
    for (model, prompt), means in list(found.items())[:MAX_GATES]:
        listed = ", ".join(f"{metric} {score(mean)}" for metric, mean in means.items())
        subject = f"  ({model}, {prompt})" if len(found) > 1 else ""
        yield from _wrapped(f"{'scores':<13} {listed}{subject}", " " * 14, {})


def _no_baseline(outcome: Outcome) -> Iterator[Line]:
    """One line for all gates without a baseline."""
    missing = [verdict for verdict in outcome.verdicts if verdict.status == "no baseline"]
    if missing and not outcome.accepted:
        metrics = ", ".join(dict.fromkeys(verdict.metric for verdict in missing))
        yield from _wrapped(f"{'':<13} {metrics}  {missing[0].reason}", " " * 14, _MARKUP["no baseline"])


def _detectable(outcome: Outcome) -> Iterator[Line]:
    """The drops that later runs of this size can detect, so that a green run is not read as more."""
    seen = {v.metric: v.minimum_detectable_drop for v in outcome.verdicts if v.status == "no baseline"}
    drops = ", ".join(f"{amount(drop, 'points')} ({metric})" for metric, drop in seen.items() if drop is not None)
    if drops:
        cases = len({sample.key.case for sample in outcome.run.samples})
        text = f"with these {cases} cases, {detects(drops)}"
        yield from _wrapped(f"{'':<13} {text}", " " * 14, {})


def _prompts(outcome: Outcome) -> Iterator[Line]:
    """A line for each changed prompt; the report shows the difference."""
    for change in outcome.prompts[: MAX_CHANGES // 3]:
        yield f"prompt    {one_line(f'{change.name} has changed: {change.file}')}", {}


def _criteria(outcome: Outcome) -> Iterator[Line]:
    """Criteria changes: those that relax the criteria first."""
    relaxing = outcome.relaxing
    if not outcome.criteria:
        return
    yield "", {}
    yield "changes to the criteria:", {"bold": True}
    for change in relaxing[:MAX_CHANGES]:
        yield from _wrapped(f"  relaxed  {printable(str(change))}", " " * 11, _MARKUP["inconclusive"])
    if len(relaxing) > MAX_CHANGES:
        yield f"  relaxed  ... and {len(relaxing) - MAX_CHANGES} more, in verdict.json", _MARKUP["inconclusive"]
    for change in [change for change in outcome.criteria if not change.relaxes][: MAX_CHANGES // 3]:
        yield from _wrapped(f"  other    {printable(str(change))}", " " * 11, {})


def _wrapped(text: str, indent: str, markup: dict[str, bool], lines: int = _MAX_LINES) -> Iterator[Line]:
    wrap = textwrap.TextWrapper(
        _WIDTH, subsequent_indent=indent, break_on_hyphens=False, max_lines=lines, placeholder=" …"
    )
    for line in wrap.wrap(printable(text[: 40 * _WIDTH])):  # more than is shown
        text = line.lstrip()
        yield line if _no_command(text) == text else indent[:-2] + _no_command(text), markup


def _no_command(line: str) -> str:
    """The line, behind a bar where GitHub's runner would obey it as a command; the runner skips an indent."""
    return f"│ {line}" if line.startswith("::") else line


def _worst_cases(outcome: Outcome) -> Iterator[Line]:
    """Broken assertions first, then the largest drops of the mean score. Errors are listed by cause."""
    answered = [answer for answer in answers(outcome) if answer.how != "error"]
    ranked = [answer for answer in answered if answer.how == "broken" or answer.change < -VISIBLE]
    worst = ranked[:MAX_CASES]
    if worst:
        yield "", {}
        yield "worst cases:", {"bold": True}
    for answer in worst:
        yield "  " + _no_command(one_line(f"{answer.sample.key.case}: {_what(answer)}", _WIDTH - 4)), {}


def _what(answer: AnswerDiff) -> str:
    sample = answer.sample
    if sample.failed_checks:
        return sample.failed_checks[0]
    text = sample.response.text if sample.response else ""
    return f"{answer.moved}: {text}"
