"""The suites of one pytest run: an Evaluation each, opened when pytest collects its file."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalharness.errors import ConfigError, EvalHarnessError
from evalharness.evaluation.evaluation import Evaluation, open_evaluation
from evalharness.evaluation.report_files import delete_stale_reports
from evalharness.evaluation.resources import Resources
from evalharness.records import Sample, SampleKey
from evalharness.report import Outcome
from evalharness.suites import load_suite

if TYPE_CHECKING:
    from evalharness.publish import Opened


@dataclass
class Suites:
    """The evaluations of `--llm-suite` by name, and the resources that they share."""

    resources: Resources
    paths: tuple[Path, ...] = ()
    """The files of the suites to run."""
    fail_inconclusive: bool = False
    one_item: bool = False
    """Whether a suite is one item of pytest (`--llm-items=suite`)."""
    is_worker: bool = False
    destinations: tuple[Opened, ...] = ()
    """Where the results go (`--llm-publish`)."""
    opened: dict[str, Evaluation] = field(default_factory=dict)
    checked: set[str] = field(default_factory=set)
    """Suites whose answers tests give, with the fixture `llm`."""
    given: dict[str, list[SampleKey]] = field(default_factory=dict)
    """The answers that tests gave, by suite."""

    def open(self, name: str) -> Evaluation:
        """The evaluation of a suite, loaded and planned on first use.

        Raises SuiteError, ConfigError, MissingExtraError, StoreError.
        """
        if name not in self.opened:
            self.opened[name] = open_evaluation(name, self.resources)
        return self.opened[name]

    def open_checked(self, name: str, model: str, prompt: str | None) -> Evaluation:
        """The evaluation of a suite whose answers tests give, as those of `model`.

        Raises ConfigError: the suite runs with other answers in this session; SuiteError, StoreError.
        """
        if name in self.resources.names:
            raise ConfigError(f"suite '{name}' runs with --llm-suite in this session: check() needs another one")
        if self.resources.options.shard:
            raise ConfigError("check(): --llm-shard divides the cases of suites, not tests: run these tests without it")
        if model in self.resources.config.models:
            raise ConfigError(f"check(): '{model}' is a configured model; give the application another name")
        if name not in self.opened:
            self._open_given(name, model, prompt)
        evaluation = self.opened[name]
        given = evaluation.header.planned.pairs
        if given != [(model, prompt or given[0][1])]:
            raise ConfigError(f"suite '{name}': check() takes the answers of one model and prompt in a session")
        return evaluation

    def _open_given(self, name: str, model: str, prompt: str | None) -> None:
        from evalharness.evaluation.given import GivenAnswers

        self.resources.providers.setdefault(model, GivenAnswers(model))
        prompts = (prompt,) if prompt else load_suite(name, self.resources.config).default_prompts[:1]
        options = replace(self.resources.options, models=(model,), prompts=prompts, repeat=1, command="pytest")
        self.opened[name] = open_evaluation(name, self.resources, options)
        self.checked.add(name)
        if not self.is_worker:
            delete_stale_reports(self.resources, name)

    def arguments(self) -> dict[str, Any]:
        """The options of the command line as arguments of `evaluate()`."""
        options, run = self.resources.options, self.resources.options.run
        return {
            "models": options.models,
            "prompts": options.prompts,
            "repeat": options.repeat,
            "settle": options.settle,
            "shard": options.shard.option if options.shard else None,
            "baseline": options.baseline,
            "against": options.against.sha if options.against else None,
            "base": options.base.sha if options.base else None,
            "record": run.record,
            "concurrency": run.concurrency,
            "budget_usd": run.budget_usd,
            "deadline_s": run.deadline_s,
            "report": options.report,
            "executor": options.executor,
        }

    def add(self, name: str, samples: Iterable[Sample]) -> None:
        """Append samples to a suite's record. Raises StoreError."""
        for sample in samples:
            if name not in self.resources.names:  # under xdist, the first sample opens the controller's evaluation
                checked = self.open_checked(name, sample.key.model, sample.key.prompt)
                checked.selected = self.given.setdefault(name, [])
                self.given[name].append(sample.key)
            self.open(name).add(sample)

    def delete_stale_reports(self) -> None:
        """Delete the reports of earlier runs of these suites."""
        for name in self.resources.names:
            delete_stale_reports(self.resources, name)

    def published(self, outcomes: list[Outcome], exit_status: int) -> list[Outcome]:
        """Send the outcomes to `--llm-publish`. Returns them with a warning for each destination that failed."""
        if not self.destinations:
            return outcomes
        from evalharness.publish import not_published, publish_all  # few runs publish

        send = not_published if exit_status == pytest.ExitCode.INTERRUPTED else publish_all
        return send(outcomes, self.destinations)

    def estimates(self) -> list[str]:
        """What the requests of xdist's workers can cost: a line for each model."""
        for name in self.resources.names:
            with suppress(EvalHarnessError):  # the workers report an invalid suite
                self.open(name)
        return list(self.resources.estimates([one.assigned.requests for one in self.opened.values()]))

    def calibrate(self, times: int) -> None:
        """Measure the speed of this machine, where a gate needs it."""
        for evaluation in self.opened.values():
            evaluation.speed.measure(times)
