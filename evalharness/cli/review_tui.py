"""A review in a terminal: draw, read a key, draw again."""

from __future__ import annotations

import os
import shutil
import signal
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

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


_KEYBOARD = 0
_Mode = list[Any]
"""How a terminal is set, as `termios` has it."""


class _Resized(Exception):
    """The terminal has another size now."""


def go_through(review: Review) -> bool:
    """Until every answer has been looked at (True), or the person quits."""
    with _key_by_key() as usual:
        return _all_seen(review, usual)


def _all_seen(review: Review, usual: _Mode) -> bool:
    whole, said = False, ""
    typed: list[str] = []
    while (one := review.current) is not None:
        if not typed:
            typed = _shown_and_asked(review, said, whole=whole)
            continue
        said = ""
        key = typed.pop(0)
        if key in ("q", "\x04"):
            return False
        if key == "m":
            whole = not whole
        elif key == "?":
            _help()
        elif key == "n":
            review.decisions.note(one.key, _note(review.decisions.on(one.key).note, usual))
        else:
            said = review.press(key)
            whole = whole and review.current is one
    return True


@contextmanager
def _key_by_key() -> Iterator[_Mode]:
    """Keys come as they are pressed, unseen; those typed ahead are kept, and Ctrl-C stays Ctrl-C."""
    usual: _Mode = termios.tcgetattr(_KEYBOARD)
    tty.setcbreak(_KEYBOARD, termios.TCSADRAIN)
    try:
        yield usual
    finally:
        termios.tcsetattr(_KEYBOARD, termios.TCSADRAIN, usual)


def _shown_and_asked(review: Review, said: str, *, whole: bool) -> list[str]:
    """What was typed at the sight of the answer; nothing where the size of the terminal changed meanwhile."""
    try:
        with _noticing_size():
            _draw(review, said, whole=whole)
            return _keys()
    except _Resized:
        return []


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
    """What was typed, perhaps ahead; q where nobody is there any more."""
    try:
        typed = os.read(_KEYBOARD, 64).decode(errors="replace")
    except OSError:
        typed = ""
    return [typed] if typed.startswith("\x1b") else list(typed or "q")


@contextmanager
def _noticing_size() -> Iterator[None]:
    def resized(number: int, frame: FrameType | None) -> None:
        raise _Resized

    before = signal.signal(signal.SIGWINCH, resized)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _note(before: str, usual: _Mode) -> str:
    termios.tcsetattr(_KEYBOARD, termios.TCSADRAIN, usual)
    try:
        note: str = click.prompt("\nnote", default=before, show_default=bool(before))
    finally:
        tty.setcbreak(_KEYBOARD, termios.TCSADRAIN)
    return " ".join(note.split())[:500]
