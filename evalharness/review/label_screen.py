"""One answer to label on a terminal, fitted to its size: what the judge sees, its question and its choices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from evalharness.records.answer_label import LabelItem
from evalharness.report.encode import one_line
from evalharness.review.screen import Sign, Size, coloured, plain, shares, wrapped

_FRAME = 6
"""Lines for the header, the keys and the spacing."""


def label_screen(item: LabelItem, place: str, choice: str, size: Size, *, whole: bool = False) -> list[str]:
    """The lines. `place`: as in "3 of 17"; `choice`: the label so far; `whole`: show all lines of long texts."""
    question = wrapped(plain(item.ask), size.width)
    texts = [(title, wrapped(plain(text), size.width - 2)) for title, text in item.shown]
    choices = wrapped(plain(_choices(item, choice)), size.width)
    room = size.height - _FRAME - len(question) - len(choices) - len(texts)
    heights = shares([len(lines) for _, lines in texts], room)
    shown = [click.style(one_line(f"{place} · {item.metric}", size.width), bold=True), ""]
    for (title, lines), height in zip(texts, heights, strict=True):
        shown += _part(title, lines, len(lines) if whole else height)
    shown += ["", *(click.style(coloured(line), bold=True) for line in question)]
    return [*shown, *(coloured(line) for line in choices)]


def _part(title: str, lines: Sequence[Sequence[Sign]], height: int) -> Iterator[str]:
    cut = len(lines) > height
    shown = lines[: height - 1] if cut else lines
    yield click.style(one_line(title, 40), dim=True)
    yield from (f"│ {coloured(line)}" for line in shown)
    if cut:
        yield "│ " + click.style(f"… {len(lines) - len(shown)} more lines: press m", dim=True)


def _choices(item: LabelItem, choice: str) -> str:
    keys = "   ".join(f"[{key}] {one_line(text, 60)}" for key, (text, _) in item.keys.items())
    return f"{keys}   labelled: {choice}" if choice else keys
