"""The hooks of pytest, registered with `--llm-suite` or by a test that uses the fixture `llm`."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from evalharness.errors import EvalHarnessError
from evalharness.evaluation.confirm import confirm
from evalharness.evaluation.evaluation import Evaluation
from evalharness.modules import LAST_STEPS, import_modules
from evalharness.pytest_plugin._output import print_section, stop, usage_error
from evalharness.pytest_plugin.alike import ALIKE, CATEGORY, AlikeErrors
from evalharness.pytest_plugin.gate_results import add_result, gate_reports
from evalharness.pytest_plugin.items import CHECKED, SAMPLES, CaseItem, chosen_keys
from evalharness.pytest_plugin.junit import case_properties, record_suite
from evalharness.pytest_plugin.progress import Progress
from evalharness.pytest_plugin.suite_items import RUN_SUITE, SuiteItem, SuiteRuns
from evalharness.pytest_plugin.suites import Suites
from evalharness.records import Sample, SampleKey
from evalharness.report import Outcome
from evalharness.report.encode import for_terminal
from evalharness.report.outcome import FAILED, NOT_GREEN, NOTHING_SELECTED
from evalharness.report.terminal import summary_lines
from evalharness.store import sample_from_json, sample_to_json

_SEVERITY = (NOTHING_SELECTED, 0, NOT_GREEN, FAILED)
"""Exit statuses from best to worst: `-k` may leave out a whole suite."""
_NO_KEYWORDS: dict[str, Any] = {}
_NO_MATCHES: set[str] = set()
"""Of cases that have ended: pytest keeps each item and three reports of it until the end of the session."""


class EvalPlugin:
    """Runs the evaluations item by item. Under xdist, workers send the requests and the controller decides."""

    def __init__(self, config: pytest.Config, suites: Suites) -> None:
        self._config, self.suites = config, suites
        self._outcomes: list[Outcome] = []
        self._is_worker = hasattr(config, "workerinput")
        self._progress, self.alike = Progress(config), AlikeErrors(config, suites)
        config.stash[SAMPLES], config.stash[RUN_SUITE] = self.samples, SuiteRuns(suites, self._progress).samples

    @property
    def has_evaluated(self) -> bool:
        """Whether a suite has an outcome."""
        return bool(self._outcomes)

    @property
    def _is_controller(self) -> bool:
        return not self._is_worker and bool(self._config.getoption("dist", "no") != "no")

    def samples(self, item: CaseItem) -> list[Sample]:
        """Wait for the samples of a case. In an xdist worker, this sends its requests."""
        requests = self.suites.opened[item.suite].requests
        futures = [requests.future(key) for key in item.keys]
        return [self._progress.wait(future) for future in futures]

    def pytest_sessionstart(self) -> None:
        """Delete the reports of earlier runs."""
        if not self._is_worker and not self._config.getoption("collectonly"):
            with _explained():
                self.suites.delete_stale_reports()

    def pytest_report_collectionfinish(self, items: Sequence[pytest.Item]) -> list[str]:
        """Print what the requests can cost."""
        cases = [item for item in items if isinstance(item, CaseItem | SuiteItem)]
        plans = [(self.suites.opened[name].plan, keys) for name, keys in chosen_keys(cases).items()]
        chosen = [(plan, plan.requests.alone(keys)) for plan, keys in plans]
        return [for_terminal(line) for line in self.suites.resources.estimates(chosen)]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Send all requests, run the items, confirm, and report the gates."""
        if self._config.getoption("collectonly"):
            return (yield)
        cases = [item for item in session.items if isinstance(item, CaseItem | SuiteItem)]
        self._choose(cases)
        self.suites.calibrate(2)
        running, stopped = self._entered_resources(), True
        try:
            with running:
                self._send_all(cases)
                result = yield
                if not self._is_worker:
                    self.suites.calibrate(3)
                    self._confirm()
            stopped = False
        finally:
            if not self._is_worker:
                self.conclude(session, stopped=stopped)
        return result

    def _choose(self, cases: Sequence[CaseItem | SuiteItem]) -> None:
        """Note which samples this run selects."""
        chosen = chosen_keys(cases)
        for name, run in self.suites.opened.items():
            run.selected = chosen.get(name, [])
        if self._is_worker:
            selected = {name: _portable_keys(run) for name, run in self.suites.opened.items()}
            self._config.workeroutput["evalharness_selected"] = selected  # type: ignore[attr-defined]
        if self._is_controller:
            for line in self.suites.estimates():
                self._progress.message(line)

    def _entered_resources(self) -> ExitStack:
        """Open the models and the ledger. Raises pytest.UsageError."""
        running = ExitStack()
        try:
            running.enter_context(self.suites.resources)
        except EvalHarnessError as error:
            raise usage_error(error) from None
        return running

    def _send_all(self, cases: Sequence[CaseItem | SuiteItem]) -> None:
        """Send all requests before the first item waits; xdist workers send them item by item."""
        if self._is_worker:
            return
        for line in self.suites.resources.refusals():
            self._progress.message(line)
        suites = list(dict.fromkeys(item.suite for item in cases))
        providers = {id(one): one for name in suites for one in self.suites.opened[name].plan.providers.values()}
        steps = sum(1 if isinstance(item, CaseItem) else len(item.keys) for item in cases)
        self._progress.start(suites, steps, providers.values())
        for name in suites:
            self.suites.opened[name].start()
        import_modules(LAST_STEPS)  # while the requests are in flight

    def _confirm(self) -> None:
        for evaluation in self.suites.opened.values():
            with _explained():
                confirm(evaluation, self._progress.message)
        imports = self.suites.resources.imports
        for line in imports.unused() if imports else ():
            self._progress.message(line)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take the selection from an xdist worker that has ended; each one knows all of it."""
        for name, keys in getattr(node, "workeroutput", {}).get("evalharness_selected", {}).items():
            run = self.suites.open(name)
            run.selected = run.assigned.keys if keys is None else [SampleKey(*key) for key in keys]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Put an item's samples on its report, which xdist sends to the controller."""
        report = yield
        if checked := item.stash.get(CHECKED, None):  # in the setup and the teardown, fixtures may check
            del item.stash[CHECKED]
            report.evalharness = [(suite, self._portable(samples)) for suite, samples in checked.items()]
        if isinstance(item, CaseItem) and report.sections:  # `--llm-log`: most are about other requests in flight
            report.sections = [section for section in report.sections if not section[0].startswith("Captured log")]
        if call.when == "call" and isinstance(item, CaseItem):
            samples, item.samples = item.samples, ()
            if self._config.getoption("xmlpath", None):
                item.user_properties += case_properties(samples)  # before the teardown, whose report junitxml reads
            report.evalharness = [(item.suite, self._portable(samples))]
        if isinstance(item, SuiteItem):
            report.evalharness = []  # its samples are recorded
        if isinstance(item, CaseItem) and report.passed:
            report.keywords = _NO_KEYWORDS
        if call.when == "teardown" and isinstance(item, CaseItem):
            item.stash = pytest.Stash()  # with the notes of pytest's own plugins
            item.extra_keyword_matches = _NO_MATCHES
        return report

    def _portable(self, samples: Sequence[Sample]) -> Sequence[Any]:
        return [sample_to_json(sample) for sample in samples] if self._is_worker else samples  # xdist sends plain data

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Append the samples on a report to the record."""
        carried = getattr(report, "evalharness", None)
        if carried and not self._is_worker:
            report.evalharness = ()  # type: ignore[attr-defined]  # pytest keeps reports until it ends
            shown: list[Sample] = []
            for suite, given in carried:
                with _explained():
                    samples = [one if isinstance(one, Sample) else sample_from_json(one) for one in given]
                    self.suites.add(suite, samples)
                shown += samples
                if report.failed and suite in self.suites.resources.names:
                    self.alike.note(report, samples)
            self._progress.advance(shown)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Print no letter for a case or gate that the progress line counts, or whose error the summary shows."""
        if getattr(report, ALIKE, False) and report.when == "call":
            return CATEGORY, "", ""
        ours = hasattr(report, "evalharness") or "::gate[" in report.nodeid
        if self._progress.shown and ours and report.when == "call" and not report.failed:
            return report.outcome, "", ""
        return None

    def conclude(self, session: pytest.Session, *, stopped: bool) -> None:
        """Close the records, decide, and report the gates as test results."""
        self._progress.end()
        for name in (*self.suites.resources.names, *sorted(self.suites.checked)):
            evaluation = self.suites.opened.get(name)
            if evaluation is None and stopped:
                continue
            with _explained():  # a suite without a selected case has a verdict too
                evaluation = self.suites.open(name)
                if self._is_controller and not evaluation.selected:  # every worker died: all samples count as lost
                    evaluation.selected = evaluation.assigned.keys
                outcome = evaluation.finish(stopped=stopped)
            self._outcomes.append(outcome)
            record_suite(self._config, outcome)
            if not stopped:
                for report in list(gate_reports(outcome, fail_inconclusive=self.suites.fail_inconclusive)):
                    add_result(report, session)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End with the status of the worst verdict, even if another plugin changed the results of its items."""
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self.suites.resources.options.shard:
            session.exitstatus = pytest.ExitCode.OK  # more shards than cases: some are empty
        if session.exitstatus == pytest.ExitCode.OK and self._outcomes:
            fail = self.suites.fail_inconclusive
            statuses = [outcome.exit_status(fail_inconclusive=fail) for outcome in self._outcomes]
            session.exitstatus = max(statuses, key=_SEVERITY.index)
        self._outcomes = self.suites.published(self._outcomes, session.exitstatus)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the verdict of each suite."""
        for outcome in self._outcomes:
            lines = summary_lines(outcome, width=self._config.get_terminal_writer().fullwidth - 1)
            print_section(terminalreporter, f"llm {outcome.run.header.suite}", list(lines))


def _portable_keys(run: Evaluation) -> list[list[Any]] | None:
    """The selected samples as plain data; None for all that belong to the run."""
    return None if run.selected is run.assigned.keys else [list(key) for key in run.selected]


@contextmanager
def _explained() -> Iterator[None]:
    """Turn an EvalHarnessError into the end of the run: samples that cannot be stored must not be paid for."""
    try:
        yield
    except EvalHarnessError as error:
        stop(error)
