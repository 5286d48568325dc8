"""The hooks, registered only with `--llm-suite`: each hands over in a few lines."""

from __future__ import annotations

import textwrap
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from evalharness.errors import EvalHarnessError
from evalharness.evaluation.evaluation import Evaluation, get_ready
from evalharness.evaluation.suite_run import SuiteRun
from evalharness.execution import Engine
from evalharness.pytest_plugin.gate_results import finished, gate_reports
from evalharness.pytest_plugin.items import SAMPLES, CaseItem, SuiteFile
from evalharness.pytest_plugin.junit import case_properties, record_suite
from evalharness.pytest_plugin.progress import Progress
from evalharness.records import Sample, SampleKey
from evalharness.report import Outcome
from evalharness.report.terminal import summary_lines
from evalharness.store import sample_from_json, sample_to_json


class EvalPlugin:
    """Between pytest and the five steps. Under xdist the workers ask and the controller gathers and judges."""

    def __init__(self, config: pytest.Config, session: Evaluation) -> None:
        self._config, self._session = config, session
        self._paths = {path: path.stem for path in session.paths}
        self._engine: Engine | None = None
        self._asked: dict[str, list[Future[Sample]]] = {}
        self._beside: list[tuple[SuiteRun, Future[Sample]]] = []
        self._outcomes: list[Outcome] = []
        self._is_worker = hasattr(config, "workerinput")
        self._progress = Progress(config)
        config.stash[SAMPLES] = self.samples

    @property
    def _is_controller(self) -> bool:
        return not self._is_worker and bool(self._config.getoption("dist", "no") != "no")

    def samples(self, item: CaseItem) -> list[Sample]:
        """The samples of a case. xdist hands out items one by one, so there they are asked for only now."""
        if item.nodeid not in self._asked:
            self._ask(item)
        return [self._progress.wait(sample) for sample in self._asked.pop(item.nodeid)]

    def _ask(self, item: CaseItem) -> None:
        assert self._engine
        suite_run = self._session.runs[item.suite]
        asked, scorer = self._asked.setdefault(item.nodeid, []), suite_run.plan.scorer
        for request in item.requests:
            asked.append(self._engine.ask(item.case, request, scorer))
            if other := self._session.counterpart(suite_run, request):  # in turns: both meet the same machine and hour
                self._beside.append((suite_run, self._engine.ask(*other, scorer)))

    def pytest_sessionstart(self) -> None:
        """Called before anything is collected, and not for `--help`: older reports go."""
        if not self._is_worker and not self._config.getoption("collectonly"):
            self._session.forget()

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> SuiteFile | None:
        """Called for each file: ours are the suites that were asked for."""
        if file_path not in self._paths:
            return None
        node: SuiteFile = SuiteFile.from_parent(parent, path=file_path)
        node.llm_session = self._session
        return node

    def pytest_report_collectionfinish(self, items: Sequence[pytest.Item]) -> list[str]:
        """Called before anything is asked: what it can cost."""
        requests = [request for item in items if isinstance(item, CaseItem) for request in item.requests]
        return list(self._session.estimates(requests))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Called to run all items: the engine goes ahead of them, and the gates come after them."""
        if self._config.getoption("collectonly"):
            return (yield)
        cases = [item for item in session.items if isinstance(item, CaseItem)]
        self._choose(cases)
        engine, stopped = self._opened_engine(), True
        try:
            with self._at_work(engine, cases):  # left before anything is concluded: then nothing more is sent
                result = yield
                if not self._is_worker:
                    self._session.calibrate(3)
                    self._look_again(engine)
            stopped = False
        finally:
            if not self._is_worker:
                self._conclude(session, stopped=stopped)
        return result

    def _choose(self, cases: Sequence[CaseItem]) -> None:
        """Which samples are to come."""
        for name, run in self._session.runs.items():
            run.selected = [request.key for item in cases if item.suite == name for request in item.requests]
        if self._is_worker:
            selected = {name: [list(key) for key in run.selected] for name, run in self._session.runs.items()}
            self._config.workeroutput["evalharness_selected"] = selected  # type: ignore[attr-defined]
        if self._is_controller:
            self._look_ahead()

    @contextmanager
    def _at_work(self, engine: Engine, cases: Sequence[CaseItem]) -> Iterator[None]:
        """Outside of xdist the engine knows all requests at once."""
        ready = threading.Thread(target=get_ready, daemon=True, name="evalharness-imports")
        self._session.calibrate(2)
        with closing(self._session), engine as self._engine:
            if not self._is_worker:
                suites = list(dict.fromkeys(item.suite for item in cases))
                asked = {id(one): one for name in suites for one in self._session.runs[name].plan.providers.values()}
                self._progress.start(suites, len(cases), asked.values())
                for item in cases:
                    self._ask(item)
            ready.start()
            try:
                yield
            finally:
                ready.join()  # two threads that import the same can get in each other's way

    def _look_again(self, engine: Engine) -> None:
        """What was drawn beside the cases comes in; and what would fail is drawn again before it does."""
        from evalharness.evaluation.confirm import confirm  # brings numpy: see `get_ready`

        for suite_run, sample in self._beside:
            assert suite_run.reference
            with _explained():
                suite_run.reference.add(sample.result())
        for name, suite_run in self._session.runs.items():
            if suite_run.selected:
                with _explained():
                    confirm(self._session, name, engine, self._say)

    def _say(self, line: str) -> None:
        if reporter := self._config.pluginmanager.get_plugin("terminalreporter"):
            if self._config.get_terminal_writer().width_of_current_line:
                reporter.write_line("")
            for part in textwrap.wrap(line, 79, subsequent_indent=" " * 5, break_on_hyphens=False):
                reporter.write_line(part)

    def _look_ahead(self) -> None:
        """Before xdist's workers ask: what they may cost, and whether they can ask at all."""
        for name in self._session.names:
            with suppress(EvalHarnessError):  # of a suite that cannot be read: the workers say so
                self._session.open(name)
        requests = [request for run in self._session.runs.values() for _, request in run.plan.requests]
        for line in self._session.estimates(requests):
            self._say(line)

    def _opened_engine(self) -> Engine:
        try:
            return self._session.engine()
        except EvalHarnessError as error:
            raise pytest.UsageError(str(error)) from None

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Called by xdist when a worker has ended: each knows the whole selection."""
        for name, keys in getattr(node, "workeroutput", {}).get("evalharness_selected", {}).items():
            self._session.open(name).selected = [SampleKey(*key) for key in keys]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Called after each phase of an item: its samples travel on the report, also from an xdist worker."""
        report = yield
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
                for sample in samples:
                    self._session.add(suite, sample if isinstance(sample, Sample) else sample_from_json(sample))
            self._progress.advance(report)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Called for the letter of a result: on a terminal the progress line and the summary stand for it."""
        ours = hasattr(report, "evalharness") or "::gate[" in report.nodeid
        if self._progress.shown and ours and report.when == "call" and not report.failed:
            return report.outcome, "", ""
        return None

    def _conclude(self, session: pytest.Session, *, stopped: bool) -> None:
        self._progress.end()
        for name in self._session.names:
            suite_run = self._session.runs.get(name)
            if suite_run is None and stopped:
                continue
            with _explained():  # a suite of which nothing was asked has a verdict too
                suite_run = self._session.open(name)
            if self._is_controller and not suite_run.selected:  # no worker lived to say: then all counts as asked for
                suite_run.selected = list(suite_run.header.planned)
            with _explained():
                outcome = self._session.conclude(name, stopped=stopped)
            self._outcomes.append(outcome)
            record_suite(self._config, outcome)
            if not stopped:
                for report in gate_reports(outcome, fail_inconclusive=self._session.fail_inconclusive):
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
