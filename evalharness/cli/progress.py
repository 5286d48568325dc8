"""The progress line of `evalharness run`; silent unless stdout is a terminal."""

from __future__ import annotations

import sys
from contextlib import ExitStack, suppress

from evalharness.cli._output import echo, progress_bar
from evalharness.evaluation.api import Evaluation
from evalharness.records import Sample
from evalharness.report.usage import dollars

_BAR, _LABEL = 16, 14
"""Widths in columns: with counts, time, failures and cost the line fits 80."""


class Progress(ExitStack):
    """Answers, failures, cost and time left, on one line.

    Use as a context manager, with `start`, `advance` and `message` as callbacks of `evaluate()`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.evaluation: Evaluation | None = None
        """The running evaluation; None before its first request."""
        self._failed, self._cost_usd = 0, 0.0
        self._bar = progress_bar("", length=0, hidden=True)

    def start(self, evaluation: Evaluation) -> None:
        """Draw the line."""
        self.evaluation = evaluation
        self._bar = self.enter_context(
            progress_bar(
                evaluation.name[:_LABEL],
                figures=self._figures,
                length=len(evaluation.selected),
                hidden=sys.stdout is None or not sys.stdout.isatty(),
                show_pos=True,
                show_percent=False,
                width=_BAR,
            )
        )

    def advance(self, sample: Sample) -> None:
        """Count an answer."""
        self._failed += not sample.ok
        self._cost_usd += 0 if sample.recorded_at else sample.cost_usd or 0
        self._bar.update(1)

    def message(self, line: str) -> None:
        """Print a line to stderr, below the progress line."""
        self.close()
        with suppress(OSError):  # a reader that left does not stop the run
            echo(line, err=True)

    def _figures(self) -> str:
        parts = [f"{self._failed} failed" if self._failed else "", dollars(self._cost_usd) if self._cost_usd else ""]
        return ", ".join(filter(None, parts))
