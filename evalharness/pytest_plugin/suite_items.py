"""`--llm-items=suite`: one pytest item runs a whole suite, so that pytest keeps nothing for each of its cases."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

import pytest

from evalharness.errors import EvalHarnessError
from evalharness.evaluation.evaluation import Evaluation
from evalharness.pytest_plugin._output import Explained, stop
from evalharness.pytest_plugin.progress import Progress
from evalharness.pytest_plugin.suites import Suites
from evalharness.records import Sample
from evalharness.report.encode import one_line
from evalharness.store import sample_to_json

RUN_SUITE = pytest.StashKey[Callable[[Any], Generator[Sample]]]()
"""The function that yields the samples of a suite as they are recorded; EvalPlugin sets it."""
MOST_LISTED = 20
"""Failed answers in the message of an item."""
_LINE_CHARS = 200


class SuiteFailedError(Exception):
    """A suite in which answers are missing or break a hard assertion."""


class Failures:
    """The number of failed answers, and the first ones."""

    def __init__(self, most: int) -> None:
        """`most` failed answers are enough to stop; 0: no number is."""
        self.failed, self._most, self._total = 0, most, 0
        self._lines: list[str] = []

    @property
    def are_enough(self) -> bool:
        """Whether the run stops now."""
        return 0 < self._most <= self.failed

    def add(self, sample: Sample) -> None:
        """Count a sample."""
        self._total += 1
        self.failed += not sample.ok
        if not sample.ok and len(self._lines) < MOST_LISTED:
            self._lines.append(_line(sample))

    def __str__(self) -> str:
        rest = self.failed - len(self._lines)
        more = [f"  ... and {rest:,} more in the report"] if rest else []
        head = f"{self.failed:,} of {self._total:,} answers are missing or break a hard assertion:"
        return "\n".join([head, *self._lines, *more])


class SuiteItem(pytest.Item):
    """All cases of a suite. Passes when each sample has its scores and its hard assertions hold."""

    def __init__(self, *, evaluation: Evaluation, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.suite, self.keys = evaluation.name, evaluation.assigned.keys

    def runtest(self) -> None:
        """Wait for the samples. Raises SuiteFailedError. `-x` and `--maxfail` count failed answers."""
        failures = Failures(self.config.getvalue("maxfail") or 0)
        with closing(self.config.stash[RUN_SUITE](self)) as samples:
            for sample in samples:
                failures.add(sample)
                if failures.are_enough:
                    self.session.shouldfail = f"stopping after {failures.failed} failures"
                    break
        if failures.failed:
            raise SuiteFailedError(str(failures))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The failed answers instead of a traceback."""
        if isinstance(excinfo.value, SuiteFailedError):
            return Explained(str(excinfo.value), str(self.path))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """The file of the suite."""
        return self.path, 0, self.name


def _line(sample: Sample) -> str:
    key, reasons = sample.key, [str(sample.error)] if sample.error else list(sample.failed_checks)
    return "  " + one_line(f"{key.case}[{key.model}-{key.prompt}]: {'; '.join(reasons)}", _LINE_CHARS)


class SuiteRuns:
    """Runs suites that are one item each."""

    def __init__(self, suites: Suites, progress: Progress) -> None:
        self._suites, self._progress = suites, progress

    def samples(self, item: SuiteItem) -> Generator[Sample]:
        """Yield the samples of a suite, each once it is recorded, or on its way from an xdist worker."""
        evaluation, part = self._suites.opened[item.suite], SuitePart(item)
        keep = part.add if self._suites.is_worker else evaluation.add
        try:
            for key in evaluation.selected:
                sample = self._progress.wait(evaluation.requests.future(key))
                try:
                    keep(sample)
                except EvalHarnessError as error:  # samples that cannot be stored must not be paid for
                    stop(error)
                self._progress.advance([sample])
                yield sample
        finally:
            part.send()


class SuitePart:
    """The reports with which an xdist worker sends the samples of a suite to the controller, some at a time."""

    AT_ONCE = 500

    def __init__(self, item: SuiteItem) -> None:
        self._item = item
        self._samples: list[dict[str, Any]] = []

    def add(self, sample: Sample) -> None:
        """Send the sample with others."""
        self._samples.append(sample_to_json(sample))  # xdist sends plain data
        if len(self._samples) >= self.AT_ONCE:
            self.send()

    def send(self) -> None:
        """Send the samples that are left, if there are some. pytest counts no report of a passed set-up."""
        samples, self._samples = self._samples, []
        if not samples:
            return
        report = pytest.TestReport(self._item.nodeid, self._item.location, {}, "passed", None, "setup")
        report.evalharness = [(self._item.suite, samples)]  # type: ignore[attr-defined]
        self._item.ihook.pytest_runtest_logreport(report=report)
