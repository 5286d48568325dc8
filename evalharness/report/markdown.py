"""`summary.md`: the summary for a pull request, within the size of a comment.

Untrusted text appears in code spans and fences only (see `encode`), so that no markup in it takes effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from evalharness.records import Baseline, PromptChange, Verdict
from evalharness.records.coverage import coverage_of
from evalharness.report.causes import Cause, causes
from evalharness.report.diffs import Answers, How
from evalharness.report.encode import code, codes, fence, one_lines, quoted
from evalharness.report.markdown_cases import case_block
from evalharness.report.markdown_tables import GATE_HEAD, gate_row, score_table, usage_table
from evalharness.report.outcome import Outcome
from evalharness.report.prompt_diffs import lines
from evalharness.report.unknown_calls import unknown_calls

MAX_CHARS = 60_000
"""GitHub rejects comments of more than 65,536 characters."""
T = TypeVar("T")
_CUT_CHARS, _MIN_CHARS, _MAX_CHANGES, _MAX_CAUSES, _MAX_NAMED = 120, 1_000, 15, 10, 6
_GATES_SHARE, _FOLDED_SHARE = 0.3, 0.25
"""The largest share of the remaining room for the gates, and for each folded list."""
_COUNTED: dict[How, str] = {
    "error": "without a usable answer",
    "broken": "breaking a hard assertion",
    "worse": "worse",
    "better": "better",
    "other": "with the same score and a different text",
    "same": "unchanged",
    "new": "without a baseline",
}


def summary(outcomes: Sequence[Outcome], most_chars: int = MAX_CHARS) -> str:
    """The summary of one or several suites, in at most `most_chars` characters."""
    parts = [_whole_or_verdict(outcome, most_chars // len(outcomes) - 1) for outcome in outcomes]
    text = "\n".join(parts)
    if len(text) <= most_chars:
        return text
    lines = [f"- {_verdict(outcome)}" for outcome in outcomes]
    return "\n".join(_fitting(lines, most_chars, "suites", str)) + "\n"


def _whole_or_verdict(outcome: Outcome, most_chars: int) -> str:
    text = "\n\n".join(_one(outcome, most_chars)) + "\n" if most_chars > _MIN_CHARS else ""
    return text if text and len(text) <= most_chars else f"{_verdict(outcome)}\n\nCut: the report has the rest.\n"


def _fitting(
    items: Sequence[T], room: float, what: str, shown: Callable[[T], str], count: int | None = None
) -> Iterator[str]:
    """As many whole items as the room allows, each as a block, then the number of the others, of `count` in all."""
    count, listed = len(items) if count is None else count, 0
    room -= _CUT_CHARS
    for item in items:
        block = shown(item)
        room -= len(block) + 2
        if room < 0:
            break
        yield block
        listed += 1
    if listed < count:
        yield f"... and {count - listed} more {what}: the report and `run.jsonl` have all of them"


def _one(outcome: Outcome, most_chars: int) -> Iterator[str]:
    """The parts in reading order; the short ones at the end have reserved room."""
    answers = outcome.contents.answers
    head = [_verdict(outcome), _counts(answers), *_coverage(outcome)]
    tail = [*_usage(outcome), *_environment(outcome)]
    room = most_chars - _size(head) - _size(tail) - 1_000
    yield from head
    parts = [_gates(outcome, room * _GATES_SHARE), _scores(outcome), _criteria(outcome)]
    for part in (*parts, _prompts(outcome, room * _FOLDED_SHARE)):
        blocks = list(part)
        room -= _size(blocks)
        yield from blocks
    errors = list(_errors(outcome))
    yield from errors
    yield from _cases(answers, room - _size(errors))
    yield from tail


def _size(blocks: Iterable[str]) -> int:
    return sum(len(block) + 2 for block in blocks)


def _verdict(outcome: Outcome) -> str:
    return f"**{outcome.word}** {code(outcome.run.header.suite, 80)}: {code(outcome.headline, 400)}"


def _counts(answers: Answers) -> str:
    parts = [f"{answers.counts[how]} {words}" for how, words in _COUNTED.items() if answers.counts[how]]
    return f"{sum(answers.counts.values())} answers: {', '.join(parts)}." if parts else "No answers."


def _coverage(outcome: Outcome) -> Iterator[str]:
    """A line for each metric that does not apply to all cases, and for tool calls without a result."""
    found = [str(one) for one in coverage_of(outcome.run)[:_MAX_NAMED]]
    if calls := unknown_calls(outcome.run.samples):
        found.append(calls)
    if found:
        yield "\n".join(f"- {code(one, 300)}" for one in found)


def _scores(outcome: Outcome) -> Iterator[str]:
    """The means of each model and prompt, with their intervals."""
    if table := score_table(outcome):
        yield "\n".join(table)


def _gates(outcome: Outcome, room: float) -> Iterator[str]:
    """The table, and the reason of each gate that did not pass or has a notice."""
    if not outcome.verdicts:
        return
    ordered = sorted(outcome.shown, key=lambda verdict: not verdict.gating)
    several = len({(verdict.model, verdict.prompt) for verdict in ordered}) > 1
    rows = _fitting(ordered, room * 0.6, "gates", lambda verdict: gate_row(verdict, several=several))
    yield "\n".join([GATE_HEAD, *(row for row in rows if row.startswith("|"))])
    telling = (verdict for verdict in ordered if verdict.status != "pass" or verdict.notice)
    open_ones = list(filter(outcome.is_decidable, telling))
    if open_ones:
        reasons: dict[str, list[Verdict]] = {}
        for verdict in open_ones:
            reasons.setdefault(verdict.reason, []).append(verdict)
        yield "\n".join(_fitting(list(reasons.values()), room * 0.4, "reasons", _reason))
    if outcome.refusal:
        yield f"Not accepted: {code(outcome.refusal, 400)}"


def _reason(verdicts: Sequence[Verdict]) -> str:
    """A reason, and the gates that it decides."""
    names = ", ".join(code(verdict.name, 160) for verdict in verdicts[:_MAX_NAMED])
    more = f" and {len(verdicts) - _MAX_NAMED} more" if len(verdicts) > _MAX_NAMED else ""
    return f"- {names}{more}: {code(verdicts[0].reason, 800)}"


def _criteria(outcome: Outcome) -> Iterator[str]:
    if not outcome.criteria:
        return
    ordered = sorted(outcome.criteria, key=lambda change: not change.relaxes)
    lines = [f"- {'relaxed' if change.relaxes else 'other'}: {code(str(change), 300)}" for change in ordered]
    if len(lines) > _MAX_CHANGES:
        lines = [*lines[:_MAX_CHANGES], f"- ... and {len(lines) - _MAX_CHANGES} more, in verdict.json"]
    yield "**Changes to the criteria**"
    yield "\n".join(lines)


def _prompts(outcome: Outcome, room: float) -> Iterator[str]:
    """The diff of each changed prompt, folded."""
    if outcome.prompts:
        count = len(outcome.prompts)
        yield f"<details><summary>{count} changed prompt{'s' if count > 1 else ''}</summary>"
        yield from _fitting(outcome.prompts, room, "prompts", _prompt)
        yield "</details>"


def _prompt(change: PromptChange) -> str:
    shown = quoted("\n".join(lines(change)), lines=100, width=500)
    return f"Prompt {code(change.name, 60)} in {code(change.file, 200)}\n\n{fence(shown)}"


def _errors(outcome: Outcome) -> Iterator[str]:
    """Each error once: the number of its cases, the first ones, and what to do."""
    found = causes(outcome.run.samples)
    if found:
        yield "**Errors**"
        yield "\n".join(_cause(cause, outcome) for cause in found[:_MAX_CAUSES])
    if len(found) > _MAX_CAUSES:
        yield f"... and {len(found) - _MAX_CAUSES} more errors: the report and `run.jsonl` have all of them"


def _cause(cause: Cause, outcome: Outcome) -> str:
    error = code(f"{cause.headline} {cause.detail}", 600)
    todo = code(cause.remedy(outcome.again), 300)
    return f"- {cause.count}: {error}\n  - first: {code(cause.first, 200)}\n  - to do: {todo}"


def _cases(answers: Answers, room: float) -> Iterator[str]:
    """Worse answers in the open, the worst first; better and merely different ones folded."""
    folded = [
        *_folded(answers, "better", "got better", room * _FOLDED_SHARE),
        *_folded(answers, "other", "with the same score and a different text", room * _FOLDED_SHARE),
    ]
    if bad := answers.bad:
        count = answers.counts["broken"] + answers.counts["worse"]
        yield "**Worse answers, the worst first**"
        yield from _fitting(bad, room - _size(folded), "cases", case_block, count)
    yield from folded


def _folded(answers: Answers, how: How, title: str, room: float) -> Iterator[str]:
    if count := answers.counts[how]:
        yield f"<details><summary>{count} answer{'' if count == 1 else 's'} {title}</summary>"
        yield from _fitting(answers.of(how), room - 200, "cases", case_block, count)
        yield "</details>"


def _usage(outcome: Outcome) -> Iterator[str]:
    if rows := usage_table(outcome):
        yield "**Tokens, cost, seconds**"
        yield "\n".join(rows)


def _environment(outcome: Outcome) -> Iterator[str]:
    yield "<details><summary>Details, and how to accept this run</summary>"
    labels, facts = zip(*((label, text) for label, text in _facts(outcome) if text), strict=True)
    yield "\n".join(f"- {label}: {fact}" for label, fact in zip(labels, codes(facts, 300), strict=True))
    again, accept = one_lines([outcome.again, outcome.accept_command], 500)
    reproduce = ["# reproduce this result", f"$ {again}"]
    yield fence([*reproduce, "# accept these answers, if they are intended", f"$ {accept}"], "console")
    yield "</details>"


def _facts(outcome: Outcome) -> Iterator[tuple[str, str]]:
    header, environment = outcome.run.header, outcome.run.header.environment
    git = environment.get("git") or {}
    yield "suite", header.file
    yield "run", f"{header.id}, started {header.started_at}"
    yield "commit", f"{git.get('commit', '')}{', with local changes' if git.get('dirty') else ''}"
    yield "merge base", outcome.base
    yield "run in turns with", header.against
    for baseline in list(outcome.baselines.values())[:6]:
        if isinstance(baseline, Baseline):
            last = baseline.runs[-1]
            count = f"{len(baseline.runs)} accepted run{'s' if len(baseline.runs) > 1 else ''}"
            yield "baseline", f"{baseline.file}: {count}, the last {last.id} at {last.accepted_at}"
    for model, identity in list(header.models.items())[:6]:
        yield "model", f"{model}: {', '.join(f'{key} {value}' for key, value in identity.items())}"
    yield "metrics", ", ".join(header.signatures.values())
    yield "machine", f"{header.machine_class}; python {environment.get('python', '?')}"
    yield "evalharness", str(environment.get("evalharness", ""))
    folder, root = outcome.folder, outcome.root
    yield "files", folder.relative_to(root).as_posix() if folder.is_relative_to(root) else str(folder)
