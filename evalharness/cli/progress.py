"""The progress line of `evalharness run`; silent unless stdout is a terminal outside of CI."""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack, suppress

from evalharness.cli._output import echo, progress_bar
from evalharness.evaluation.api import Evaluation
from evalharness.records import Sample
from evalharness.report.encode import one_line
from evalharness.report.progress import RunFigures, fitting, is_live

_BAR, _LABEL = 10, 14
"""Widths in columns."""


class Progress(ExitStack):
    """Answers, failures, time left, cost, means and rate on one line, as many as fit.

    Use as a context manager, with `start`, `advance` and `message` as callbacks of `evaluate()`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.evaluation: Evaluation | None = None
        """The running evaluation; None before its first request."""
        self._figures = RunFigures(0)
        self._bar = progress_bar("", length=0, hidden=True)

    def start(self, evaluation: Evaluation) -> None:
        """Draw the line."""
        self.evaluation = evaluation
        self._figures = RunFigures(len(evaluation.selected))
        self._bar = self.enter_context(
            progress_bar(
                one_line(evaluation.name, _LABEL),
                figures=self._shown,
                length=len(evaluation.selected),
                hidden=not is_live(sys.stdout),
                show_pos=True,
                show_percent=False,
                show_eta=False,
                width=_BAR,
            )
        )

    def advance(self, sample: Sample) -> None:
        """Count an answer."""
        self._figures.add(sample)
        self._figures.step()
        self._bar.update(1)

    def message(self, line: str) -> None:
        """Print a line to stderr, below the progress line."""
        self.close()
        with suppress(OSError):  # a reader that left does not stop the run
            echo(line, err=True)

    def _shown(self) -> str:
        start = f"{self._bar.label}  [{'#' * _BAR}]  {self._bar.format_pos()}  "
        return fitting(self._figures.texts(), shutil.get_terminal_size().columns - 1 - len(start))
