"""`--llm-log`: the log of a run, in a file or on the terminal."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

import pytest

from evalharness.errors import StoreError
from evalharness.logs import logging_to
from evalharness.pytest_plugin._output import usage_error
from evalharness.store.folders import folder_of, refuse_link, writing

_LEVELS = {"INFO": logging.INFO, "DEBUG": logging.DEBUG}


def open_log(config: pytest.Config) -> None:
    """Open the log of `--llm-log` until pytest ends. Raises pytest.UsageError: another level, an unwritable file."""
    if not (given := config.getoption("--llm-log")):
        return
    level, running = terminal_level(config), ExitStack()
    if level is None and given.upper() in logging.getLevelNamesMapping():
        raise usage_error(f"--llm-log={given}: expected INFO, DEBUG or a file")
    config.add_cleanup(running.close)
    handler = _file(config.rootpath, given) if level is None else _TerminalHandler(_terminal(running), config)
    worker = getattr(config, "workerinput", {}).get("workerid", "")
    running.enter_context(logging_to(handler, level or logging.DEBUG, worker))


def terminal_level(config: pytest.Config) -> int | None:
    """The level of the lines on the terminal; None: the log goes to a file, or nowhere."""
    return _LEVELS.get((config.getoption("--llm-log") or "").upper())


class _TerminalHandler(logging.StreamHandler[TextIO]):
    """Begins on a line of its own where pytest has printed dots."""

    def __init__(self, stream: TextIO, config: pytest.Config) -> None:
        super().__init__(stream)
        self._config, self._shared = config, _same_file(sys.stdout, stream)
        self._column = 0
        """Of pytest, when the last line was written: pytest does not know that the line has ended."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, after a line break if pytest has printed since the last one."""
        line = super().format(record)
        if not self._shared or not self._config.pluginmanager.has_plugin("terminalreporter"):
            return line
        before, self._column = self._column, self._config.get_terminal_writer().width_of_current_line
        return line if self._column in (0, before) else f"\n{line}"


def _same_file(one: TextIO, other: TextIO) -> bool:
    try:
        return os.path.sameopenfile(one.fileno(), other.fileno())
    except (OSError, ValueError, AttributeError):  # a replacement without a file
        return False


def _file(root: Path, name: str) -> logging.Handler:
    """Appends: xdist's workers write the same file, and the log of the last run is kept."""
    path = root / name
    try:
        with writing(path), folder_of(path, root) as folder:
            if path.is_relative_to(root):
                refuse_link(path, folder)
            return logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except StoreError as error:
        raise usage_error(f"--llm-log={error}") from None


def _terminal(running: ExitStack) -> TextIO:
    """A copy of standard error, made before pytest captures the original for each test."""
    try:
        copy = os.dup(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):  # a replacement without a file
        return sys.stderr
    return running.enter_context(os.fdopen(copy, "w", encoding="utf-8", errors="backslashreplace"))
