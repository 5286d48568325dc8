"""One suite in a pytest session: its plan, and what has come in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from evalharness.evaluation.plan import Plan
from evalharness.evaluation.reference import ReferenceRun
from evalharness.records import TIMED, Run, RunHeader, Sample, SampleKey, Stability, Verdict
from evalharness.store import RunWriter
from evalharness.store.runs import RECORD, read_run

REPORTS = (RECORD, "reference.jsonl", "report.html", "verdict.json", "summary.md")
"""What a run writes into its folder."""


@dataclass(slots=True)
class SuiteRun:
    """One suite in this session."""

    plan: Plan
    header: RunHeader
    folder: Path
    selected: list[SampleKey] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    writer: RunWriter | None = None
    reference: ReferenceRun | None = None
    """The baseline's own version, where it is drawn beside this run."""
    settled: list[Verdict] = field(default_factory=list)
    """What a first look found, where it left nothing to look at again."""
    calibration: list[float] = field(default_factory=list)
    stability: list[Stability] = field(default_factory=list)

    def run(self, *, stopped: bool) -> Run:
        """All that has come in so far."""
        calibration_s = median(self.calibration) if self.calibration else None
        return Run(
            self.header, tuple(self.samples), tuple(self.selected), stopped, calibration_s, tuple(self.stability)
        )

    def beside(self, *, stopped: bool) -> Run | None:
        """What the baseline's own version has answered so far, where it is drawn."""
        return self.reference.run(stopped=stopped) if self.reference else None

    @property
    def times_the_machine(self) -> bool:
        """Whether its seconds are to be gated, and depend on how busy the machine is."""
        gated = any(rule.metric in TIMED for rule in self.header.gates)
        return gated and any(provider.local for provider in self.plan.providers.values())

    def close(self, *, stopped: bool) -> None:
        """End the records. Raises StoreError."""
        self.record().end(self.run(stopped=stopped))
        if stopped:  # an interrupt may fall between a sample's line and the list: the record decides
            self.samples = list(read_run(self.folder / RECORD).samples)
        if self.reference is not None:
            self.reference.end(stopped=stopped)

    def record(self) -> RunWriter:
        """The record on disk, begun when it is first needed. Raises StoreError."""
        if self.writer is None:
            self.writer = RunWriter(self.folder / RECORD, self.header)
        return self.writer
