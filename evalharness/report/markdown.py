"""`summary.md`: what a reviewer reads in a pull request. The verdict first, and never more than a comment may hold.

What anybody but us wrote stands in code spans and fences only (see `encode`), so that nothing in it comes alive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from evalharness.records import Baseline, Verdict
from evalharness.report import Outcome
from evalharness.report.diffs import AnswerDiff, How, answers
from evalharness.report.encode import code, fence, one_line
from evalharness.report.markdown_cases import case_block
from evalharness.report.markdown_tables import GATE_HEAD, gate_row, usage_table

MOST_CHARS = 60_000
"""A comment on GitHub holds 65,536 characters; one that is longer is refused whole."""
T = TypeVar("T")
_CUT_CHARS, _LEAST_CHARS, _MOST_CHANGES = 120, 1_000, 15
_GATES_SHARE, _FOLDED_SHARE = 0.3, 0.25
"""Of what is left, at most so much goes to the gates, and to each list that is folded."""
_COUNTED: dict[How, str] = {
    "error": "without a usable answer",
    "broken": "breaking a hard assertion",
    "worse": "worse",
    "better": "better",
    "other": "of the same score but another text",
    "same": "the same",
    "new": "with nothing to compare with",
}


def summary(outcomes: Sequence[Outcome], root: Path, most_chars: int = MOST_CHARS) -> str:
    """The summary of one suite, or of several one after another: at most `most_chars` characters."""
    parts = [_whole_or_verdict(outcome, root, most_chars // len(outcomes) - 1) for outcome in outcomes]
    text = "\n".join(parts)
    if len(text) <= most_chars:
        return text
    lines = [f"- {_verdict(outcome)}" for outcome in outcomes]  # dozens of suites
    return "\n".join(_fitting(lines, most_chars, "suites", str)) + "\n"


def _whole_or_verdict(outcome: Outcome, root: Path, most_chars: int) -> str:
    text = "\n\n".join(_one(outcome, root, most_chars)) + "\n" if most_chars > _LEAST_CHARS else ""
    return (
        text if text and len(text) <= most_chars else f"{_verdict(outcome)}\n\nCut: there is no room for more here.\n"
    )


def _fitting(items: Sequence[T], room: float, what: str, shown: Callable[[T], str]) -> Iterator[str]:
    """The items for which there is room, each as a block, and then how many there are beyond. Never part of one."""
    room -= _CUT_CHARS
    for number, item in enumerate(items):
        block = shown(item)
        room -= len(block) + 2
        if room < 0:
            yield f"... and {len(items) - number} more {what}, cut here: the report and `run.jsonl` have all of them"
            return
        yield block


def _one(outcome: Outcome, root: Path, most_chars: int) -> Iterator[str]:
    """The parts in the order in which they are read; those at the end are short, and their room is set aside."""
    ranked = answers(outcome)
    head = [_verdict(outcome), _counts(ranked)]
    tail = [*_usage(outcome), *_environment(outcome, root)]
    room = most_chars - _size(head) - _size(tail) - 1_000
    yield from head
    for part in (_gates(outcome, room * _GATES_SHARE), _criteria(outcome)):
        blocks = list(part)
        room -= _size(blocks)
        yield from blocks
    yield from _cases(ranked, room)
    yield from tail


def _size(blocks: Iterable[str]) -> int:
    return sum(len(block) + 2 for block in blocks)


def _verdict(outcome: Outcome) -> str:
    return f"**{outcome.status.upper()}** {code(outcome.run.header.suite, 80)}: {code(outcome.sentence, 400)}"


def _counts(ranked: Sequence[AnswerDiff]) -> str:
    counts = Counter(answer.how for answer in ranked)
    parts = [f"{counts[how]} {words}" for how, words in _COUNTED.items() if counts[how]]
    return f"{len(ranked)} answers: {', '.join(parts)}." if ranked else "No answers."


def _gates(outcome: Outcome, room: float) -> Iterator[str]:
    """The table, and for each gate that did not pass what it says."""
    if not outcome.verdicts:
        return
    ordered = sorted(outcome.verdicts, key=lambda verdict: not verdict.gating)
    several = len({(verdict.model, verdict.prompt) for verdict in ordered}) > 1
    rows = _fitting(ordered, room * 0.6, "gates", lambda verdict: gate_row(verdict, outcome, several=several))
    yield "\n".join([GATE_HEAD, *(row for row in rows if row.startswith("|"))])
    said = [verdict for verdict in ordered if verdict.status != "pass"]
    if said:
        yield "\n".join(_fitting(said, room * 0.4, "gates", _reason))
    if outcome.refusal:
        yield f"Refused: {code(outcome.refusal, 400)}"


def _reason(verdict: Verdict) -> str:
    return f"- {code(verdict.name, 160)}: {code(verdict.reason, 600)}"


def _criteria(outcome: Outcome) -> Iterator[str]:
    if not outcome.criteria:
        return
    ordered = sorted(outcome.criteria, key=lambda change: not change.relaxes)
    lines = [f"- {'easier' if change.relaxes else 'other'}: {code(str(change), 300)}" for change in ordered]
    if len(lines) > _MOST_CHANGES:
        lines = [*lines[:_MOST_CHANGES], f"- ... and {len(lines) - _MOST_CHANGES} more, in verdict.json"]
    yield "**What this change does to its own exam**"
    yield "\n".join(lines)


def _cases(ranked: Sequence[AnswerDiff], room: float) -> Iterator[str]:
    """The bad ones in full sight, the worst first; what got better, or only reads differently, folded."""
    bad = [answer for answer in ranked if answer.how in ("error", "broken", "worse")]
    better = [answer for answer in reversed(ranked) if answer.how == "better"]
    other = [answer for answer in ranked if answer.how == "other"]
    folded = [
        *_folded(better, f"{len(better)} got better", room * _FOLDED_SHARE),
        *_folded(other, f"{len(other)} read differently at the same score", room * _FOLDED_SHARE),
    ]
    if bad:
        yield "**What got worse, the worst first**"
        yield from _fitting(bad, room - _size(folded), "cases", case_block)
    yield from folded


def _folded(group: Sequence[AnswerDiff], title: str, room: float) -> Iterator[str]:
    if group:
        yield f"<details><summary>{title}</summary>"
        yield from _fitting(group, room - 200, "cases", case_block)
        yield "</details>"


def _usage(outcome: Outcome) -> Iterator[str]:
    if rows := usage_table(outcome):
        yield "**Tokens, cost, seconds**"
        yield "\n".join(rows)


def _environment(outcome: Outcome, root: Path) -> Iterator[str]:
    yield "<details><summary>How this came about, and how to accept it</summary>"
    yield "\n".join(f"- {what}: {code(said, 300)}" for what, said in _facts(outcome, root) if said)
    told = ["# to see it again", f"$ {one_line(outcome.again, 500)}"]
    told += ["# to accept these answers, if they are meant", f"$ {one_line(outcome.accept_command, 500)}"]
    yield fence(told, "console")
    yield "</details>"


def _facts(outcome: Outcome, root: Path) -> Iterator[tuple[str, str]]:
    header, environment = outcome.run.header, outcome.run.header.environment
    git = environment.get("git") or {}
    yield "suite", header.file
    yield "run", f"{header.id}, begun {header.started_at}"
    yield "commit", f"{git.get('commit', '')}{', with changes' if git.get('dirty') else ''}"
    yield "compared as of", outcome.base
    yield "drawn in turns with", header.against
    for baseline in list(outcome.baselines.values())[:6]:
        if isinstance(baseline, Baseline):
            last = baseline.runs[-1]
            yield (
                "baseline",
                f"{baseline.file}: {len(baseline.runs)} accepted, last {last.id} at {last.accepted_at}",
            )
    for model, identity in list(header.models.items())[:6]:
        yield "model", f"{model}: {', '.join(f'{key} {value}' for key, value in identity.items())}"
    yield "metrics", ", ".join(header.signatures.values())
    yield "machine", f"{header.machine_class}; python {environment.get('python', '?')}"
    yield "evalharness", str(environment.get("evalharness", ""))
    folder = outcome.folder
    yield "files", folder.relative_to(root).as_posix() if folder.is_relative_to(root) else str(folder)
