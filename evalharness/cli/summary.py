"""The terminal summary of a run, for the commands that decide one."""

from __future__ import annotations

import shutil
import sys

from evalharness.cli._output import echo
from evalharness.report import Outcome
from evalharness.report.terminal import summary_lines


def print_summary(outcome: Outcome, *, report: bool = True) -> None:
    """Print the terminal summary of a run.

    Without `report`, the path of the report is left out.
    """
    width = shutil.get_terminal_size().columns - 1 if sys.stdout and sys.stdout.isatty() else 0
    for line, markup in summary_lines(outcome, report=report, width=width):
        echo(line, fg=next((colour for colour in ("red", "green", "yellow") if markup.get(colour)), None))
