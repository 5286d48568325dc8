"""What a person reads in the terminal: the verdict first, a line for each gate, the worst cases. Fits a screen."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from evalharness.records import Location, Sample, Status, Verdict
from evalharness.report import Outcome
from evalharness.report.diffs import VISIBLE, AnswerDiff, answers, before, score_change
from evalharness.report.encode import MINUS, one_line, printable, quoted
from evalharness.report.usage import usage_lines

Line = tuple[str, dict[str, bool]]
"""A line and how pytest's reporter marks it up."""

_MARKUP: dict[Status, dict[str, bool]] = {
    "pass": {"green": True},
    "fail": {"red": True},
    "error": {"red": True},
    "incomparable": {"red": True},
    "inconclusive": {"yellow": True},
    "no baseline": {"yellow": True},
}
MOST_GATES, MOST_CASES, MOST_CHANGES = 16, 5, 15
_WIDTH, _MOST_LINES = 79, 6
_ANEW = "--llm-record=all --llm-accept"


def summary_lines(outcome: Outcome, root: Path) -> Iterator[Line]:
    """The section of one suite."""
    status = outcome.status
    yield from _wrapped(f"{status.upper()}  {outcome.sentence}", "", {**_MARKUP[status], "bold": True})
    judged = _alike(verdict for verdict in outcome.verdicts if verdict.status != "no baseline")
    for verdicts in judged[:MOST_GATES]:
        yield from _gate(verdicts, several=len({(v.model, v.prompt) for v in outcome.verdicts}) > 1)
    if len(judged) > MOST_GATES:
        yield f"  ... {len(judged) - MOST_GATES} more gates in the report", {}
    yield from _no_baseline(outcome)
    yield from _sight(outcome)
    yield from _criteria(outcome)
    if status in ("fail", "error"):
        yield from _worst_cases(outcome)
    for path in outcome.accepted:
        yield f"accepted  {path.relative_to(root).as_posix()}: commit it", {"green": True}
    if outcome.accepted and not any(sample.latency_s for sample in outcome.run.samples):
        yield from _wrapped(f"{'':<10}without times, for nothing was timed: {_ANEW} measures them", " " * 10, {})
    cut = sum(s.response.finish_reason == "length" for s in outcome.run.samples if s.response)
    if cut:
        yield from _wrapped(f"cut off   {cut} of {len(outcome.run.samples)} answers ended at max_tokens", " " * 10, {})
    if outcome.refusal:
        yield from _wrapped(outcome.refusal, "", {"red": True})
    for text in usage_lines(outcome.run):
        yield from _wrapped(text, " " * 10, {})
    shown = outcome.folder / "report.html"
    yield f"report    {shown.relative_to(root).as_posix() if shown.is_relative_to(root) else shown}", {}


def explain_sample(sample: Sample, where: Location) -> str:
    """Everything that one needs to see of a failed case."""
    lines = [one_line(f"case {sample.key.case} ({where}), model {sample.key.model}, prompt {sample.key.prompt}", 1000)]
    if sample.error:
        lines += ["", f"error ({one_line(sample.error.kind)}):", *quoted(sample.error.message)]
    lines += [f"- the answer {one_line(sentence)}" for sentence in sample.failed_checks]
    for message in sample.messages:
        lines += ["", f"{one_line(message.role)}:", *quoted(message.content, lines=12)]
    for golden in sample.golden:
        lines += ["", "golden:", *quoted(golden, lines=12)]
    if sample.response:
        lines += ["", f"answer ({sample.response.finish_reason}):", *quoted(sample.response.text)]
    if sample.scores:
        lines += ["", one_line("scores: " + ", ".join(f"{s.metric} {s.value:.3f}" for s in sample.scores), 1000)]
    return "\n".join(lines)


def explain_gate(verdict: Verdict, outcome: Outcome) -> str:
    """A failed gate: what it says, the cases that fell most on its metric with their answers, and what to do."""
    lines = [f"{verdict.status.upper()} {one_line(verdict.reason, 1000)}"]
    mine = [s for s in outcome.run.samples if (s.key.model, s.key.prompt) == (verdict.model, verdict.prompt)]
    falls = sorted((score_change(s, outcome, verdict.metric), s.key, place) for place, s in enumerate(mine))
    fallen: dict[str, Sample] = {}  # a case once, with its worst draw
    for fall, key, place in falls:
        if fall < 0:
            fallen.setdefault(key.case, mine[place])
    for sample in list(fallen.values())[:3] if verdict.status == "fail" else []:
        lines += ["", *_fall(sample, outcome, verdict.metric)]
    if verdict.status in ("fail", "incomparable", "no baseline"):
        lines += ["", f"if this change is meant, accept it: {one_line(outcome.accept_command, 1000)}"]
    return "\n".join(lines)


