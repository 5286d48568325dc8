"""A live progress line on a terminal, instead of pytest's dots."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

import pytest

from evalharness.providers import Provider
from evalharness.pytest_plugin._output import end_line, print_message, redraw
from evalharness.pytest_plugin.log import terminal_level
from evalharness.records import Sample

_BAR = 20
_TICK_S = 0.25


class Progress:
    """The line. Shown if standard output is a terminal, pytest is not verbose, and no log goes to the terminal."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        plain = config.getoption("verbose", 0) or terminal_level(config) is not None or hasattr(config, "workerinput")
        self.shown = sys.stdout is not None and sys.stdout.isatty() and not plain
        self._name, self._total, self._done, self._started = "", 0, 0, time.monotonic()
        self._providers: list[Provider] = []

    def start(self, suites: Sequence[str], cases: int, providers: Iterable[Provider]) -> None:
        """Start to count the cases of these suites."""
        self._name, self._total, self._providers = ", ".join(suites), cases, list(providers)
        self._started, self.shown = time.monotonic(), self.shown and cases > 0

    def wait(self, sample: Future[Sample]) -> Sample:
        """Wait for a sample; the line counts tokens meanwhile."""
        while self.shown:
            try:
                return sample.result(timeout=_TICK_S)
            except TimeoutError:
                self._tick()
        return sample.result()

    def advance(self, report: pytest.TestReport) -> None:
        """Count a finished case."""
        self._done += 1
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if self.shown and reporter is not None and self._total:
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
        tokens = sum(provider.generated_tokens for provider in self._providers)
        details = [*self._rate(), *([f"{tokens:,} tokens"] if tokens else [])]
        return f"{self._name} {bar} {self._done}/{self._total}  {', '.join(details)}"

    def _rate(self) -> list[str]:
        if not self._done:
            return []
        elapsed = time.monotonic() - self._started
        minutes, seconds = divmod(round(elapsed / self._done * (self._total - self._done)), 60)
        return [f"{elapsed / self._done:.2f} s a case", f"{minutes}:{seconds:02} left"]
