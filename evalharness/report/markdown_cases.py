"""One changed case in `summary.md`: its goldens, and a diff of the answers."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from evalharness.amounts import score, scores
from evalharness.report.diff import word_diff
from evalharness.report.diffs import AnswerDiff
from evalharness.report.encode import code, fence, printable, quoted

_MAX_GOLDEN, _MAX_CHECKS, _MAX_TAGS, _MAX_SCORES = 2, 3, 6, 6
_LINES, _WIDTH = 12, 300
"""The largest excerpt of each text; the report has all of it."""
_CONTEXT = 60
"""Characters shown before the first difference, in texts too long to be shown from their start."""
_MARKED = {"same": "{}", "gone": "[-{}-]", "new": "{{+{}+}}"}


def case_block(answer: AnswerDiff) -> str:
    """A line with the change and the case, and a fence with the texts."""
    sample = answer.sample
    title = [_what(answer), code(sample.key.case), f"({code(sample.key.model, 64)}, {code(sample.key.prompt, 64)})"]
    title += [code(tag, 60) for tag in sample.tags[:_MAX_TAGS]]
    lines = [" ".join(title)]
    lines += [f"- the answer {code(check, 300)}" for check in sample.failed_checks[:_MAX_CHECKS]]
    if listed := list(_scores(answer)):
        lines.append(f"- {'; '.join(listed)}")
    return "\n".join(lines) + "\n\n" + fence(_texts(answer), "diff")


def _what(answer: AnswerDiff) -> str:
    if answer.how == "broken":
        return "**broken assertion**"
    return f"**{answer.moved}**" if answer.moved else "**not compared**"


def _scores(answer: AnswerDiff) -> Iterator[str]:
    then = answer.before.scores if answer.before else {}
    for found in answer.sample.scores[:_MAX_SCORES]:
        known = found.metric in then
        yield f"{code(found.metric, 60)} {scores(then[found.metric], found.value) if known else score(found.value)}"


def _texts(answer: AnswerDiff) -> Iterator[str]:
    """Each line starts with a diff sign, a word and a bar, so that no CI system reads it as a command."""
    for golden in answer.sample.golden[:_MAX_GOLDEN]:
        yield from (f"  golden {line}" for line in quoted(golden, lines=_LINES // 2, width=_WIDTH))
    now = answer.sample.response.text if answer.sample.response else None
    was = answer.before.text if answer.before else None
    if was is None or now is None:
        for sign, text in (("- was   ", was), ("+ now   ", now)):
            yield from (f"{sign} {line}" for line in (_quoted(text) if text is not None else ()))
        return
    yield from _line_diff(*_from_the_difference(was, now))


def _quoted(text: str) -> list[str]:
    return quoted(text, lines=_LINES, width=_WIDTH)


def _line_diff(was: str, now: str) -> Iterator[str]:
    old, new = _quoted(was), _quoted(now)
    for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from (f"         {line}" for line in old[i:j])
        else:
            yield from (f"- was    {line}" for line in old[i:j])
            yield from (f"+ now    {line}" for line in new[k:m])
    if len(old) == len(new) == 1 and len(was) + len(now) < 2 * _WIDTH:
        yield from _words(was, now)


def _words(was: str, now: str) -> Iterator[str]:
    """The word diff, where at least half of the text is the same."""
    segments = word_diff(printable(was), printable(now))
    same = sum(len(text) for kind, text in segments if kind == "same")
    if len(segments) > 1 and 2 * same >= max(len(was), len(now)):
        yield f"  words  │ {''.join(_MARKED[kind].format(text) for kind, text in segments)}"


def _from_the_difference(was: str, now: str) -> tuple[str, str]:
    """Both texts without a long common start, which would hide the difference."""
    shared = _shared(was, now)
    if shared <= _WIDTH // 2:
        return was, now
    start = shared - _CONTEXT
    omitted = f"… {start:,} equal characters … "
    return omitted + was[start:], omitted + now[start:]


def _shared(was: str, now: str) -> int:
    """The length of the common start, by bisection: texts may be long."""
    low, high = 0, min(len(was), len(now))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if was[:middle] == now[:middle] else (low, middle - 1)
    return low
