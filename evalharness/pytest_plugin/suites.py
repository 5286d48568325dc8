"""The suites of one pytest run: each is an Evaluation, opened when its file is collected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from evalharness.evaluation.evaluation import Evaluation, delete_stale_reports, open_evaluation
from evalharness.evaluation.resources import Resources
from evalharness.records import Request, Sample
from evalharness.suites import suite_path


@dataclass
class Suites:
    """By name, with what they share."""

    resources: Resources
    fail_inconclusive: bool = False
    opened: dict[str, Evaluation] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The suites that were asked for."""
        return self.resources.names

    @property
    def paths(self) -> list[Path]:
        """Their files."""
        return [suite_path(name, self.resources.config.root) for name in self.names]

    def open(self, name: str) -> Evaluation:
        """A suite, loaded and planned the first time. Raises SuiteError, ConfigError, MissingExtraError."""
        if name not in self.opened:
            self.opened[name] = open_evaluation(name, self.resources)
        return self.opened[name]

    def add(self, name: str, samples: Iterable[Sample]) -> None:
        """Append samples to the record of a suite. Raises StoreError."""
        for sample in samples:
            self.open(name).add(sample)

    def delete_stale_reports(self) -> None:
        """Delete what older runs of these suites wrote."""
        for name in self.names:
            delete_stale_reports(self.resources.folder(name))

    def calibrate(self, times: int) -> None:
        """Measure the speed of this machine, where a gate needs it."""
        for evaluation in self.opened.values():
            evaluation.calibrate(times)

    def estimates(self, requests: Iterable[Request]) -> Iterator[str]:
        """A line for each model with a price."""
        return self.resources.estimates(requests)