def _fall(sample: Sample, outcome: Outcome, metric: str) -> Iterator[str]:
    then, score = before(sample, outcome), sample.score(metric)
    assert then  # or it would not have fallen
    assert score
    assert sample.response
    yield _no_command(f"{one_line(sample.key.case)}  {one_line(metric)} {then.scores[metric]:.2f} -> {score.value:.2f}")
    for word, texts in (("golden", sample.golden[:1]), ("was", (then.text,)), ("now", (sample.response.text,))):
        for text in texts:
            yield from (f"{word if i == 0 else '':<7}{line}" for i, line in enumerate(quoted(text, lines=4, width=300)))


def _alike(verdicts: Iterable[Verdict]) -> list[list[Verdict]]:
    """Gates that say the same of one model and prompt (a lost case breaks them all), together; gating ones first."""
    groups: dict[tuple[str, str, str], list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault((verdict.model, verdict.prompt, verdict.reason), []).append(verdict)
    return [sorted(group, key=lambda verdict: not verdict.gating) for group in groups.values()]


def _gate(verdicts: Sequence[Verdict], *, several: bool) -> Iterator[Line]:
    first, metrics = verdicts[0], ", ".join(_subject(verdict) for verdict in verdicts)
    word = "INFO" if not first.gating else first.status.upper()
    subject = f"{metrics} ({first.model}, {first.prompt})" if several else metrics
    markup = _MARKUP[first.status] if first.gating else {}
    yield from _wrapped(f"{word:<13} {subject}  {printable(first.reason)}", " " * 14, markup)


def _subject(verdict: Verdict) -> str:
    subject = f"{verdict.metric} of {printable(verdict.tag)}" if verdict.tag else verdict.metric
    return f"{subject} (pinned)" if verdict.pinned else subject


def _no_baseline(outcome: Outcome) -> Iterator[Line]:
    """Once for all gates that have nothing to compare with."""
    missing = [verdict for verdict in outcome.verdicts if verdict.status == "no baseline"]
    if missing and not outcome.accepted:
        metrics = ", ".join(dict.fromkeys(verdict.metric for verdict in missing))
        yield from _wrapped(f"{'':<13} {metrics}  {missing[0].reason}", " " * 14, _MARKUP["no baseline"])


def _sight(outcome: Outcome) -> Iterator[Line]:
    """At the first run, before anybody trusts a green one: what runs like this will see, and what they will not."""
    seen = {v.metric: v.minimum_detectable_drop for v in outcome.verdicts if v.status == "no baseline"}
    drops = ", ".join(f"{drop * 100:.1f} pts ({metric})" for metric, drop in seen.items() if drop is not None)
    if drops:
        cases = len({sample.key.case for sample in outcome.run.samples})
        told = f"with these {cases} cases a run would notice, 4 times in 5, a drop of {drops}"
        yield from _wrapped(f"{'':<13} {told}", " " * 14, {})


def _criteria(outcome: Outcome) -> Iterator[Line]:
    """What this change does to its own exam: what relaxes it, and how much else there is."""
    relaxing = outcome.relaxing
    if not outcome.criteria:
        return
    yield "", {}
    yield "what this change does to its own exam:", {"bold": True}
    for change in relaxing[:MOST_CHANGES]:
        yield from _wrapped(f"  easier   {printable(str(change))}", " " * 11, _MARKUP["inconclusive"])
    if len(relaxing) > MOST_CHANGES:
        yield f"  easier   ... and {len(relaxing) - MOST_CHANGES} more, in verdict.json", _MARKUP["inconclusive"]
    for change in [change for change in outcome.criteria if not change.relaxes][: MOST_CHANGES // 3]:
        yield from _wrapped(f"  other    {printable(str(change))}", " " * 11, {})


def _wrapped(text: str, indent: str, markup: dict[str, bool]) -> Iterator[Line]:
    wrap = textwrap.TextWrapper(
        _WIDTH, subsequent_indent=indent, break_on_hyphens=False, max_lines=_MOST_LINES, placeholder=" …"
    )
    for line in wrap.wrap(printable(text[: 40 * _WIDTH])):  # far beyond the lines that are shown
        told = line.lstrip()
        yield line if _no_command(told) == told else indent[:-2] + _no_command(told), markup


def _no_command(line: str) -> str:
    """Behind a bar if GitHub's runner would take it for a command; it looks behind the indent too."""
    return f"│ {line}" if line.startswith("::") else line


def _worst_cases(outcome: Outcome) -> Iterator[Line]:
    """Errors first, then broken assertions, then the largest falls of the mean score."""
    ranked = [answer for answer in answers(outcome) if answer.how in ("error", "broken") or answer.change < -VISIBLE]
    worst = ranked[:MOST_CASES]
    if worst:
        yield "", {}
        yield "worst cases:", {"bold": True}
    for answer in worst:
        yield "  " + _no_command(one_line(f"{answer.sample.key.case}  {_what(answer)}", _WIDTH - 4)), {}


def _what(answer: AnswerDiff) -> str:
    sample = answer.sample
    if sample.error:
        return f"{sample.error.kind}: {sample.error.message}"
    if sample.failed_checks:
        return sample.failed_checks[0]
    text = sample.response.text if sample.response else ""
    return f"{answer.change * 100:+.0f} pts".replace("-", MINUS) + f"  {text}"
