"""A review in a terminal: draw, read a key, draw again."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from evalharness.report.encode import one_line
from evalharness.review.screen import Size, screen
from evalharness.review.steps import Review

_BOTTOM = "a golden  k keep  f flag  n note  b back  m more  q quit  ? help"
_HELP = """\
a  accept this answer as a further golden one; written at the end, when you say so
k  keep the golden answers as they are
f  flag it: somebody must look at it
n  write a note to it
b  back to the one before (or the left arrow)
↵  on to the next one without a decision (or the right arrow)
m  show all of it, or as much as fits
q  quit: the next review goes on here
?  this help

any key goes on"""


class _Resized(Exception):
    """The terminal has another size now."""


def go_through(review: Review) -> bool:
    """Until every answer has been looked at (True), or the person quits."""
    whole, said = False, ""
    typed: list[str] = []
    while (one := review.current) is not None:
        if not typed:
            _draw(review, said, whole=whole)
            typed, said = _keys(), ""
            continue
        key = typed.pop(0)
        if key == "\x03":
            raise KeyboardInterrupt
        if key in ("q", "\x04"):
            return False
        if key == "m":
            whole = not whole
        elif key == "?":
            _help()
        elif key == "n":
            review.decisions.note(one.key, _note(review.decisions.on(one.key).note))
        else:
            said = review.press(key)
            whole = whole and review.current is one
    return True


def _draw(review: Review, said: str, *, whole: bool) -> None:
    one = review.current
    assert one is not None
    columns, rows = shutil.get_terminal_size()
    size = Size(max(20, columns - 1), rows - bool(said))
    click.clear()
    place = f"{review.place + 1} of {len(review.answers)}"
    for line in screen(one, place, review.decisions.on(one.key), size, whole=whole):
        click.echo(line)
    if said:
        click.echo(click.style(one_line(said, size.width), fg="yellow"))
    click.echo("")
    click.echo(click.style(_BOTTOM[: size.width], dim=True), nl=False)


def _help() -> None:
    click.clear()
    click.echo(_HELP)
    _keys()


def _keys() -> list[str]:
    """What was typed, perhaps ahead; nothing where the size changed meanwhile."""
    try:
        with _noticing_size():
            typed = click.getchar()
    except _Resized:
        return []
    except EOFError:
        return ["q"]
    return [typed] if typed.startswith("\x1b") else list(typed)


@contextmanager
def _noticing_size() -> Iterator[None]:
    def resized(number: int, frame: FrameType | None) -> None:
        raise _Resized

    before = signal.signal(signal.SIGWINCH, resized)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _note(before: str) -> str:
    click.echo("")
    note: str = click.prompt("note", default=before, show_default=bool(before))
    return " ".join(note.split())[:500]
