"""The terminal interface of labelling: show an answer, read a key, repeat."""

from __future__ import annotations

import shutil

import click

from evalharness.cli._output import echo, echo_coloured
from evalharness.cli.review_tui import Resized, key_by_key, noticing_size, read_keys
from evalharness.report.encode import one_line
from evalharness.review.label_screen import label_screen
from evalharness.review.label_steps import LabelSteps
from evalharness.review.screen import Size

_BOTTOM = "s skip  b back  m more  q stop  ? help"
_HELP = """\
The keys in brackets are the choices. Each label is saved immediately.

s  skip the answer (or right arrow); the next call has it again
b  go back, to change a label (or left arrow)
m  show all of the texts, or as much as fits
q  stop labelling, and let the judge judge what is labelled
?  show this help

press any key to continue"""


def label_all(steps: LabelSteps) -> None:
    """Step through the answers, until the end or q."""
    whole, message = False, ""
    typed: list[str] = []
    with key_by_key():
        while (item := steps.current) is not None:
            if not typed:
                typed = _draw_and_read(steps, message, whole=whole)
                continue
            message, key = "", typed.pop(0)
            if key in ("q", "\x04"):
                return
            if key == "m":
                whole = not whole
            elif key == "?":
                _help()
            else:
                message = steps.press(key)
                whole = whole and steps.current is item


def _draw_and_read(steps: LabelSteps, message: str, *, whole: bool) -> list[str]:
    """The typed keys; none if the terminal was resized, so that the caller shows the screen again."""
    try:
        with noticing_size():
            _draw(steps, message, whole=whole)
            return read_keys()
    except Resized:
        return []


def _draw(steps: LabelSteps, message: str, *, whole: bool) -> None:
    item = steps.current
    assert item is not None
    columns, rows = shutil.get_terminal_size()
    size = Size(max(20, columns - 1), rows - bool(message))
    click.clear()
    place = f"{steps.place + 1} of {len(steps.items)}"
    for line in label_screen(item, place, steps.made.get(item.of, ""), size, whole=whole):
        echo_coloured(line)
    if message:
        echo(one_line(message, size.width), fg="yellow")
    echo("")
    echo(_BOTTOM[: size.width], dim=True, nl=False)


def _help() -> None:
    click.clear()
    echo(_HELP)
    read_keys()
