"""A terminal that is read key by key: show a screen, read what is typed."""

from __future__ import annotations

import os
import shutil
import signal
import termios
import tty
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click

from evalharness.cli._output import ask, echo, echo_coloured
from evalharness.report.encode import one_line
from evalharness.review.screen import Size

_KEYBOARD = 0
Mode = list[Any]
"""The settings of a terminal, as `termios` returns them."""


class _Resized(Exception):
    """The size of the terminal changed."""


@contextmanager
def key_by_key() -> Iterator[Mode]:
    """Read keys immediately and without echo. Keys typed ahead are kept, and Ctrl-C interrupts."""
    usual: Mode = termios.tcgetattr(_KEYBOARD)
    tty.setcbreak(_KEYBOARD, termios.TCSADRAIN)
    try:
        yield usual
    finally:
        termios.tcsetattr(_KEYBOARD, termios.TCSADRAIN, usual)


def typed_at(lines: Callable[[Size], Iterable[str]], message: str, bottom: str) -> list[str]:
    """Show lines, a message and the keys, and return the typed keys.

    The list is empty if the terminal was resized, so that the caller shows the screen again.
    """
    try:
        with _noticing_size():
            _draw(lines, message, bottom)
            return _keys()
    except _Resized:
        return []


def show_help(text: str) -> None:
    """Show a text until a key is pressed."""
    click.clear()
    echo(text)
    _keys()


def line_of(question: str, before: str, usual: Mode) -> str:
    """A line that is typed as usual, with echo."""
    termios.tcsetattr(_KEYBOARD, termios.TCSADRAIN, usual)
    try:
        return ask(question, before)
    finally:
        tty.setcbreak(_KEYBOARD, termios.TCSADRAIN)


def _draw(lines: Callable[[Size], Iterable[str]], message: str, bottom: str) -> None:
    columns, rows = shutil.get_terminal_size()
    size = Size(max(20, columns - 1), rows - bool(message))
    click.clear()
    for line in lines(size):
        echo_coloured(line)
    if message:
        echo(one_line(message, size.width), fg="yellow")
    echo("")
    echo(bottom[: size.width], dim=True, nl=False)


def _keys() -> list[str]:
    """The typed keys, also those typed ahead; q if the terminal is gone."""
    try:
        typed = os.read(_KEYBOARD, 64).decode(errors="replace")
    except OSError:
        typed = ""
    return [typed] if typed.startswith("\x1b") else list(typed or "q")


@contextmanager
def _noticing_size() -> Iterator[None]:
    """Raise _Resized when the size of the terminal changes."""

    def resized(number: int, frame: FrameType | None) -> None:
        raise _Resized

    before = signal.signal(signal.SIGWINCH, resized)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
