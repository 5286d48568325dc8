"""What one pytest session knows of its suites: options, plans, samples, and what becomes of them at the end."""

from __future__ import annotations

import importlib
import math
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import pytest

from evalharness.config import Config, load_config
from evalharness.engine import Asking, Engine, Plan, make_plan
from evalharness.engine.prices import Tariff
from evalharness.errors import ConfigError, StoreError
from evalharness.providers import Provider
from evalharness.records import Baseline, Request, Run, RunHeader, Sample, SampleKey, Verdict
from evalharness.report import Outcome, write_reports
from evalharness.report.asked import dollars
from evalharness.store import RunWriter, accept, baseline_path, in_ci, read_baseline, sample_to_json
from evalharness.store.ledger import Ledger
from evalharness.suites import load_suite, suite_names, suite_path


@dataclass(slots=True)
class SuiteRun:
    """One suite in this session."""

    plan: Plan
    header: RunHeader
    folder: Path
    selected: list[SampleKey] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    writer: RunWriter | None = None

    def run(self, *, stopped: bool) -> Run:
        """All that has come in so far."""
        return Run(self.header, tuple(self.samples), tuple(self.selected), stopped)

    def record(self) -> RunWriter:
        """The record on disk, begun when it is first needed. Raises StoreError."""
        if self.writer is None:
            self.writer = RunWriter(self.folder / "run.jsonl", self.header)
            for older in ("report.html", "verdict.json"):  # an older verdict must not stand beside a newer run
                (self.folder / older).unlink(missing_ok=True)
        return self.writer


