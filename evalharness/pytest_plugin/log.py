"""`--llm-log`: the log of a run, in a file or on the terminal."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

import pytest

from evalharness.logs import logging_to

_LEVELS = {"INFO": logging.INFO, "DEBUG": logging.DEBUG}


def open_log(config: pytest.Config) -> None:
    """Open the log of `--llm-log` until pytest ends. Raises pytest.UsageError: another level, an unwritable file."""
    if not (given := config.getoption("--llm-log")):
        return
    level, running = terminal_level(config), ExitStack()
    if level is None and given.upper() in logging.getLevelNamesMapping():
        raise pytest.UsageError(f"--llm-log={given}: expected INFO, DEBUG or a file")
    config.add_cleanup(running.close)
    handler = _file(config.rootpath / given) if level is None else logging.StreamHandler(_terminal(running))
    worker = getattr(config, "workerinput", {}).get("workerid", "")
    running.enter_context(logging_to(handler, level or logging.DEBUG, worker))


def terminal_level(config: pytest.Config) -> int | None:
    """The level of the lines on the terminal; None: the log goes to a file, or nowhere."""
    return _LEVELS.get((config.getoption("--llm-log") or "").upper())


def _file(path: Path) -> logging.Handler:
    """Appends: xdist's workers write the same file, and the log of the last run is kept."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise pytest.UsageError(f"--llm-log={path}: cannot be written: {error.strerror or error}") from None


def _terminal(running: ExitStack) -> TextIO:
    """A copy of standard error, made before pytest captures the original for each test."""
    try:
        copy = os.dup(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):  # a replacement without a file
        return sys.stderr
    return running.enter_context(os.fdopen(copy, "w", encoding="utf-8", errors="backslashreplace"))
