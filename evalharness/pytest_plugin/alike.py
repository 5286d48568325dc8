"""Cases that fail with the same error: the terminal shows the error once, in the section of the suite.

Each case stays a failed test: for the exit status, for JUnit files and for `--lf`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

from evalharness.pytest_plugin._output import Explained
from evalharness.pytest_plugin.items import CaseItem
from evalharness.pytest_plugin.suites import Suites
from evalharness.records import Sample
from evalharness.report.causes import cause_key

ALIKE = "evalharness_alike"
"""The attribute of a report whose error the section of its suite shows."""
CATEGORY = "errors"
"""The word for these cases in pytest's last line. Its own category `error` would print each of them."""


class AlikeErrors:
    """The errors of a pytest process."""

    def __init__(self, config: pytest.Config, suites: Suites) -> None:
        self._config = config
        self._is_worker = suites.is_worker
        self._waits = suites.is_worker or suites.resources.options.run.record == "none"
        self._seen: dict[tuple[str, str], pytest.TestReport | None] = {}
        """By error: the report of the first case."""
        self._failed: set[str] = set()
        """Models with an error."""
        self._reported: set[str] = set()
        """Models with a finished case."""
        self._repeated: set[tuple[str, str]] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> object:
        """Run a case whose error is known without printing its name."""
        if not isinstance(item, CaseItem) or not item.keys:
            return None
        is_first = (model := item.keys[0].model) not in self._reported
        self._reported.add(model)
        if not (is_first or self._waits or model in self._failed):  # else the name waits for the result
            return None
        with suppress(Exception):  # it is the error of the item's test, too
            item.wait()
        known = self._are_known(item.samples)
        if self._is_worker:  # only the controller notes reports
            self._remember(item.samples)
        if not known:
            return None
        runner: Any = self._config.pluginmanager.get_plugin("runner")
        for report in runner.runtestprotocol(item, log=False, nextitem=nextitem):
            item.ihook.pytest_runtest_logreport(report=report)
        return True

    def note(self, report: pytest.TestReport, samples: Sequence[Sample]) -> None:
        """Shorten the report of a failed case if its errors are known, and remember new ones."""
        if self._are_known(samples):
            self._shorten(report, samples)
            if reporter := self._config.pluginmanager.get_plugin("terminalreporter"):
                reporter.stats.setdefault("error", [])  # makes pytest's last line red
        self._remember(samples, report)

    def _remember(self, samples: Sequence[Sample], report: pytest.TestReport | None = None) -> None:
        for sample in samples:
            if sample.error:
                self._seen.setdefault(cause_key(sample), report)
                self._failed.add(sample.key.model)

    def _are_known(self, samples: Sequence[Sample]) -> bool:
        """Whether all failed samples have an error of their model, or one that an earlier case has shown."""
        bad = [sample for sample in samples if not sample.ok]
        return bool(bad) and all(
            sample.error is not None and (sample.error.of_model or cause_key(sample) in self._seen) for sample in bad
        )

    def _shorten(self, report: pytest.TestReport, samples: Sequence[Sample]) -> None:
        error, key = next((sample.error, cause_key(sample)) for sample in samples if sample.error)
        self._repeated.add(key)
        report.longrepr = Explained(str(error), report.location[0], line=report.location[1] or 0)  # type: ignore[assignment]
        setattr(report, ALIKE, True)

    def pytest_sessionfinish(self) -> None:
        """Move the first case of a repeated error to the others."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or not self._repeated:
            return
        reporter.ensure_newline()
        firsts = {id(self._seen[key]) for key in self._repeated if key in self._seen}
        failed = reporter.stats.get("failed", [])
        if moved := [report for report in failed if id(report) in firsts]:
            reporter.stats["failed"] = [report for report in failed if id(report) not in firsts]
            reporter.stats.setdefault(CATEGORY, []).extend(moved)
