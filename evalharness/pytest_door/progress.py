"""One live line on a terminal, in place of a dot for each passed case."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import pytest

_BAR = 24


class Progress:
    """Does nothing unless standard output is a terminal and pytest is not verbose."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.shown = sys.stdout.isatty() and config.getoption("verbose") == 0 and not hasattr(config, "workerinput")
        self._name, self._total, self._done, self._started = "", 0, 0, time.monotonic()

    def start(self, suites: Sequence[str], cases: int) -> None:
        """So many cases of these suites are about to be asked."""
        self._name, self._total = ", ".join(suites), cases
        self._started = time.monotonic()

    def advance(self, report: pytest.TestReport) -> None:
        """A case is done."""
        self._done += 1
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if self.shown and reporter is not None and self._total:
            reporter.rewrite(self._line(), erase=True)

    def end(self) -> None:
        """Leave the line standing."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if self.shown and reporter is not None and self._done:
            reporter.write_line("")

    def _line(self) -> str:
        elapsed = time.monotonic() - self._started
        left = elapsed / self._done * (self._total - self._done)
        filled = _BAR * self._done // self._total
        bar = "█" * filled + "░" * (_BAR - filled)
        rate = f"{elapsed / self._done:.2f} s a case, {left // 60:.0f}:{left % 60:02.0f} left"
        return f"{self._name} {bar} {self._done}/{self._total}  {rate}"
