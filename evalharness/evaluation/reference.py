"""The baseline's version of a suite, at another commit, which runs next to this one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evalharness.evaluation.plan import Plan, make_plan
from evalharness.evaluation.report_files import REFERENCE
from evalharness.evaluation.resources import Resources
from evalharness.providers import Provider
from evalharness.records import Case, Request, Run, RunHeader, Sample, SampleKey
from evalharness.records.marks import marked_keys
from evalharness.store import Commit, RunWriter
from evalharness.store.stored_samples import so_far
from evalharness.suites import another_sample, load_suite


@dataclass(slots=True)
class ReferenceRun:
    """One suite at a commit: its plan and its samples."""

    plan: Plan
    header: RunHeader
    path: Path
    """The record of its samples."""
    writer: RunWriter | None = None
    is_open: bool = True
    """Whether the record has no end yet."""
    own_code: frozenset[str] = frozenset()
    """The models that answer with the project's code at the commit."""

    def counterpart(self, key: SampleKey) -> tuple[Case, Request] | None:
        """Its request for the same case; None if it has no such case, prompt or model."""
        first = self.plan.requests.first(key.model, key.prompt, key.case)
        return (first[0], another_sample(first[1], key.repeat, "reference")) if first else None

    def add(self, sample: Sample) -> None:
        """Append a sample to its record. Raises StoreError."""
        if self.writer is None:
            self.writer = RunWriter(self.path, self.header, self.plan.config.root)
        self.writer.append(sample)

    @property
    def samples(self) -> Sequence[Sample]:
        """The samples so far."""
        return so_far(self.writer.samples) if self.writer else ()

    def run(self, *, stopped: bool) -> Run | None:
        """The samples so far; None without any."""
        samples = self.samples
        return Run(self.header, samples, tuple(marked_keys(samples)), stopped) if samples else None

    def end(self, *, stopped: bool) -> None:
        """Close the record."""
        if self.writer is not None and self.is_open and (run := self.run(stopped=stopped)) is not None:
            self.writer.end(run)
            self.is_open = False


def open_reference_run(commit: Commit, plan: Plan, folder: Path, resources: Resources) -> ReferenceRun:
    """The suite of this plan at the commit, for the same models and prompts, under today's configuration.

    `folder` gets the record. Raises SuiteError: it was not there, or cannot be read; ConfigError, GitError, StoreError.
    """
    suite = load_suite(plan.suite.name, plan.config.anchored(resources.folder_of(commit)))
    suite = replace(suite, params=replace(suite.params, logprobs=plan.suite.params.logprobs))
    prompts = [prompt for prompt in plan.prompts if prompt in suite.prompts]
    then = _with_code_at(commit, plan, resources)
    opened = {**resources.providers, **then}
    is_code = any(suite.prompts[name].configured for name in prompts)
    code = resources.folder_of(commit, whole=True) if is_code else None
    old = make_plan(suite, plan.config, models=list(plan.providers), prompts=prompts, opened=opened, code=code)
    old = replace(old, metrics=plan.metrics)  # today's metrics choose the requests and the scores of both versions
    header = old.header(resources.environment)
    return ReferenceRun(old, header, folder / REFERENCE, own_code=frozenset(then))


def _with_code_at(commit: Commit, plan: Plan, resources: Resources) -> dict[str, Provider]:
    """The models that run code of the project, with the code at the commit."""
    return {
        name: provider.with_code_in(resources.folder_of(commit, whole=True))
        for name, provider in plan.providers.items()
        if provider.capabilities.own_code
    }
