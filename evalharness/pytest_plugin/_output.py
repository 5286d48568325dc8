"""The output of the plugin: everything it gives pytest to print passes through the encoder here."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from evalharness.redaction import scrub
from evalharness.report.encode import for_terminal, one_line
from evalharness.report.terminal import Line

_WIDTH = 79
_NAME_CHARS = 1000


class Explained:
    """A failure as text, with one line for pytest's summary."""

    def __init__(self, text: str, path: str, summary: str | None = None, line: int = 0) -> None:
        self._text = for_terminal(text)
        message = for_terminal(one_line(summary or text.partition("\n")[0], 1000))
        self.reprcrash = SimpleNamespace(path=path, lineno=line, message=message)

    def __str__(self) -> str:
        return self._text

    def toterminal(self, tw: Any) -> None:
        """Write the text to pytest's terminal."""
        tw.line(self._text)


def node_name(name: str) -> str:
    """The name of an item or a gate, on one line."""
    if name.isascii() and name.isprintable() and "##" not in name and not name.startswith(":"):
        return scrub(name)  # nearly always, and once for each case
    return for_terminal(one_line(name, _NAME_CHARS))


def reason(text: str) -> str:
    """Why a test is skipped, on one line."""
    return for_terminal(one_line(text, 5000))


def usage_error(error: object) -> pytest.UsageError:
    """The error for wrong options, which ends pytest with the status 4."""
    return pytest.UsageError(for_terminal(str(error)))


def failure(text: object) -> BaseException:
    """The exception that fails a test with this text, without a traceback."""
    return pytest.fail.Exception(for_terminal(str(text)), pytrace=False)


def stop(error: object) -> NoReturn:
    """End the run as an internal error."""
    pytest.exit(for_terminal(f"evalharness: {error}"), returncode=pytest.ExitCode.INTERNAL_ERROR)


def print_section(reporter: pytest.TerminalReporter, title: str, lines: Iterable[Line]) -> None:
    """Print lines below a title."""
    reporter.section(for_terminal(one_line(title)), sep="=")
    for line, markup in lines:
        reporter.write_line(for_terminal(line), **markup)


def print_message(reporter: pytest.TerminalReporter, text: str, columns: int = 0) -> None:
    """Print wrapped lines; first end the current line, of which pytest has printed `columns`."""
    if columns:
        reporter.write_line("")
    for part in textwrap.wrap(for_terminal(text), _WIDTH, subsequent_indent=" " * 5, break_on_hyphens=False):
        reporter.write_line(for_terminal(part))


def redraw(reporter: pytest.TerminalReporter, line: str) -> None:
    """Replace the current line."""
    reporter.rewrite(for_terminal(one_line(line, 500)), erase=True)


def end_line(reporter: pytest.TerminalReporter) -> None:
    """End the current line."""
    reporter.write_line("")
