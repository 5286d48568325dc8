"""A live progress line on a terminal, instead of pytest's dots."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

import pytest

from evalharness.providers import Provider
from evalharness.pytest_plugin._output import end_line, print_message, redraw
from evalharness.pytest_plugin.log import terminal_level
from evalharness.records import Sample
from evalharness.report.encode import one_line
from evalharness.report.progress import RunFigures, fitting, is_live

_BAR, _NAME = 16, 24
"""Widths in columns, of the bar and at most of the names."""
_TICK_S = 0.25


class Progress:
    """The line. Shown on a terminal outside of CI, if pytest is not verbose and no log goes to the terminal."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        plain = config.getoption("verbose", 0) or terminal_level(config) is not None or hasattr(config, "workerinput")
        self.shown = is_live(sys.stdout) and not plain
        self._name, self._total, self._done, self._figures = "", 0, 0, RunFigures(0)
        self._providers: list[Provider] = []

    def start(self, suites: Sequence[str], cases: int, providers: Iterable[Provider]) -> None:
        """Start to count the cases of these suites."""
        self._name, self._total, self._providers = one_line(", ".join(suites), _NAME), cases, list(providers)
        self._figures, self.shown = RunFigures(cases), self.shown and cases > 0

    def wait(self, sample: Future[Sample]) -> Sample:
        """Wait for a sample; the line counts tokens meanwhile."""
        while self.shown:
            try:
                return sample.result(timeout=_TICK_S)
            except TimeoutError:
                self._tick()
        return sample.result()

    def advance(self, samples: Iterable[Sample]) -> None:
        """Count a finished case and its samples."""
        self._done += 1
        if not self.shown:
            return
        self._figures.step()
        for sample in samples:
            self._figures.add(sample)
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and self._total:
            redraw(reporter, self._line())

    def message(self, line: str) -> None:
        """Print a line of its own."""
        if reporter := self._config.pluginmanager.get_plugin("terminalreporter"):
            print_message(reporter, line, self._config.get_terminal_writer().width_of_current_line)

    def end(self) -> None:
        """End the line."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if self.shown and reporter is not None and self._done:
            end_line(reporter)

    def _tick(self) -> None:
        """Redraw the line past pytest's capture, which is active while a test waits."""
        capture = self._config.pluginmanager.get_plugin("capturemanager")
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if capture is not None and reporter is not None and self._total:
            with capture.global_and_fixture_disabled():
                redraw(reporter, self._line())

    def _line(self) -> str:
        filled = _BAR * self._done // self._total
        bar = "█" * filled + "░" * (_BAR - filled)
        start = f"{self._name} {bar} {self._done}/{self._total}  "
        tokens = sum(provider.generated_tokens for provider in self._providers)
        figures = [*self._figures.texts(), *([f"{tokens:,} tokens"] if tokens else [])]
        return start + fitting(figures, shutil.get_terminal_size().columns - 1 - len(start))
