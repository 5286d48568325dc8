"""One changed answer on a terminal, fitted to its size."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import click

from evalharness.amounts import points, score, scores
from evalharness.report.diff import Kind, word_diff
from evalharness.report.encode import one_line, printable
from evalharness.report.score_details import Details
from evalharness.review.decisions import Choice, Decision
from evalharness.review.diffs import ChangedAnswer

MAX_CHARS = 20_000
"""The largest excerpt of one text; the run record has all of it."""
WORDS: dict[Choice, str] = {
    "": "open",
    "golden": "accept as golden",
    "keep": "keep",
    "flag": "flagged",
    "written": "now golden",
}
_LABEL = 10
_FRAME = 7
"""Lines of the screen for header, scores, decision, keys and spacing."""
_MIN_LINES = 2
_MAX_FAILS, _MAX_OPINIONS = 3, 3
_MARKS: dict[Kind, tuple[str, str]] = {"same": ("", ""), "gone": ("[-", "-]"), "new": ("{+", "+}")}
_COLOURS: dict[Kind, str | None] = {"same": None, "gone": "red", "new": "green"}
Sign = tuple[str, Kind]


@dataclass(frozen=True, slots=True)
class Size:
    """The size of the terminal, in columns and rows."""

    width: int
    height: int


def screen(one: ChangedAnswer, place: str, decision: Decision, size: Size, *, whole: bool = False) -> list[str]:
    """The lines. `place`: as in "3 of 17"; `whole`: show all lines of long texts."""
    blocks = [(label, wrapped(signs, size.width - _LABEL - 2)) for label, signs in _texts(one)]
    fails = [one_line(f"- the answer {problem}", size.width) for problem in one.sample.failed_checks]
    del fails[_MAX_FAILS:]
    opinions = _opinions(one)
    heights = shares([len(lines) for _, lines in blocks], size.height - _FRAME - len(fails) - len(opinions))
    title = one_line(f"{place} · {one.key.case} · {one.key.model}, {one.key.prompt}", size.width)
    lines = [click.style(title, bold=True), ""]
    for (label, found), share in zip(blocks, heights, strict=True):
        lines += _block(label, found, len(found) if whole else share)
    lines += [click.style(line, fg="red") for line in fails]
    for label, line in (("scores", _scores(one)), *opinions, ("decision", _decided(decision))):
        lines.append(f"{label:<{_LABEL}}  {one_line(line, size.width - _LABEL - 2)}")
    return lines


def change_of(one: ChangedAnswer) -> str:
    """The change of the mean score, in points; empty if nothing compares."""
    return points(one.change) if one.changes else ""


def _texts(one: ChangedAnswer) -> Iterable[tuple[str, list[Sign]]]:
    question = next((turn.content for turn in reversed(one.sample.messages) if turn.role == "user"), "")
    yield "question", plain(question)
    if one.sample.golden:
        yield "golden", plain("\n".join(f"- {text}" for text in one.sample.golden))
    if one.before is None:
        yield "new", plain(one.text)
        return
    yield "old", plain(one.before.text)
    yield "new", plain(one.text)
    yield "change", _difference(one.before.text[:MAX_CHARS], one.text[:MAX_CHARS])


def plain(text: str) -> list[Sign]:
    """The text, printable and not too long, as unchanged signs."""
    more = len(text) - MAX_CHARS
    shown = printable(text[:MAX_CHARS]) + (f"\n… {more} more characters are in run.jsonl" if more > 0 else "")
    return [(sign, "same") for sign in (shown or "(empty)").expandtabs(4)]


def _difference(old: str, new: str) -> list[Sign]:
    signs: list[Sign] = []
    for kind, text in word_diff(old, new):
        before, after = _MARKS[kind]
        signs += [(sign, kind) for sign in before + printable(text).expandtabs(4) + after]
    return signs


def wrapped(signs: Sequence[Sign], width: int) -> list[list[Sign]]:
    """The text in lines of at most `width` columns, broken at blanks where possible."""
    lines: list[list[Sign]] = [[]]
    used, blank = 0, 0
    for sign in signs:
        if sign[0] == "\n":
            lines.append([])
            used = blank = 0
            continue
        if used + _columns(sign[0]) > width:
            line = lines[-1]
            lines[-1], rest = (line[:blank], line[blank:]) if blank else (line, [])
            lines.append(rest)
            used, blank = sum(_columns(one) for one, _ in rest), 0
        lines[-1].append(sign)
        used += _columns(sign[0])
        blank = len(lines[-1]) if sign[0] == " " else blank
    return lines


def _columns(sign: str) -> int:
    if sign.isascii():
        return 1
    return 0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def shares(lengths: Sequence[int], lines: int) -> list[int]:
    """The lines for each text: short ones get all they need, long ones share the rest."""
    found = [min(_MIN_LINES, length) for length in lengths]
    while sum(found) < lines and found != list(lengths):
        waiting = [i for i, length in enumerate(lengths) if found[i] < length]
        found[min(waiting, key=found.__getitem__)] += 1
    return found


def _block(label: str, lines: Sequence[Sequence[Sign]], share: int) -> Iterable[str]:
    cut = len(lines) > share
    shown = lines[: share - 1] if cut else lines
    for number, line in enumerate(shown):
        yield f"{label if number == 0 else '':<{_LABEL}}│ {coloured(line)}"
    if cut:
        more = click.style(f"… {len(lines) - len(shown)} more lines: press m", dim=True)
        yield f"{'' if shown else label:<{_LABEL}}│ {more}"


def coloured(line: Sequence[Sign]) -> str:
    """A line with the colours of its changes."""
    runs: list[tuple[str, Kind]] = []
    for sign, kind in line:
        if runs and runs[-1][1] == kind:
            runs[-1] = (runs[-1][0] + sign, kind)
        else:
            runs.append((sign, kind))
    return "".join(click.style(text, fg=_COLOURS[kind]) if _COLOURS[kind] else text for text, kind in runs)


def _scores(one: ChangedAnswer) -> str:
    changes = one.changes
    parts = [
        f"{found.metric} "
        + (scores(found.value - changes[found.metric], found.value) if found.metric in changes else score(found.value))
        for found in one.sample.scores
    ]
    return "; ".join(parts) or "none"


def _opinions(one: ChangedAnswer) -> list[tuple[str, str]]:
    """A line for each question to a judge: what it said, and what people said."""
    found = [each for each in one.details.of(one.sample) if each.question or each.labels][:_MAX_OPINIONS]
    return [("judge", _opinion(each)) for each in found]


def _opinion(one: Details) -> str:
    said = f"; people: {one.labels}" if one.labels else ""
    return f"{one.question or one.explanation} {one.parts}{said}"


def _decided(decision: Decision) -> str:
    note = f"; note: {decision.note}" if decision.note else ""
    return WORDS[decision.choice] + note
