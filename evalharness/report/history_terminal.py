"""The history of a suite for a terminal: sparklines and changes of level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from statistics import fmean

from evalharness.amounts import MINUS, level, signed
from evalharness.gate.wording import p_text
from evalharness.records.history import History, Mark, Point, Series
from evalharness.report.encode import one_line, printable

_BARS = "▁▂▃▄▅▆▇█"
_PLAIN = str.maketrans(
    {**dict(zip(_BARS, "_.:-=+*#", strict=True)), MINUS: "-", "±": "", "→": "->", "·": "/", "…": "~"}
)
_SPARK, _NAME, _MARKS = 16, 21, 5
Line = tuple[str, str | None]
"""A text and its colour, or None."""


def history_lines(history: History) -> Iterator[Line]:
    """The lines. Untrusted names are shortened and escaped."""
    yield f"{one_line(history.suite, 60)}: {_counted(history)}", None
    for (model, prompt), group in groupby(history.series, key=lambda series: (series.model, series.prompt)):
        yield "", None
        yield f"{one_line(model, 36)} · {one_line(prompt, 36)}", None
        yield from _group(list(group))
    yield from ((line, None) for line in _footer(history))


def plain(text: str) -> str:
    """The text in ASCII, for outputs without Unicode."""
    return text.translate(_PLAIN).encode("ascii", "backslashreplace").decode("ascii")


def _counted(history: History) -> str:
    runs, commits = history.runs, history.commits
    return f"{runs} accepted run{'' if runs == 1 else 's'} from {commits} commit{'' if commits == 1 else 's'}"


def _group(group: Sequence[Series]) -> Iterator[Line]:
    rows = [_cells(series) for series in group]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for series, (name, spark, first, last, change, runs) in zip(group, rows, strict=True):
        left = f"  {name:<{widths[0]}}  {spark:<{widths[1]}}  {first:>{widths[2]}} → {last:<{widths[3]}}"
        yield f"{left}  {change:>{widths[4]}}  {runs:>{widths[5]}}", None
        if len(series.marks) > _MARKS:
            yield f"      {len(series.marks) - _MARKS} earlier changes, and", None
        yield from ((f"      {level_change(series, mark)}", colour(series, mark)) for mark in series.marks[-_MARKS:])
        if series.left_out:
            yield f"      left out: {left_out(series)}", None
    if few := [one_line(series.measure, _NAME) for series in group if not series.can_tell]:
        words = "any of these" if len(few) == len(group) else ", ".join(few)
        yield f"  too few different runs to detect a change in {words}", None


def _cells(series: Series) -> tuple[str, ...]:
    points = series.points
    star = "" if points[-1].accepted else "*"
    name, runs = one_line(series.measure, _NAME), f"{len(points)} run{'' if len(points) == 1 else 's'}"
    first, last = (amount(point.value, series.unit) for point in (points[0], points[-1]))
    return name, sparkline([point.value for point in points]), first, last + star, change(series), runs


def sparkline(values: Sequence[float]) -> str:
    """A bar for each value or group of values; all equal: bars of middle height."""
    width = min(len(values), _SPARK)
    edges = [round(index * len(values) / width) for index in range(width + 1)]
    levels = [fmean(values[start:end]) for start, end in pairwise(edges)]
    low, span = min(levels), max(levels) - min(levels)
    if span <= 1e-9 * max(map(abs, levels)):
        return _BARS[3] * width
    return "".join(_BARS[round((level - low) / span * (len(_BARS) - 1))] for level in levels)


def amount(value: float, unit: str) -> str:
    """A value with its unit."""
    if unit == "USD":
        return f"${value:.3g}"
    return f"{level(value, unit)}{' s' if unit == 's' else ''}"


def change(series: Series) -> str:
    """The change from the first to the last point: points of a score, or per cent."""
    first, last = series.points[0].value, series.points[-1].value
    return _change(first, last, series.unit)


def _change(before: float, after: float, unit: str) -> str:
    if unit == "points":
        return signed(after - before, "points")
    return signed(100 * (after / before - 1), "percent") if before else ""


def is_worse(series: Series, mark: Mark) -> bool:
    """Whether a change is worse: lower scores, or more tokens, dollars or seconds."""
    return (mark.after < mark.before) == (series.unit == "points")


def colour(series: Series, mark: Mark) -> str:
    """The colour of a mark's line."""
    return "red" if is_worse(series, mark) else "green"


def level_change(series: Series, mark: Mark) -> str:
    """A change of level in words."""
    word = "up" if mark.after > mark.before else "down"
    both = f"{amount(mark.before, series.unit)} → {amount(mark.after, series.unit)}"
    levels = ", ".join(filter(None, (both, _change(mark.before, mark.after, series.unit))))
    changed = "; request changed" if mark.request_changed else ""
    return f"{word} at {place(series.points[mark.point])}: {levels}, {p_text(mark.p_value)}{changed}"


def movement(series: Series, mark: Mark) -> str:
    """A change of level as a verb with its size and both levels."""
    size = _change(mark.before, mark.after, series.unit)[1:]
    verb = "rose" if mark.after > mark.before else "fell"
    both = f"{amount(mark.before, series.unit)} to {amount(mark.after, series.unit)}"
    return f"{verb} by {size}, from {both}" if size else f"{verb} from {both}"


def day(point: Point) -> str:
    """The day of a point's commit, or of its run."""
    return printable((point.committed_at or point.at)[:10])


def place(point: Point) -> str:
    """The commit of a point, or the newest run."""
    if not point.accepted:
        return "the newest run"
    if point.commit:
        return f"{point.commit[:7]} of {day(point)}"
    return f"the run accepted on {day(point)}, not committed"


def left_out(series: Series) -> str:
    """The runs without a point, counted by reason."""
    counts = ((number, "run" if number == 1 else "runs", reason) for reason, number in series.left_out.items())
    return ", ".join(f"{number} {word} {reason}" for number, word, reason in counts)


def _footer(history: History) -> Iterator[str]:
    lines = []
    if any(not series.points[-1].accepted for series in history.series):
        lines.append("* the newest run, not accepted")
    if any(series.can_tell for series in history.series):
        lines.append("At most 1 in 100 series without a real change gets a mark.")
    if any(mark.request_changed for series in history.series for mark in series.marks):
        lines.append("Request changed: the model, the prompt or its parameters changed in the same run.")
    lines += [f"note: {printable(note)}" for note in history.notes]
    yield from ["", *lines] if lines else []
