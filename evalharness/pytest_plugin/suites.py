"""The suites of one pytest run: an Evaluation each, opened when pytest collects its file."""

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
    """The evaluations of `--llm-suite` by name, and the resources that they share."""

    resources: Resources
    fail_inconclusive: bool = False
    opened: dict[str, Evaluation] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the suites to run."""
        return self.resources.names

    @property
    def paths(self) -> list[Path]:
        """The files of the suites to run."""
        return [suite_path(name, self.resources.config.root) for name in self.names]

    def open(self, name: str) -> Evaluation:
        """The evaluation of a suite, loaded and planned on first use.

        Raises SuiteError, ConfigError, MissingExtraError, StoreError.
        """
        if name not in self.opened:
            self.opened[name] = open_evaluation(name, self.resources)
        return self.opened[name]

    def add(self, name: str, samples: Iterable[Sample]) -> None:
        """Append samples to a suite's record. Raises StoreError."""
        for sample in samples:
            self.open(name).add(sample)

    def delete_stale_reports(self) -> None:
        """Delete the reports of earlier runs of these suites."""
        for name in self.names:
            delete_stale_reports(self.resources.folder(name))

    def calibrate(self, times: int) -> None:
        """Measure the speed of this machine, where a gate needs it."""
        for evaluation in self.opened.values():
            evaluation.calibrate(times)

    def estimates(self, requests: Iterable[Request]) -> Iterator[str]:
        """The cost of these requests in words, for each model with a price."""
        return self.resources.estimates(requests)
