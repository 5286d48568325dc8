"""What one pytest session knows of its suites: options, plans, samples, and what becomes of them at the end."""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path

from evalharness.config import Config
from evalharness.errors import ConfigError, EvalHarnessError, StoreError
from evalharness.evaluation.merge_base import MergeBase
from evalharness.evaluation.plan import make_plan
from evalharness.evaluation.reference import ReferenceRun, open_reference_run
from evalharness.evaluation.suite_run import REPORTS, SuiteRun
from evalharness.execution import Engine, RunOptions
from evalharness.execution.pricing import Pricing
from evalharness.providers import Provider
from evalharness.records import Baseline, Baselines, Case, Request, Sample, SampleKey, Stability, Verdict
from evalharness.report import Outcome, write_reports
from evalharness.report.usage import dollars
from evalharness.review.acceptance import Reason, accept_run
from evalharness.store import Commit, sample_to_json, work_s
from evalharness.store.ledger import Ledger
from evalharness.suites import load_suite, suite_path


@dataclass
class Evaluation:
    """The suites of this session, loaded when they are collected."""

    config: Config
    names: tuple[str, ...]
    models: Sequence[str] = ()
    prompts: Sequence[str] = ()
    repeat: int = 1
    baseline: str | None = None
    accepting: bool = False
    because: str = ""
    """Why this run is accepted."""
    fail_inconclusive: bool = False
    report: str | None = None
    options: RunOptions = field(default_factory=RunOptions)
    runs: dict[str, SuiteRun] = field(default_factory=dict)
    providers: dict[str, Provider] = field(default_factory=dict)
    """One for each model, whichever suites use it."""
    ledger: Ledger | None = None
    base: Commit | None = None
    """The merge base: baselines and rules count as they stand there."""
    against: Commit | None = None
    """The version that is drawn beside this run instead of comparing with accepted ones."""

    def forget(self) -> None:
        """Before anything is asked: what an older run left must not stand where this one's is looked for."""
        for path in (self.folder(name) / report for name in self.names for report in REPORTS):
            with suppress(OSError):  # what cannot be taken away cannot be written either: that is said then
                path.unlink()

    def folder(self, name: str) -> Path:
        """Where the reports of a suite go."""
        folder = self.config.root / (self.report or f"reports/{name}")
        return folder / name if self.report and len(self.names) > 1 else folder

    @cached_property
    def trusted(self) -> MergeBase:
        """What this change cannot change for itself."""
        return MergeBase(self.config, self.base)

    @property
    def paths(self) -> list[Path]:
        """The suite files."""
        return [suite_path(name, self.config.root) for name in self.names]

    @property
    def pricing(self) -> dict[str, Pricing]:
        """The price of each model that has one."""
        return {model: price for run in self.runs.values() for model, price in run.plan.pricing.items()}

    def estimates(self, requests: Iterable[Request]) -> Iterator[str]:
        """A line for each model that costs something: what asking it can cost at most."""
        pricing = self.pricing if self.options.record != "none" else {}
        priced = [request for request in requests if request.key.model in pricing]
        for model, asked in groupby(sorted(priced, key=lambda request: request.key.model), lambda r: r.key.model):
            mine, price = list(asked), pricing[model]
            about = dollars(sum(map(price.about_usd, mine)))
            most = dollars(sum(price.most_usd(request, self.providers[model].deadline_s) for request in mine))
            yield f"llm: {len(mine)} requests to {model}: about {about} if every answer is as long as it may be, at "
            yield f"     most {most}, retries aside; what is recorded costs nothing ({price.source})"

    def engine(self) -> Engine:
        """For everything that has been collected. Raises StoreError, ConfigError."""
        pricing = self.pricing
        unpriced = [model for model in self.providers if model not in pricing]
        if self.options.budget_usd is not None and unpriced:
            raise ConfigError(
                f"--llm-budget: the price of {', '.join(unpriced)} is not known; write price = {{input = ..., output = "
                f"...}} (dollars for a million tokens) into [tool.evalharness.models.{unpriced[0]}]"
            )
        kept = self.options.budget_usd is not None or any(provider.recorded for provider in self.providers.values())
        if kept and self.ledger is None:
            self.ledger = Ledger(self.config.cache_dir / "ledger.sqlite")
        scorers = [run.plan.scorer for run in self.runs.values()]
        return Engine(self.providers, scorers, options=self.options, pricing=pricing, ledger=self.ledger)

    def close(self) -> None:
        """Give the ledger back."""
        if self.ledger is not None:
            self.ledger.close()
            self.ledger = None

    def open(self, name: str) -> SuiteRun:
        """The suite's run; loads and plans it the first time. Raises SuiteError, ConfigError, MissingExtraError."""
        if name not in self.runs:
            suite = load_suite(name, self.config)
            plan = make_plan(
                suite,
                self.config,
                models=self.models,
                prompts=self.prompts,
                repeat=self.repeat,
                opened=self.providers,
            )
            folder = self.folder(name)
            header = replace(
                plan.header(),
                looks=1 if self.options.record == "none" else 2,
                against=self.against.sha if self.against else "",
            )
            self.runs[name] = SuiteRun(plan, header, folder)
            if self.against is not None:
                self.runs[name].reference = open_reference_run(self.against, plan, folder, self.providers)
        return self.runs[name]

    def add(self, name: str, sample: Sample) -> None:
        """A sample has come in: onto the record, and kept."""
        suite_run = self.open(name)
        suite_run.record().append(sample_to_json(sample))
        suite_run.samples.append(sample)

    def conclude(self, name: str, *, stopped: bool) -> Outcome:
        """Judge a suite's run, accept it if asked to, write its reports."""
        suite_run = self.runs[name]
        suite_run.close(stopped=stopped)
        verdicts = self.judge(suite_run, stopped=True) if stopped else suite_run.settled or self.judge(suite_run)
        run = suite_run.run(stopped=stopped)
        outcome = Outcome(
            run=run,
            verdicts=tuple(verdicts),
            baselines=self.trusted.shown(run, self.baseline, suite_run.beside(stopped=stopped)),
            folder=suite_run.folder,
            accept_command=self.accept_command(name),
            compared=self.baseline != "none",
            criteria=self.trusted.changes(name),
            base=self.base.sha if self.base else "",
            command=self.command(name),
        )
        outcome = self.accept(outcome)
        write_reports(outcome, self.config.root)
        return outcome

    def calibrate(self, often: int) -> None:
        """Measure the machine, for suites with a gate on the latency of a local model."""
        timed = [run for run in self.runs.values() if run.times_the_machine]
        for _ in range(often if timed else 0):
            seconds = work_s()
            for run in timed:
                run.calibration.append(seconds)

    def judge(self, suite_run: SuiteRun, *, stopped: bool = False, screening: bool = False) -> list[Verdict]:
        """What the gates say of what has come in so far; nothing of a run that was stopped."""
        return self.trusted.judge(
            suite_run.run(stopped=stopped),
            accept_command=self.accept_command(suite_run.plan.suite.name),
            given=self.baseline,
            reference=suite_run.beside(stopped=stopped),
            screening=screening,
        )

    def baselines(self, suite_run: SuiteRun) -> Baselines:
        """As the options say: those of the merge base, of a given file, folder or commit, or none."""
        return self.trusted.baselines(suite_run.plan.suite.name, list(suite_run.plan.asked), self.baseline)

    def stability(self, suite_run: SuiteRun, key: tuple[str, str, str], case: Case) -> Stability:
        """How many accepted runs broke a stable assertion of this case."""
        baseline = self.baselines(suite_run).get(key[:2])
        stored = baseline.cases.get(case.id) if isinstance(baseline, Baseline) else None
        draws = stored.draws if stored and stored.digest == case.digest else ()
        broken = {draw.run for draw in draws if suite_run.plan.scorer.broken(case, draw.text)[1]}
        return Stability(*key, len(broken), len({draw.run for draw in draws}))

    def counterpart(self, suite_run: SuiteRun, request: Request) -> tuple[Case, Request] | None:
        """With `--llm-against`: what the other version asks in this one's place, if it has such a case."""
        if self.against is None or suite_run.reference is None:
            return None
        return suite_run.reference.counterpart(request.key)

    def refer_to(self, suite_run: SuiteRun, pairs: Collection[tuple[str, str]]) -> ReferenceRun | None:
        """The baseline's own version, to be drawn beside this run: as of `--llm-against`, else of the merge base, if
        what it asks is what the baseline's runs were asked. None where there is no such version.
        """
        if suite_run.reference is not None or self.base is None:
            return suite_run.reference
        try:
            found = open_reference_run(self.base, suite_run.plan, suite_run.folder, self.providers)
        except EvalHarnessError:  # the suite is new, or could not be read then
            return None
        accepted = self.baselines(suite_run)
        if all(_is_asked(accepted.get(pair), found.plan.asked.get(pair)) for pair in pairs):
            suite_run.reference = found
        return suite_run.reference

    def accept(self, outcome: Outcome) -> Outcome:
        """With the baseline files that were written, or why none was."""
        if not self.accepting:
            return outcome
        try:
            written = accept_run(outcome.run, self.config, Reason(self.because, outcome.status))
            return replace(outcome, accepted=tuple(written))
        except EvalHarnessError as error:
            return replace(outcome, refusal=str(error))

    def accept_command(self, name: str) -> str:
        """What to type to accept this very run."""
        return shlex.join([*self._chosen(name), "--llm-accept"])

    def command(self, name: str) -> str:
        """What to type to see the same again."""
        against, repeat = self.against.sha if self.against else None, self.repeat if self.repeat > 1 else None
        given = {"baseline": self.baseline, "against": against, "repeat": repeat}
        return shlex.join([*self._chosen(name), *(f"--llm-{option}={said}" for option, said in given.items() if said)])

    def _chosen(self, name: str) -> list[str]:
        models = [f"--llm-model={model}" for model in self.models]
        return ["pytest", f"--llm-suite={name}", *models, *(f"--llm-prompt={prompt}" for prompt in self.prompts)]


def _is_asked(baseline: Baseline | StoreError | None, asked: str | None) -> bool:
    """Whether the baseline's latest run was asked just this."""
    return isinstance(baseline, Baseline) and baseline.runs[-1].asked == asked


def get_ready() -> None:
    """Import what is needed only once the answers are there, while they are still waited for."""
    for module in ("evalharness.gate", "evalharness.report.html", "evalharness.report.markdown"):
        with suppress(Exception):  # who needs it imports it again, and hears why it cannot be
            importlib.import_module(module)


def case_keys(keys: Iterable[SampleKey]) -> dict[tuple[str, str, str], list[SampleKey]]:
    """The repeats of each case, prompt and model."""
    grouped: dict[tuple[str, str, str], list[SampleKey]] = {}
    for key in keys:
        grouped.setdefault((key.model, key.prompt, key.case), []).append(key)
    return grouped
