"""The samples of a run, and of a reference run next to it: which were planned, and which are fresh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from evalharness.gate.case_samples import Converted, StoredCases, has_mark, without_texts
from evalharness.gate.pairing import Pairing, baseline_sample_of, stored_samples_of
from evalharness.records import BaselineSample, Run, Sample
from evalharness.records.marks import Mark, marked

Samples = Mapping[str, Sequence[BaselineSample]]
"""Case id -> samples."""


@dataclass(frozen=True)
class BothVersions:
    """The samples of one model and prompt in this run and in the reference run, by case and in the order of repeats."""

    pairing: Pairing
    run: Run
    reference: Run | None

    @cached_property
    def mine(self) -> Samples:
        """All samples of this run."""
        return self._mine(Mark.PLANNED | Mark.CONFIRM)

    @cached_property
    def planned(self) -> Samples:
        """The planned samples of this run."""
        return self._mine(Mark.PLANNED) if self.most_fresh else self.mine

    @cached_property
    def fresh(self) -> Samples:
        """The samples of this run that were taken next to those of the accepted version; empty for most runs."""
        return self._mine(Mark.CONFIRM) if self.most_fresh else {}

    @cached_property
    def planned_beside(self) -> Samples:
        """The planned samples of the reference run; empty unless the run names its commit with `against`."""
        return {case: [s for repeat, s in found if repeat < self._planned] for case, found in self._reference.items()}

    @cached_property
    def fresh_beside(self) -> Samples:
        """The samples of the accepted version that were taken next to the fresh ones; empty for most runs."""
        return {case: [s for repeat, s in found if repeat >= self._planned] for case, found in self._reference.items()}

    @cached_property
    def most_fresh(self) -> int:
        """The largest number of fresh samples of a case."""
        if not has_mark(self.pairing.samples, Mark.CONFIRM):  # as in most runs
            return 0
        return max(len(without_texts(self.pairing.samples, case, Mark.CONFIRM)) for case in self.pairing.samples)

    def _mine(self, wanted: Mark) -> Samples:
        header, samples = self.run.header, self.pairing.samples
        if isinstance(samples, StoredCases):
            return Converted(samples, lambda case: stored_samples_of(samples, case, wanted, header))
        return {
            case: [baseline_sample_of(one, header) for one in marked(found, wanted)] for case, found in samples.items()
        }

    @cached_property
    def _reference(self) -> Mapping[str, Sequence[tuple[int, BaselineSample]]]:
        """Repeat and sample of the reference run, for cases that are equal in both versions."""
        found: dict[str, list[tuple[int, BaselineSample]]] = {}
        if self.reference is None:
            return found
        header, mine = self.reference.header, (self.pairing.model, self.pairing.prompt)
        for one in sorted(self.reference.samples, key=lambda sample: sample.key.repeat):
            if (one.key.model, one.key.prompt) == mine and one.answered and self._is_equal(one):
                found.setdefault(one.key.case, []).append((one.key.repeat, baseline_sample_of(one, header, header.id)))
        return found

    def _is_equal(self, sample: Sample) -> bool:
        mine = self.pairing.samples.get(sample.key.case)
        return mine is not None and mine[0].digest == sample.digest

    @cached_property
    def _planned(self) -> int:
        """Number of planned samples of a case."""
        return self.run.header.planned.repeats(self.pairing.model) or 1
