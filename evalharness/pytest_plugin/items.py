"""Suites as pytest items: `suites/support.yaml::case-id[model-prompt]`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, cast

import pytest

from evalharness.errors import EvalHarnessError
from evalharness.pytest_plugin._output import Explained, node_name
from evalharness.pytest_plugin.suite_items import SuiteItem
from evalharness.pytest_plugin.suites import Suites
from evalharness.records import Case, Sample, SampleKey
from evalharness.report.explain import explain_sample

SAMPLES = pytest.StashKey[Callable[[Any], list[Sample]]]()
"""The function that returns an item's samples; EvalPlugin sets it."""
CHECKED = pytest.StashKey[dict[str, list[Sample]]]()
"""Samples that a test has checked with the fixture `llm`, by suite, until they are on its report."""


class SuiteFile(pytest.File):
    """The file of a suite."""

    suites: Suites

    def collect(self) -> Iterable[pytest.Item]:
        """An item for each case, prompt and model, in the order of the requests; or one for the suite."""
        evaluation = self.suites.open(self.path.stem)
        if self.suites.one_item:
            if evaluation.assigned.keys:  # else an empty shard
                yield SuiteItem.from_parent(self, name=evaluation.name, evaluation=evaluation)
            return
        plan = evaluation.plan
        for model, prompt in plan.planned.pairs:
            for case in plan.suite.cases:
                if evaluation.assigned.has(case.id):
                    keys = [SampleKey(case.id, prompt, model, repeat) for repeat in range(plan.repeats[model])]
                    yield self._item(node_name(f"{case.id}[{model}-{prompt}]"), case, keys)

    def _item(self, name: str, case: Case, keys: Sequence[SampleKey]) -> CaseItem:
        nodeid = f"{self.nodeid}::{name}"  # complete, so that pytest sees [model-prompt] as parameters (--lf)
        return CaseItem.from_parent(self, name=name, nodeid=nodeid, suite=self.path.stem, case=case, keys=keys)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The problems of an invalid suite, without a traceback."""
        if isinstance(excinfo.value, EvalHarnessError):
            return Explained(str(excinfo.value), str(self.path))
        return super().repr_failure(excinfo)


class SuiteFolder(pytest.Directory):
    """The folder of the suites. Collected once: pytest collects a folder again for each file given by name."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """The nodes of its files, the same ones each time."""
        return self._nodes

    @cached_property
    def _nodes(self) -> list[pytest.Item | pytest.Collector]:
        return list(pytest.Dir.collect(cast("pytest.Dir", self)))  # pytest.Dir is final


class CaseFailedError(Exception):
    """A case without a response, or one that breaks a hard assertion."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples
        super().__init__("; ".join(dict.fromkeys(reason for sample in samples for reason in _reasons(sample))))


class CaseItem(pytest.Item):
    """A case with one prompt and model. Passes when each sample has its scores and its hard assertions hold."""

    def __init__(self, *, suite: str, case: Case, keys: Sequence[SampleKey], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.suite, self.where, self.keys = suite, case.where, keys
        self.samples: Sequence[Sample] = ()
        for tag in case.tags:
            self.extra_keyword_matches.add(tag)

    def wait(self) -> None:
        """Wait for the samples. Later calls do nothing."""
        self.samples = self.samples or self.config.stash[SAMPLES](self)

    def runtest(self) -> None:
        """Wait for the samples. Raises CaseFailedError."""
        if not self.samples:
            self.wait()
        if not all(sample.ok for sample in self.samples):
            raise CaseFailedError(self.samples)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Prompt, golden, response and scores instead of a traceback."""
        if isinstance(excinfo.value, CaseFailedError):
            bad = next(sample for sample in excinfo.value.samples if not sample.ok)
            return Explained(explain_sample(bad, self.where), str(self.path), str(excinfo.value), self.where.line)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """The file and the line (from 0) of the case."""
        return self.path, max(0, self.where.line - 1), self.name


def _reasons(sample: Sample) -> list[str]:
    return [str(sample.error)] if sample.error else list(sample.failed_checks)


def chosen_keys(items: Sequence[CaseItem | SuiteItem]) -> dict[str, Sequence[SampleKey]]:
    """The samples of these items, by suite."""
    keys: dict[str, list[SampleKey]] = {}
    for item in items:
        if isinstance(item, CaseItem):
            keys.setdefault(item.suite, []).extend(item.keys)
    return {**keys, **{item.suite: item.keys for item in items if isinstance(item, SuiteItem)}}
