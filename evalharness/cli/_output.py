"""The output of the commands: everything they print passes through the encoders here."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from evalharness.errors import EvalHarnessError
from evalharness.redaction import scrub
from evalharness.report.encode import for_terminal, json_text, one_line, printable
from evalharness.store.files import LONE_SURROGATES

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
"""The sequences of `click.style`, which move no cursor."""


def echo(text: str = "", *, err: bool = False, nl: bool = True, **style: Any) -> None:
    """Print text as text: it holds no key, moves no cursor and runs no command of a CI system.

    `style` is that of `click.style`, such as `fg="red"`.
    """
    shown = for_terminal(text)
    click.echo(click.style(shown, **style) if any(style.values()) else shown, err=err, nl=nl)


def echo_coloured(line: str) -> None:
    """Print a line that has colours, with the text between them encoded."""
    parts = _COLOUR.split(line)
    click.echo("".join(part if number % 2 else printable(part) for number, part in enumerate(parts)))


def print_json(value: Any, indent: int | None = 1) -> None:
    """Print JSON as UTF-8, without keys.

    Lone surrogates, which answers and tags may hold, stay JSON escapes.
    """
    click.echo(json_text(value, indent).encode(errors=LONE_SURROGATES))


def print_data(pieces: Iterable[str | bytes]) -> None:
    """Print the content of a file without keys, and to a terminal as text.

    In a file or a pipe, each piece stays as it is: its format is the encoder.
    """
    clean = for_terminal if sys.stdout.isatty() else scrub
    for piece in pieces:
        click.echo(piece if isinstance(piece, bytes) else clean(piece).encode(errors=LONE_SURROGATES), nl=False)


def confirmed(question: str) -> bool:
    """Whether the user answers yes. Raises click.Abort at the end of the input."""
    return click.confirm(for_terminal(question))


def ask(text: str, default: str = "") -> str:
    """The line that the user types. Raises click.Abort at the end of the input."""
    answer: str = click.prompt(for_terminal(text), default=for_terminal(default), show_default=bool(default))
    return answer


def progress_bar(label: str, *, figures: Callable[[], str] | None = None, **options: Any) -> ProgressBar[Any]:
    """A progress bar of click with a label on one line, and with `figures` behind the bar."""
    show = (lambda _: one_line(figures())) if figures else None
    return click.progressbar(label=one_line(label, 40), item_show_func=show, **options)


@contextmanager
def explained() -> Iterator[None]:
    """Turn an EvalHarnessError into a ClickException, which has no traceback and which `Commands` encodes."""
    try:
        yield
    except EvalHarnessError as error:
        raise click.ClickException(str(error)) from None
