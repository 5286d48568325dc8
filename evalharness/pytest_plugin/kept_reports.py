"""Fewer reports in memory: pytest keeps three for each case until it ends, and prints one."""

from __future__ import annotations

from collections.abc import Collection

import pytest


class KeptReports:
    """Drops the reports of a case's set-up and teardown, once they are logged and have passed."""

    def __init__(self, config: pytest.Config, files: Collection[str]) -> None:
        self._config, self._files = config, frozenset(files)
        self._reporter: pytest.TerminalReporter | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Drop a report that the terminal's statistics have just got."""
        if report.when == "call" or not report.passed or report.nodeid.partition("::")[0] not in self._files:
            return
        if self._reporter is None:
            self._reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        kept = self._reporter.stats.get("") if self._reporter is not None else None
        if kept and kept[-1] is report:
            kept.pop()
