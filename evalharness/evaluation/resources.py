"""Shared by the suites of one invocation: models, prices, ledger, engine and merge base."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from evalharness.config import Config
from evalharness.criteria.recordings import CommittedRecordings
from evalharness.criteria.snapshot import Snapshot
from evalharness.errors import ConfigError
from evalharness.evaluation.estimates import estimate_lines
from evalharness.evaluation.imports import Imports
from evalharness.evaluation.merge_base import MergeBase
from evalharness.evaluation.options import EvaluationOptions
from evalharness.evaluation.pipeline import Pipeline
from evalharness.evaluation.plan import Plan
from evalharness.execution import Engine, Executor, open_executor
from evalharness.execution.elsewhere import import_executor
from evalharness.execution.pricing import Pricing
from evalharness.logs import get_logger
from evalharness.modules import LAST_STEPS, ON_DEMAND, import_modules
from evalharness.providers import Provider
from evalharness.records import Request
from evalharness.report import open_formats
from evalharness.report.usage import dollars
from evalharness.store import Commit, in_ci
from evalharness.store.cache_folder import check_cache
from evalharness.store.environment import environment
from evalharness.store.job_ledger import open_ledger
from evalharness.store.ledger import Ledger
from evalharness.store.locks import RunLock
from evalharness.store.together import restore_interrupted

_log = get_logger(__name__)


@dataclass
class Resources:
    """A context manager. Requests run inside it; leaving it stops them and closes the models."""

    config: Config
    options: EvaluationOptions
    names: tuple[str, ...]
    """The suites of this invocation."""
    providers: dict[str, Provider] = field(default_factory=dict)
    """By model; suites share them."""
    plans: list[Plan] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """A line for each extension that failed to close."""
    lost_nodes: list[str] = field(default_factory=list)
    """The nodes of a cluster, and the workers on them, that were lost; filled at the end."""
    _locks: dict[str, RunLock] = field(default_factory=dict)
    _snapshots: dict[Commit, Snapshot] = field(default_factory=dict)
    _checkouts: dict[Commit, Snapshot] = field(default_factory=dict)
    _ledger: Ledger | None = None
    _pipeline: Pipeline | None = None
    _executor: Executor | None = None
    _running: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        restore_interrupted(self.config.root)
        check_cache(self.config.cache_dir, self.config.root)  # it holds vectors of embedders too
        self.merge_base = MergeBase(self.config, self.options.base)
        self.formats = open_formats(self.config.reports)

    @cached_property
    def environment(self) -> Mapping[str, Any]:
        """Versions, machine and commit. Shared, because `git status` reads the whole working tree."""
        return environment(self.config.root)

    @cached_property
    def imports(self) -> Imports | None:
        """The choice of imported responses; None without a merge base. In CI, only those of the merge base count.

        With the record mode `none`, no model can answer instead: a run lists what it replays of the change.
        """
        commit, root = self.merge_base.commit, self.config.root
        if commit is None:
            return None
        return Imports(CommittedRecordings(commit, root), in_ci() and self.options.run.record != "none")

    def __enter__(self) -> Resources:
        """Open the ledger and start the engine. Raises ConfigError: a budget without a price; StoreError."""
        options, pricing = self.options.run, self.pricing
        self._check_prices(pricing)
        with ExitStack() as opening:  # a failure closes what is open by then
            recorded = any(provider.capabilities.recorded for provider in self.providers.values())
            ledger = None
            if recorded or options.budget_usd is not None:
                admit = self.imports.admit if self.imports else None
                ledger = opening.enter_context(closing(open_ledger(self.config.cache_dir, self.config.root, admit)))
            self._ledger = ledger
            self._executor = executor = open_executor(self.options.executor, self.config, self.providers)
            if ledger is not None and not ledger.read_only and options.record != "none":
                for rows in executor.left_behind():
                    ledger.keep(rows)
            engine = Engine(self.providers, options=options, pricing=pricing, ledger=ledger, executor=executor)
            opening.callback(lambda: self.warnings.extend(engine.warnings))
            opening.callback(lambda: self._note(executor.lost))
            pipeline = Pipeline(engine, options.deadline_s)
            self._pipeline = opening.enter_context(pipeline)
            self._running = opening.pop_all()
        _log.info("record=%s, ledger %s", options.record, ledger.path if ledger else "not used")
        return self

    def __exit__(self, *error: object) -> None:
        self._pipeline = None
        _log.info("models close")
        self._running.close()

    @property
    def pipeline(self) -> Pipeline:
        """The running pipeline."""
        assert self._pipeline, "requests run inside of `with resources:`"
        return self._pipeline

    @property
    def pricing(self) -> dict[str, Pricing]:
        """The price of each model that has one."""
        return {model: price for plan in self.plans for model, price in plan.pricing.items()}

    def import_modules(self) -> None:
        """Import in this thread what the run would import in its own, and warm up the metrics."""
        import_modules([*LAST_STEPS, *ON_DEMAND])
        import_executor(self.options.executor, self.config)
        for plan in self.plans:
            for provider in (*plan.providers.values(), *plan.metric_models.values()):
                import_modules(provider.modules)
            plan.scorer.warm_up()

    def folder(self, name: str) -> Path:
        """The folder of a suite's reports."""
        folder = self.config.root / (self.options.report or f"reports/{name}")
        return folder / name if self.options.report and len(self.names) > 1 else folder

    def lock(self, name: str) -> None:
        """Hold the lock of a suite's folder until `unlock`. Raises StoreError: another run writes there."""
        if name not in self._locks:
            self._locks[name] = RunLock(self.folder(name), self.config.root)

    def unlock(self, *names: str) -> None:
        """Release the locks of these suites' folders; without names, all that are held."""
        for name in names or list(self._locks):
            if lock := self._locks.pop(name, None):
                lock.release()

    def folder_of(self, commit: Commit, *, whole: bool = False) -> Path:
        """A folder with the files of a commit that can influence a verdict, or with all; written once.

        Raises GitError, StoreError.
        """
        if whole and commit not in self._checkouts:
            self._checkouts[commit] = Snapshot(commit, self.config.root)
            self._checkouts[commit].add(commit.names())
        if whole:
            return self._checkouts[commit].folder
        if commit == self.merge_base.commit:
            return self.merge_base.snapshot.folder
        if commit not in self._snapshots:
            self._snapshots[commit] = Snapshot(commit, self.config.root)
        return self._snapshots[commit].folder

    def estimates(self, requests: Sequence[tuple[Plan, Sequence[Request]]]) -> Iterator[str]:
        """What these requests of each plan can cost: a line for each model with a price, and one for each judge."""
        if self.options.run.record == "none":
            return
        yield from estimate_lines(requests, self.pricing, self.providers)
        for plan, its in requests:
            yield from _of_metrics(plan, its)

    def limit_for(self, requests: Sequence[Request]) -> str:
        """The limit of this invocation that these requests would exceed, for a message; empty if they fit."""
        run, pricing = self.options.run, self.pricing
        left = self._ledger.remaining_usd(run.run) if self._ledger else None
        if left is not None:
            deadlines = {model: provider.capabilities.deadline_s for model, provider in self.providers.items()}
            most = sum(pricing[one.key.model].most_usd(one, deadlines[one.key.model]) for one in requests)
            if most > left:
                return f"they can cost {dollars(most)}, and {dollars(left)} of the budget is left"
        return "" if self.pipeline.has_time_for(len(requests)) else "the deadline leaves no time for them"

    def refusals(self) -> Iterator[str]:
        """A line for each model that gets no request here, if others do. Inside of `with resources:`."""
        assert self._executor, "the models are open inside of `with resources:`"
        models = [model for plan in self.plans for model in (*plan.providers, *plan.metric_models)]
        found = {model: self._executor.refusal(model) for model in models}
        if self.options.run.record != "none" and not all(found.values()):
            yield from (f"llm: {model} gets no request: {error}" for model, error in found.items() if error)

    def _note(self, lost: Sequence[str]) -> None:
        self.lost_nodes.extend(lost)
        self.warnings.extend(f"lost during the run: {node}; another worker got its requests" for node in lost)

    def _check_prices(self, pricing: dict[str, Pricing]) -> None:
        unpriced = [model for model in self.providers if model not in pricing]
        if self.options.run.budget_usd is not None and unpriced:
            raise ConfigError(
                f"--llm-budget: the price of {', '.join(unpriced)} is not known; write price = {{input = ..., output = "
                f"...}} (dollars for a million tokens) into [tool.evalharness.models.{unpriced[0]}]"
            )


def _of_metrics(plan: Plan, requests: Sequence[Request]) -> Iterator[str]:
    """A line for each metric that sends requests, and each of its models."""
    if plan.metric_models:
        from evalharness.evaluation.metric_requests import metric_requests  # few suites have such metrics

        yield from (f"llm: {found}" for found in metric_requests(plan, requests))