@dataclass(slots=True)
class SuiteSession:
    """The suites of this session, loaded when they are collected."""

    config: Config
    names: tuple[str, ...]
    models: Sequence[str] = ()
    prompts: Sequence[str] = ()
    repeat: int = 1
    baseline: str | None = None
    accepting: bool = False
    fail_inconclusive: bool = False
    report: str | None = None
    asking: Asking = field(default_factory=Asking)
    runs: dict[str, SuiteRun] = field(default_factory=dict)
    providers: dict[str, Provider] = field(default_factory=dict)
    """One for each model, whichever suites use it."""
    ledger: Ledger | None = None

    @classmethod
    def from_options(cls, config: pytest.Config) -> SuiteSession:
        """Raises pytest.UsageError or EvalHarnessError for options that cannot be served."""
        workers = getattr(config, "workerinput", {}).get("workercount", 1)
        own = load_config(config.rootpath).model_copy(
            update={"processes": workers, "offline": config.getoption("--llm-record") == "none"}
        )
        option = config.getoption
        for name, least in (("--llm-repeat", 1), ("--llm-concurrency", 1), ("--llm-budget", 0), ("--llm-deadline", 0)):
            if option(name) is not None and not least <= option(name) < math.inf:
                raise pytest.UsageError(f"{name}: a number from {least}, not {option(name)}")
        if option("--llm-accept") and in_ci():
            raise pytest.UsageError(
                "--llm-accept: a baseline is never accepted in CI; accept it at your desk and commit it"
            )
        return cls(
            config=own,
            names=_names(option("--llm-suite"), own.root),
            models=option("--llm-model"),
            prompts=option("--llm-prompt"),
            repeat=option("--llm-repeat"),
            baseline=option("--llm-baseline"),
            accepting=option("--llm-accept"),
            fail_inconclusive=option("--llm-inconclusive") == "fail",
            report=option("--llm-report"),
            asking=Asking(
                record=option("--llm-record"),
                concurrency=option("--llm-concurrency"),
                budget_usd=option("--llm-budget"),
                deadline_s=option("--llm-deadline"),
                run=getattr(config, "workerinput", {}).get("testrunuid") or secrets.token_hex(8),
            ),
        )

    @property
    def paths(self) -> list[Path]:
        """The suite files."""
        return [suite_path(name, self.config.root) for name in self.names]

    @property
    def tariffs(self) -> dict[str, Tariff]:
        """The price of each model that has one."""
        return {model: price for run in self.runs.values() for model, price in run.plan.tariffs.items()}

    def estimates(self, requests: Iterable[Request]) -> Iterator[str]:
        """A line for each model that costs something: what asking it can cost at most."""
        tariffs = self.tariffs if self.asking.record != "none" else {}
        priced = [request for request in requests if request.key.model in tariffs]
        for model, asked in groupby(sorted(priced, key=lambda request: request.key.model), lambda r: r.key.model):
            mine, tariff = list(asked), tariffs[model]
            about = dollars(sum(map(tariff.about_usd, mine)))
            most = dollars(sum(tariff.most_usd(request, self.providers[model].deadline_s) for request in mine))
            yield f"llm: {len(mine)} requests to {model}: about {about} if every answer is as long as it may be, at "
            yield f"     most {most}, retries aside; what is recorded costs nothing ({tariff.source})"

    def engine(self) -> Engine:
        """For everything that has been collected. Raises StoreError, ConfigError."""
        tariffs = self.tariffs
        unpriced = [model for model in self.providers if model not in tariffs]
        if self.asking.budget_usd is not None and unpriced:
            raise ConfigError(
                f"--llm-budget: the price of {', '.join(unpriced)} is not known; write price = {{input = ..., output = "
                f"...}} (dollars for a million tokens) into [tool.evalharness.models.{unpriced[0]}]"
            )
        kept = self.asking.budget_usd is not None or any(provider.recorded for provider in self.providers.values())
        if kept and self.ledger is None:
            self.ledger = Ledger(self.config.cache_dir / "ledger.sqlite")
        scorers = [run.plan.scorer for run in self.runs.values()]
        return Engine(self.providers, scorers, asking=self.asking, tariffs=tariffs, ledger=self.ledger)

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
            folder = self.config.root / (self.report or f"reports/{name}")
            self.runs[name] = SuiteRun(
                plan, plan.header(), folder / name if self.report and len(self.names) > 1 else folder
            )
        return self.runs[name]

    def add(self, name: str, sample: Sample) -> None:
        """A sample has come in: onto the record, and kept."""
        suite_run = self.open(name)
        suite_run.record().append(sample_to_json(sample))
        suite_run.samples.append(sample)

    def conclude(self, name: str, *, stopped: bool) -> Outcome:
        """Judge a suite's run, accept it if asked to, write its reports."""
        suite_run = self.runs[name]
        run = suite_run.run(stopped=stopped)
        suite_run.record().end(suite_run.selected, stopped=stopped)
        baselines = {pair: self.read_baseline(name, *pair) for pair in suite_run.plan.asked}
        command = self.accept_command(name)
        from evalharness.gate import judge_run  # brings numpy: see `get_ready`

        verdicts: list[Verdict] = [] if stopped else judge_run(run, baselines, accept_command=command)
        accepted, refusal = self.accept(suite_run, run)
        outcome = Outcome(
            run=run,
            verdicts=tuple(verdicts),
            baselines=baselines,
            folder=suite_run.folder,
            accept_command=command,
            accepted=accepted,
            refusal=refusal,
            compared=self.baseline != "none",
        )
        write_reports(outcome, self.config.root)
        return outcome

    def read_baseline(self, suite: str, model: str, prompt: str) -> Baseline | StoreError | None:
        """As the options say: the committed one, a given file or folder, or none."""
        if self.baseline == "none":
            return None
        path = baseline_path(self.config.root, suite, model, prompt)
        if self.baseline is not None:
            given = self.config.root / self.baseline
            path = given / f"{model}.{prompt}.jsonl" if given.is_dir() else given
            if not path.exists():
                return StoreError(f"--llm-baseline {self.baseline}: there is no {path}")
        try:
            return read_baseline(path, self.config.root)
        except StoreError as error:
            return error

    def accept(self, suite_run: SuiteRun, run: Run) -> tuple[tuple[Path, ...], str]:
        """The baseline files that were written, or why none was."""
        if not self.accepting:
            return (), ""
        try:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            return tuple(accept(run, root=self.config.root, asked=suite_run.plan.asked, accepted_at=now)), ""
        except StoreError as error:
            return (), str(error)

    def accept_command(self, name: str) -> str:
        """What to type to accept this very run."""
        chosen = [f"--llm-model={model}" for model in self.models] + [
            f"--llm-prompt={prompt}" for prompt in self.prompts
        ]
        return " ".join(["pytest", f"--llm-suite={name}", *chosen, "--llm-accept"])


def get_ready() -> None:
    """Import what is needed only once the answers are there, while they are still waited for."""
    for module in ("evalharness.gate", "evalharness.report.html"):
        importlib.import_module(module)


def _names(given: str, root: Path) -> tuple[str, ...]:
    names = suite_names(root) if given == "all" else [name.strip() for name in given.split(",") if name.strip()]
    if not names:
        raise pytest.UsageError(f"--llm-suite={given}: there is no suite under {root / 'suites'}")
    for name in names:
        suite_path(name, root)
    return tuple(dict.fromkeys(names))


def case_keys(keys: Iterable[SampleKey]) -> dict[tuple[str, str, str], list[SampleKey]]:
    """The repeats of each case, prompt and model."""
    grouped: dict[tuple[str, str, str], list[SampleKey]] = {}
    for key in keys:
        grouped.setdefault((key.model, key.prompt, key.case), []).append(key)
    return grouped
