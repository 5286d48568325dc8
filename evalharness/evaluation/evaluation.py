"""One suite's life: plan, requests, samples, confirmation, verdict, acceptance, reports.

    evaluation = open_evaluation("support", resources)
    with resources:
        evaluation.start()
        for key in evaluation.selected:
            evaluation.add(evaluation.wait(key))
        confirm(evaluation)
    outcome = evaluation.finish()

`evaluate()` does just this; pytest does it item by item. `execution/executor.py` says where requests run.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median
from typing import Any

from evalharness.errors import EvalHarnessError, StoreError
from evalharness.evaluation.acceptance import Reason, accept_run
from evalharness.evaluation.commands import accept_command, command
from evalharness.evaluation.options import EvaluationOptions
from evalharness.evaluation.plan import make_plan
from evalharness.evaluation.reference import ReferenceRun, open_reference_run
from evalharness.evaluation.resources import Resources
from evalharness.gate.kinds import gate_kind
from evalharness.logs import get_logger
from evalharness.records import (
    Baseline,
    Baselines,
    Case,
    Request,
    Run,
    Sample,
    SampleKey,
    Stability,
    Status,
    Verdict,
)
from evalharness.report import Outcome, write_reports
from evalharness.store import RunWriter, sample_to_json, work_s
from evalharness.store.runs import RECORD, read_run
from evalharness.suites import load_suite

_log = get_logger(__name__)
RECORDS = (RECORD, "reference.jsonl")
"""The files that a run writes into its folder, apart from its reports."""


class Evaluation:
    """One suite in one invocation. Made by `open_evaluation`."""

    def __init__(self, resources: Resources, name: str, options: EvaluationOptions | None = None) -> None:
        self.resources, self.options = resources, options or resources.options
        self.plan = make_plan(
            load_suite(name, resources.config),
            resources.config,
            models=self.options.models,
            prompts=self.options.prompts,
            repeat=self.options.repeat,
            opened=resources.providers,
        )
        resources.plans.append(self.plan)
        self.folder = resources.folder(name)
        against = self.options.against
        repeatable = all(provider.capabilities.repeatable for provider in self.plan.providers.values())
        stages = 2 if repeatable and self.options.run.record != "none" else 1
        self.header = replace(self.plan.header(), max_stages=stages, against=against.sha if against else "")
        self.selected: list[SampleKey] = []
        self.samples: list[Sample] = []
        self.stability: list[Stability] = []
        self.screened: list[Verdict] = []
        """Verdicts of the first comparison, where it left nothing to confirm."""
        self.outcome: Outcome | None = None
        self.reference: ReferenceRun | None = None
        if against is not None:
            self.reference = open_reference_run(against, self.plan, self.folder, resources.providers)
        self._requests = {request.key: (case, request) for case, request in self.plan.requests}
        _log.info("suite %s: %d requests planned, models %s", name, len(self._requests), ", ".join(self.plan.providers))
        self._futures: dict[SampleKey, Future[Sample]] = {}
        self._reference_futures: list[Future[Sample]] = []
        self._calibration: list[float] = []
        self._writer: RunWriter | None = None

    @property
    def name(self) -> str:
        """The suite's name."""
        return self.plan.suite.name

    def start(self, keys: Iterable[SampleKey] | None = None) -> None:
        """Send these requests; None: all that are selected, or all of the plan where nothing is."""
        if keys is None:
            self.selected = keys = self.selected or list(self._requests)
        for key in keys:
            self._futures[key] = self.ask(*self._requests[key])
            if self.options.against and (other := self._counterpart(key)):  # in turns: both meet the same hour
                self._reference_futures.append(self.ask(*other))

    def ask(self, case: Case, request: Request) -> Future[Sample]:
        """Send one request; the sample is scored by this suite's metrics."""
        return self.resources.pipeline.submit(case, request, self.plan.scorer)

    def wait(self, key: SampleKey) -> Sample:
        """The sample of a request, once it is there."""
        return self.future(key).result()

    def future(self, key: SampleKey) -> Future[Sample]:
        """The sample to come of a request, which is sent now if it was not. Returns it once."""
        if key not in self._futures:
            self.start([key])
        return self._futures.pop(key)

    def add(self, sample: Sample) -> None:
        """Append a sample to the record. Raises StoreError."""
        self._record().append(sample_to_json(sample))
        self.samples.append(sample)

    def calibrate(self, times: int) -> None:
        """Measure the speed of this machine, where a gate compares seconds of a local model."""
        gated = any(gate_kind(rule.metric).measures_machine for rule in self.header.gates)
        if gated and any(provider.capabilities.local for provider in self.plan.providers.values()):
            self._calibration += [work_s() for _ in range(times)]

    def add_reference_samples(self) -> None:
        """Wait for the samples of the version that runs beside this one, and append them to its record."""
        for future in self._reference_futures:
            assert self.reference
            self.reference.add(future.result())
        self._reference_futures.clear()

    def finish(self, *, stopped: bool = False) -> Outcome:
        """Close the record, decide, accept where the options say so, write the reports. Raises StoreError."""
        self._close(stopped=stopped)
        verdicts = self.judge(stopped=True) if stopped else self.screened or self.judge()
        run, merge_base = self.run(stopped=stopped), self.resources.merge_base
        outcome = Outcome(
            run=run,
            verdicts=tuple(verdicts),
            baselines=merge_base.shown(run, self.options.baseline, self._reference_run(stopped=stopped)),
            folder=self.folder,
            accept_command=accept_command(self.name, self.options),
            compared=self.options.baseline != "none",
            criteria=merge_base.changes(self.name),
            base=self.options.base.sha if self.options.base else "",
            command=command(self.name, self.options),
            root=self.resources.config.root,
            suite=self.plan.suite,
        )
        outcome = self._accepted(outcome, self.options.because) if self.options.accept else outcome
        errors = write_reports(outcome, self.resources.formats)
        self.outcome = replace(outcome, report_errors=tuple(errors))
        _log.info("suite %s: %s, reports in %s", self.name, self.outcome.status, self.folder)
        return self.outcome

    def run(self, *, stopped: bool = False) -> Run:
        """All samples so far."""
        calibration_s = median(self._calibration) if self._calibration else None
        samples, selected, stability = tuple(self.samples), tuple(self.selected), tuple(self.stability)
        return Run(self.header, samples, selected, stopped, calibration_s, stability)

    def judge(self, *, stopped: bool = False, screening: bool = False) -> list[Verdict]:
        """The verdicts on the samples so far; none for a run that was stopped."""
        return self.resources.merge_base.judge(
            self.run(stopped=stopped),
            accept_command=accept_command(self.name, self.options),
            given=self.options.baseline,
            reference=self._reference_run(stopped=stopped),
            screening=screening,
        )

    def baselines(self) -> Baselines:
        """The baselines that this run is compared with."""
        return self.resources.merge_base.baselines(self.name, list(self.plan.request_digests), self.options.baseline)

    def reference_for(self, pairs: Collection[tuple[str, str]]) -> ReferenceRun | None:
        """The baseline's own version, to run beside this one: that of `against`, else that of the merge base where its
        requests are those of the baseline's latest run. None where there is no such version.
        """
        base = self.options.base
        if self.reference is not None or base is None:
            return self.reference
        try:
            found = open_reference_run(base, self.plan, self.folder, self.resources.providers)
        except EvalHarnessError:  # the suite is new, or could not be read then
            return None
        accepted = self.baselines()
        if all(_has_digest(accepted.get(pair), found.plan.request_digests.get(pair)) for pair in pairs):
            self.reference = found
        return self.reference

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """A verdict for each gate of each model and prompt; empty before `finish`."""
        return self.outcome.verdicts if self.outcome else ()

    @property
    def status(self) -> Status | None:
        """The worst of all gates and cases; None before `finish`."""
        return self.outcome.status if self.outcome else None

    @property
    def means(self) -> dict[tuple[str, str], dict[str, float]]:
        """The mean of each metric over the planned samples, by model and prompt."""
        values: dict[tuple[str, str], dict[str, list[float]]] = {}
        for sample in self.samples:
            if sample.key in self._requests:
                by_metric = values.setdefault((sample.key.model, sample.key.prompt), {})
                for score in sample.scores:
                    by_metric.setdefault(score.metric, []).append(score.value)
        return {pair: {name: fmean(found) for name, found in by.items()} for pair, by in values.items()}

    def to_pandas(self) -> Any:
        """A pandas.DataFrame with a row per sample. Raises MissingExtraError without pandas."""
        return self.run().to_pandas()

    def save(self, folder: str | Path) -> None:
        """Copy the record and the reports into a folder. Raises StoreError."""
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            for name in (*RECORDS, *(one.file_name for one in self.resources.formats.values())):
                if (self.folder / name).is_file():
                    shutil.copyfile(self.folder / name, Path(folder) / name)
        except OSError as error:
            raise StoreError(f"{folder}: cannot be written: {error.strerror or error}") from None

    def accept(self, *, because: str = "") -> None:
        """Make the finished run part of the baseline. Raises RefusedError: in CI, or a partial run."""
        assert self.outcome, "finish() comes first"
        written = accept_run(self.outcome.run, self.resources.config, Reason(because, self.outcome.status))
        self.outcome = replace(self.outcome, accepted=tuple(written))

    def _counterpart(self, key: SampleKey) -> tuple[Case, Request] | None:
        return self.reference.counterpart(key) if self.reference else None

    def _reference_run(self, *, stopped: bool) -> Run | None:
        return self.reference.run(stopped=stopped) if self.reference else None

    def _accepted(self, outcome: Outcome, because: str) -> Outcome:
        try:
            written = accept_run(outcome.run, self.resources.config, Reason(because, outcome.status))
            return replace(outcome, accepted=tuple(written))
        except EvalHarnessError as error:
            return replace(outcome, refusal=str(error))

    def _close(self, *, stopped: bool) -> None:
        self._record().end(self.run(stopped=stopped))
        if stopped:  # an interrupt may fall between a sample's line and the list: the record decides
            self.samples = list(read_run(self.folder / RECORD).samples)
        if self.reference is not None:
            self.reference.end(stopped=stopped)

    def _record(self) -> RunWriter:
        if self._writer is None:
            self._writer = RunWriter(self.folder / RECORD, self.header)
        return self._writer


def open_evaluation(name: str, resources: Resources, options: EvaluationOptions | None = None) -> Evaluation:
    """Load and plan a suite; `options` replace those of the resources.

    Raises SuiteError, ConfigError, MissingExtraError, StoreError.
    """
    return Evaluation(resources, name, options)


def delete_stale_reports(resources: Resources, name: str) -> None:
    """Delete the files of an older run of a suite, so that none is taken for this run's."""
    for file in (*RECORDS, *(one.file_name for one in resources.formats.values())):
        with suppress(OSError):  # a file that cannot be deleted cannot be written either, which raises later
            (resources.folder(name) / file).unlink()


def _has_digest(baseline: Baseline | StoreError | None, digest: str | None) -> bool:
    """Whether the baseline's latest run had requests of this digest."""
    return isinstance(baseline, Baseline) and baseline.runs[-1].request_digest == digest
