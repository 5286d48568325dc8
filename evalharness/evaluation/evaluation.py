"""One suite's life: plan, requests, samples, confirmation, verdict, acceptance, reports.

    evaluation = open_evaluation("support", resources)
    with resources:
        evaluation.start()
        for samples in evaluation.requests.samples(evaluation.selected):
            evaluation.add(*samples)
        confirm(evaluation)
    outcome = evaluation.finish()

`evaluate()` does just this; pytest does it item by item. `execution/executor.py` decides where requests run.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from evalharness.errors import EvalHarnessError, StoreError
from evalharness.evaluation.assigned import Assigned
from evalharness.evaluation.commands import accept_command, command
from evalharness.evaluation.options import EvaluationOptions
from evalharness.evaluation.plan import make_plan
from evalharness.evaluation.prompt_changes import EarlierCode, prompt_changes
from evalharness.evaluation.report_files import files_of
from evalharness.evaluation.requests import Requests
from evalharness.evaluation.resources import Resources
from evalharness.evaluation.speed import MachineSpeed, placed
from evalharness.logs import get_logger
from evalharness.records import (
    JudgedAgain,
    PromptChange,
    Run,
    Sample,
    SampleKey,
    Stability,
    Status,
    Verdict,
)
from evalharness.report import Outcome, write_reports
from evalharness.store import RunWriter
from evalharness.store.runs import RECORD, read_run
from evalharness.store.stored_samples import so_far
from evalharness.suites import load_suite

_log = get_logger(__name__)


class Evaluation:
    """One suite in one invocation. Made by `open_evaluation`."""

    def __init__(self, resources: Resources, name: str, options: EvaluationOptions | None = None) -> None:
        self.name, self.resources, self.options = name, resources, options or resources.options
        plan = make_plan(
            load_suite(name, resources.config),
            resources.config,
            models=self.options.models,
            prompts=self.options.prompts,
            repeat=self.options.repeat,
            opened=resources.providers,
        )
        self.plan = plan
        if any(metric.compares for metric in plan.metrics) and not self.options.against:
            from evalharness.evaluation.compared_answers import with_accepted

            self.plan = with_accepted(plan, resources.merge_base, self.options.baseline)
        resources.plans.append(self.plan)
        self.folder = resources.folder(name)
        self.requests = Requests(resources, self.plan, self.options, self.folder)
        self.speed = MachineSpeed(self.plan)
        against = self.options.against.sha if self.options.against else ""
        self._accept_command = accept_command(name, self.options)
        self.assigned = Assigned(self.plan, self.options.shard)
        header = self.plan.header(resources.environment)
        header = replace(header, max_stages=self._stages(), against=against, shard=self.assigned.shard)
        self.header = placed(header, self.options.executor, resources.config)
        self.selected: Sequence[SampleKey] = ()
        self.samples: Sequence[Sample] = ()
        """The samples so far, in the order of the record."""
        self.stability: list[Stability] = []
        self.judged_again: list[JudgedAgain] = []
        self.screened: list[Verdict] = []
        """Verdicts of the screening stage, if they left nothing to confirm."""
        self.outcome: Outcome | None = None
        self._stopped = False
        self._run: Run | None = None
        self._writer: RunWriter | None = None
        _log.info(
            "suite %s: %d requests planned, models %s", name, len(self.header.planned), ", ".join(self.plan.models)
        )

    def start(self) -> None:
        """Send all selected requests; all of this run if none is selected."""
        self.selected = self.selected or self.assigned.keys
        self.requests.start(self.selected)

    def wait(self, key: SampleKey) -> Sample:
        """Wait for the sample of a request."""
        return self.requests.future(key).result()

    def add(self, *samples: Sample) -> None:
        """Append samples to the record. Raises StoreError."""
        self._record().append(*samples)

    def decide(self, *, screening: bool = False) -> list[Verdict]:
        """The verdicts on the samples so far; none for a stopped run. While `screening`, no gate fails yet."""
        return self.resources.merge_base.decide(
            self.run,
            accept_command=self._accept_command,
            given=self.options.baseline,
            reference=self.requests.reference_run(stopped=self._stopped),
            screening=screening,
            suite=self.plan.suite,
        )

    def finish(self, *, stopped: bool = False) -> Outcome:
        """Close the record, decide, accept if the options demand it, write the reports. Raises StoreError."""
        self._stopped = stopped
        try:
            self.outcome = self._reported()
        finally:
            self.resources.unlock(self.name)
        _log.info("suite %s: %s, reports in %s", self.name, self.outcome.status, self.folder)
        return self.outcome

    @property
    def run(self) -> Run:
        """The samples so far, with the header of the record."""
        samples, stability, judged = so_far(self.samples), tuple(self.stability), tuple(self.judged_again)
        selected = self.selected if self.selected is self.header.planned else tuple(self.selected)
        how = self._stopped, self.speed.calibration_s, stability, judged
        run = Run(self.header, samples, selected, *how, lost_nodes=tuple(self.resources.lost_nodes))
        if run != self._run:  # an equal one knows what was found out about it
            self._run = run
        return self._run

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """A verdict for each gate of each model and prompt; empty before `finish`."""
        return self.outcome.verdicts if self.outcome else ()

    @property
    def status(self) -> Status | None:
        """The worst status of all gates and cases; None before `finish`."""
        return self.outcome.status if self.outcome else None

    @property
    def means(self) -> dict[tuple[str, str], dict[str, float]]:
        """The mean of each metric over the planned samples, by model and prompt."""
        return self.run.means

    def to_pandas(self) -> Any:
        """A pandas.DataFrame with a row per sample. Raises MissingExtraError without pandas."""
        return self.run.to_pandas()

    def save(self, folder: str | Path) -> None:
        """Copy the record and the reports into a folder. Raises StoreError."""
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            for name in files_of(self.resources):
                if (self.folder / name).is_file():
                    shutil.copyfile(self.folder / name, Path(folder) / name)
        except OSError as error:
            raise StoreError(f"{folder}: cannot be written: {error.strerror or error}") from None

    def accept(self, *, because: str = "") -> None:
        """Make the finished run part of the baseline. Raises RefusedError: in CI, or a partial run."""
        assert self.outcome, "finish() comes first"
        self.outcome = replace(self.outcome, accepted=self._written(self.outcome, because))

    def _reported(self) -> Outcome:
        self._close()
        verdicts = self.screened if self.screened and not self._stopped else self.decide()
        outcome = self._outcome(verdicts)
        outcome = self._accepted(outcome, self.options.because) if self.options.accept else outcome
        errors = write_reports(outcome, self.resources.formats)
        return replace(outcome, report_errors=tuple(errors)) if errors else outcome  # a copy counts everything again

    def _stages(self) -> int:
        """Fresh samples can confirm a suspicion unless the options or a provider forbid them."""
        repeatable = all(provider.capabilities.repeatable for provider in self.plan.providers.values())
        return 2 if repeatable and self.options.run.record != "none" else 1

    def _outcome(self, verdicts: Sequence[Verdict]) -> Outcome:
        options, merge_base, run = self.options, self.resources.merge_base, self.run
        reference = self.requests.reference_run(stopped=self._stopped)
        return Outcome(
            run=run,
            verdicts=tuple(verdicts),
            baselines=merge_base.shown(run, options.baseline, reference),
            folder=self.folder,
            accept_command=self._accept_command,
            compared=options.baseline != "none",
            criteria=merge_base.criteria(run, verdicts, options.baseline, reference),
            prompts=self._prompt_changes(run),
            base=options.base.sha if options.base else "",
            command=command(self.name, options),
            root=self.resources.config.root,
            suite=self.plan.suite,
            warnings=tuple(self.resources.warnings),
        )

    def _prompt_changes(self, run: Run) -> tuple[PromptChange, ...]:
        """The prompts that differ from those of the version that this run is compared with."""
        commit, resources = self.options.against or self.resources.merge_base.commit, self.resources
        if commit is None:
            return ()
        code = EarlierCode(commit, partial(resources.folder_of, commit, whole=True))
        return prompt_changes(run, self.plan.suite, resources.config, resources.folder_of(commit), code)

    def _accepted(self, outcome: Outcome, because: str) -> Outcome:
        try:
            return replace(outcome, accepted=self._written(outcome, because))
        except EvalHarnessError as error:
            return replace(outcome, refusal=str(error))

    def _written(self, outcome: Outcome, because: str) -> tuple[Path, ...]:
        from evalharness.evaluation.acceptance import Reason, accept_run

        return tuple(accept_run(outcome.run, self.resources.config, Reason.of(outcome, because)))

    def _close(self) -> None:
        self._record().end(self.run)
        if self._stopped:  # an interrupt may fall between a sample's line and its place: the record decides
            self.samples = read_run(self.folder / RECORD).samples
        if self.requests.reference is not None:
            self.requests.reference.end(stopped=self._stopped)

    def _record(self) -> RunWriter:
        if self._writer is None:
            self.resources.lock(self.name)
            self._writer = RunWriter(self.folder / RECORD, self.header, self.resources.config.root)
            self.samples = self._writer.samples
        return self._writer


def open_evaluation(name: str, resources: Resources, options: EvaluationOptions | None = None) -> Evaluation:
    """Load and plan a suite; `options` replace those of the resources.

    Raises SuiteError, ConfigError, MissingExtraError, StoreError.
    """
    return Evaluation(resources, name, options)
