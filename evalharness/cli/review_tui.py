"""The terminal interface of a review: show the answer, read a key, repeat."""

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

from evalharness.cli._output import ask, echo, echo_coloured
from evalharness.report.encode import one_line
from evalharness.review.screen import Size, screen
from evalharness.review.steps import Review

_BOTTOM = "a golden  k keep  f flag  n note  b back  m more  q quit  ? help"
_HELP = """\
a  accept this answer as golden; written at the end, after confirmation
k  keep the golden answers
f  flag the answer for a second look
n  write a note
b  go back (or left arrow)
↵  go on without a decision (or right arrow)
m  show all of the answer, or as much as fits
q  quit; the next review continues here
?  show this help

press any key to continue"""


_KEYBOARD = 0
Mode = list[Any]
"""The settings of a terminal, as `termios` returns them."""


class Resized(Exception):
    """The size of the terminal changed."""


def go_through(review: Review) -> bool:
    """Step through the answers. Returns True at the end, False after q."""
    with key_by_key() as usual:
        return _all_seen(review, usual)


def _all_seen(review: Review, usual: Mode) -> bool:
    whole, message = False, ""
    typed: list[str] = []
    while (one := review.current) is not None:
        if not typed:
            typed = _draw_and_read(review, message, whole=whole)
            continue
        message = ""
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
            message = review.press(key)
            whole = whole and review.current is one
    return True


@contextmanager
def key_by_key() -> Iterator[Mode]:
    """Read keys immediately and without echo. Keys typed ahead are kept, and Ctrl-C interrupts."""
    usual: Mode = termios.tcgetattr(_KEYBOARD)
    tty.setcbreak(_KEYBOARD, termios.TCSADRAIN)
    try:
        yield usual
    finally:
        termios.tcsetattr(_KEYBOARD, termios.TCSADRAIN, usual)


def _draw_and_read(review: Review, message: str, *, whole: bool) -> list[str]:
    """The typed keys; none if the terminal was resized, so that the caller shows the screen again."""
    try:
        with noticing_size():
            _draw(review, message, whole=whole)
            return read_keys()
    except Resized:
        return []


def _draw(review: Review, message: str, *, whole: bool) -> None:
    one = review.current
    assert one is not None
    columns, rows = shutil.get_terminal_size()
    size = Size(max(20, columns - 1), rows - bool(message))
    click.clear()
    place = f"{review.place + 1} of {len(review.answers)}"
    for line in screen(one, place, review.decisions.on(one.key), size, whole=whole):
        echo_coloured(line)
    if message:
        echo(one_line(message, size.width), fg="yellow")
    echo("")
    echo(_BOTTOM[: size.width], dim=True, nl=False)


def _help() -> None:
    click.clear()
    echo(_HELP)
    read_keys()


def read_keys() -> list[str]:
    """The typed keys, also those typed ahead; q if the terminal is gone."""
    try:
        typed = os.read(_KEYBOARD, 64).decode(errors="replace")
    except OSError:
        typed = ""
    return [typed] if typed.startswith("\x1b") else list(typed or "q")


@contextmanager
def noticing_size() -> Iterator[None]:
    """Raise Resized when the size of the terminal changes."""

    def resized(number: int, frame: FrameType | None) -> None:
        raise Resized

    before = signal.signal(signal.SIGWINCH, resized)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _note(before: str, usual: Mode) -> str:
    termios.tcsetattr(_KEYBOARD, termios.TCSADRAIN, usual)
    try:
        note = ask("\nnote", before)
    finally:
        tty.setcbreak(_KEYBOARD, termios.TCSADRAIN)
    return " ".join(note.split())[:500]
