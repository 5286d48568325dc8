"""What reports show of the samples of a run, each counted once for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from evalharness.records import Baseline, Baselines, Run
from evalharness.report.columns import Column, baseline_view_of, columns_of, summary
from evalharness.report.diffs import Answers, answers_of


@dataclass(frozen=True)
class Contents:
    """The samples of a run, against its baselines."""

    run: Run
    baselines: Baselines

    @cached_property
    def columns(self) -> list[Column]:
        """Each model and prompt, with its baseline."""
        compared = {pair: one for pair, one in self.baselines.items() if isinstance(one, Baseline)}
        return columns_of(self.run, {pair: baseline_view_of(baseline) for pair, baseline in compared.items()})

    @cached_property
    def figures(self) -> list[dict[str, Any]]:
        """The figures of each model and prompt with samples: see `summary`."""
        metrics = self.run.metric_names
        return [summary(column, metrics) for column in self.columns if column.samples]

    @cached_property
    def answers(self) -> Answers:
        """What has changed in the answers."""
        return answers_of(self.run, self.baselines)
