"""The hooks, registered only with `--llm-suite`: each hands over in a few lines."""

from __future__ import annotations

import textwrap
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from evalharness.errors import EvalHarnessError
from evalharness.evaluation.resources import import_heavy_modules
from evalharness.pytest_plugin.gate_results import finished, gate_reports
from evalharness.pytest_plugin.items import SAMPLES, CaseItem, SuiteFile
from evalharness.pytest_plugin.junit import case_properties, record_suite
from evalharness.pytest_plugin.progress import Progress
from evalharness.pytest_plugin.suites import Suites
from evalharness.records import Sample, SampleKey
from evalharness.report import Outcome
from evalharness.report.terminal import summary_lines
from evalharness.store import sample_from_json, sample_to_json


class EvalPlugin:
    """Drives the evaluations item by item. Under xdist the workers send requests, and the controller concludes."""

    def __init__(self, config: pytest.Config, suites: Suites) -> None:
        self._config, self._suites = config, suites
        self._paths = {path: path.stem for path in suites.paths}
        self._futures: dict[str, list[Future[Sample]]] = {}
        self._outcomes: list[Outcome] = []
        self._is_worker = hasattr(config, "workerinput")
        self._progress = Progress(config)
        config.stash[SAMPLES] = self.samples

    @property
    def _is_controller(self) -> bool:
        return not self._is_worker and bool(self._config.getoption("dist", "no") != "no")

    def samples(self, item: CaseItem) -> list[Sample]:
        """The samples of a case. xdist hands out items one by one, so there the requests are sent only now."""
        if item.nodeid not in self._futures:
            self._send(item)
        return [self._progress.wait(future) for future in self._futures.pop(item.nodeid)]

    def _send(self, item: CaseItem) -> None:
        evaluation = self._suites.opened[item.suite]
        self._futures[item.nodeid] = [evaluation.future(request.key) for request in item.requests]

    def pytest_sessionstart(self) -> None:
        """Called before anything is collected, and not for `--help`: older reports go."""
        if not self._is_worker and not self._config.getoption("collectonly"):
            self._suites.delete_stale_reports()

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> SuiteFile | None:
        """Called for each file: ours are the suites that were asked for."""
        if file_path not in self._paths:
            return None
        node: SuiteFile = SuiteFile.from_parent(parent, path=file_path)
        node.suites = self._suites
        return node

    def pytest_report_collectionfinish(self, items: Sequence[pytest.Item]) -> list[str]:
        """Called before anything is asked: what it can cost."""
        requests = [request for item in items if isinstance(item, CaseItem) for request in item.requests]
        return list(self._suites.estimates(requests))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Called to run all items: the engine goes ahead of them, and the gates come after them."""
        if self._config.getoption("collectonly"):
            return (yield)
        cases = [item for item in session.items if isinstance(item, CaseItem)]
        self._choose(cases)
        self._suites.calibrate(2)
        running, stopped = self._entered_resources(), True
        try:
            with running:
                self._send_all(cases)
                result = yield
                if not self._is_worker:
                    self._suites.calibrate(3)
                    self._confirm()
            stopped = False
        finally:
            if not self._is_worker:
                self._conclude(session, stopped=stopped)
        return result

    def _choose(self, cases: Sequence[CaseItem]) -> None:
        """Which samples are to come."""
        for name, run in self._suites.opened.items():
            run.selected = [request.key for item in cases if item.suite == name for request in item.requests]
        if self._is_worker:
            selected = {name: [list(key) for key in run.selected] for name, run in self._suites.opened.items()}
            self._config.workeroutput["evalharness_selected"] = selected  # type: ignore[attr-defined]
        if self._is_controller:
            self._look_ahead()

    def _entered_resources(self) -> ExitStack:
        """The models and the ledger, open until the stack is left."""
        if not self._is_worker:
            import_heavy_modules()  # before threads start: two threads must not import the same module
        running = ExitStack()
        try:
            running.enter_context(self._suites.resources)
        except EvalHarnessError as error:
            raise pytest.UsageError(str(error)) from None
        return running

    def _send_all(self, cases: Sequence[CaseItem]) -> None:
        """Outside of xdist, all requests are sent before the first item waits."""
        if self._is_worker:
            return
        suites = list(dict.fromkeys(item.suite for item in cases))
        plans = [self._suites.opened[name].plan for name in suites]
        providers = {id(one): one for plan in plans for one in plan.providers.values()}
        self._progress.start(suites, len(cases), providers.values())
        for item in cases:
            self._send(item)

    def _confirm(self) -> None:
        from evalharness.evaluation.confirm import confirm  # imports numpy

        for evaluation in self._suites.opened.values():
            with _explained():
                confirm(evaluation, self._say)

    def _say(self, line: str) -> None:
        if reporter := self._config.pluginmanager.get_plugin("terminalreporter"):
            if self._config.get_terminal_writer().width_of_current_line:
                reporter.write_line("")
            for part in textwrap.wrap(line, 79, subsequent_indent=" " * 5, break_on_hyphens=False):
                reporter.write_line(part)

    def _look_ahead(self) -> None:
        """Before xdist's workers ask: what they may cost, and whether they can ask at all."""
        for name in self._suites.names:
            with suppress(EvalHarnessError):  # of a suite that cannot be read: the workers say so
                self._suites.open(name)
        requests = [request for run in self._suites.opened.values() for _, request in run.plan.requests]
        for line in self._suites.estimates(requests):
            self._say(line)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Called by xdist when a worker has ended: each knows the whole selection."""
        for name, keys in getattr(node, "workeroutput", {}).get("evalharness_selected", {}).items():
            self._suites.open(name).selected = [SampleKey(*key) for key in keys]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Called after each phase of an item: its samples travel on the report, also from an xdist worker."""
        report = yield
        if isinstance(item, CaseItem):  # other requests were in flight meanwhile: most of these lines are theirs
            report.sections = [section for section in report.sections if not section[0].startswith("Captured log")]
        if call.when == "call" and isinstance(item, CaseItem):
            samples, item.samples = item.samples, []
            if self._config.getoption("xmlpath", None):
                item.user_properties += case_properties(samples)  # pytest's junitxml takes those of the teardown
            report.evalharness = (item.suite, [sample_to_json(s) for s in samples] if self._is_worker else samples)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called for each report, in the controller too: the samples go onto the record."""
        carried = getattr(report, "evalharness", None)
        if carried and not self._is_worker:
            report.evalharness = ()  # type: ignore[attr-defined]  # pytest keeps its reports to the end
            suite, samples = carried
            with _explained():
                self._suites.add(suite, [s if isinstance(s, Sample) else sample_from_json(s) for s in samples])
            self._progress.advance(report)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Called for the letter of a result: on a terminal the progress line and the summary stand for it."""
        ours = hasattr(report, "evalharness") or "::gate[" in report.nodeid
        if self._progress.shown and ours and report.when == "call" and not report.failed:
            return report.outcome, "", ""
        return None

    def _conclude(self, session: pytest.Session, *, stopped: bool) -> None:
        self._progress.end()
        for name in self._suites.names:
            evaluation = self._suites.opened.get(name)
            if evaluation is None and stopped:
                continue
            with _explained():  # a suite of which nothing was asked has a verdict too
                evaluation = self._suites.open(name)
            if self._is_controller and not evaluation.selected:  # no worker lived to say: then all counts as asked for
                evaluation.selected = list(evaluation.header.planned)
            with _explained():
                outcome = evaluation.finish(stopped=stopped)
            self._outcomes.append(outcome)
            record_suite(self._config, outcome)
            if not stopped:
                for report in gate_reports(outcome, fail_inconclusive=self._suites.fail_inconclusive):
                    session.testscollected += 1
                    session.testsfailed += report.failed
                    for part in (report, finished(report)):
                        self._config.hook.pytest_runtest_logreport(report=part)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Called before the end: whatever a hook made of the results, a run that is not green does not end with 0."""
        red = {"fail", "error", "incomparable"}
        bad = any(outcome.status in red and not outcome.accepted for outcome in self._outcomes)
        if bad and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        nothing = self._outcomes and not any(outcome.run.selected for outcome in self._outcomes)
        if nothing and session.exitstatus == pytest.ExitCode.OK:  # the items of gates are no answer
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Called at the end: verdict first."""
        for outcome in self._outcomes:
            terminalreporter.section(f"llm {outcome.run.header.suite}", sep="=")
            for line, markup in summary_lines(outcome, self._config.rootpath):
                terminalreporter.write_line(line, **markup)


@contextmanager
def _explained() -> Iterator[None]:
    """What cannot be written or judged ends the run with a sentence: what was asked and not kept is worth nothing."""
    try:
        yield
    except EvalHarnessError as error:
        pytest.exit(f"evalharness: {error}", returncode=pytest.ExitCode.INTERNAL_ERROR)
