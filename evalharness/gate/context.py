"""The input of a gate kind: the samples of both sides, and the rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from evalharness.gate.defaults import FEWEST_SESSIONS
from evalharness.gate.pairing import Pairing, baseline_sample_of, baseline_samples, some
from evalharness.records import BaselineSample, GateRule, Run, Status

Stage = Literal["single", "screen", "confirm"]
"""`screen` can pass but not fail; `confirm` decides on the samples of both stages; `single` is the only stage."""
Value = Callable[[BaselineSample], float | None]
"""Returns the number of a sample that a gate compares, or None if the sample has none."""
Values = Mapping[str, Sequence[float]]
"""Case id -> the numbers of its samples."""


class NoComparison(Exception):
    """The samples cannot be compared; has the status and the reason of the verdict."""

    def __init__(self, status: Status, reason: str) -> None:
        self.status: Status = status
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True)
class GateContext:
    """One gate of one model and prompt: the run, its baseline, and the rule."""

    pairing: Pairing
    rule: GateRule
    run: Run
    stage: Stage = "single"
    reference: Run | None = None
    """Run of the baseline's version of the suite, generated together with this run, if there is one."""
    gates: int = 1
    """Number of gates of the run that share alpha."""

    @cached_property
    def cases(self) -> list[str]:
        """The cases of the rule that are unchanged since the baseline."""
        tag = self.rule.tag
        return [case for case in self.pairing.cases if not tag or tag in self.pairing.samples[case][0].tags]

    @property
    def seed(self) -> str:
        """The seed of the resampling: equal comparisons give equal verdicts."""
        names = (self.run.header.suite, self.pairing.model, self.pairing.prompt, self.rule.metric, self.rule.tag)
        return "|".join([*names, *self.pairing.accepted_runs])

    @property
    def tags(self) -> dict[str, tuple[str, ...]]:
        """The tags of each case."""
        return {case: self.pairing.samples[case][0].tags for case in self.cases}

    @property
    def clusters(self) -> dict[str, str]:
        """The cluster of each case that has one."""
        return {case: name for case in self.cases if (name := self.pairing.samples[case][0].cluster)}

    def candidate(self, value: Value) -> dict[str, list[float]]:
        """The number of each sample of this run that has one, all cases."""
        header, found = self.run.header, self.pairing.samples.items()
        return {case: _known(value(baseline_sample_of(one, header)) for one in samples) for case, samples in found}

    @property
    def baseline(self) -> dict[str, Sequence[BaselineSample]]:
        """The baseline's samples of the compared cases, in the order of its runs."""
        return {case: baseline_samples(self.pairing, case, copies=self.pairing.copies) for case in self.cases}

    def values(self, value: Value, name: str) -> tuple[Values, Values]:
        """The numbers of both sides: baseline, candidate.

        `name` is the name of the number, for messages. Raises NoComparison if no case can be compared, or if a sample
        lacks its number.
        """
        if not self.cases:
            raise NoComparison("incomparable", "no case of this run is in the baseline in its current version")
        candidate = self.candidate(value)
        if lost := [case for case, found in self.pairing.samples.items() if not 0 < len(found) == len(candidate[case])]:
            raise NoComparison("error", f"no {name} for {some(lost)}")
        known = self.pairing.known_cases
        if lost := [case for case in self.pairing.cases if not _complete(known[case].samples, value)]:
            raise NoComparison("error", f"{self.pairing.place(lost[0])}: no {name} for {some(lost)}")
        return numbers(self.baseline, value), {case: candidate[case] for case in self.cases}

    def split(self, value: Value) -> tuple[Values, Values]:
        """The numbers of the baseline: accepted runs, and the reference run."""
        accepted = set(self.pairing.accepted_runs)
        baseline = self.baseline
        sides = (
            {case: [one for one in found if (one.run in accepted) is wanted] for case, found in baseline.items()}
            for wanted in (True, False)
        )
        old, fresh = (numbers(side, value) for side in sides)
        return old, fresh

    @property
    def has_sessions(self) -> bool:
        """Whether most cases have one sample from each of five or more accepted runs."""
        runs = [run.id for run in self.pairing.accepted]
        if self.pairing.copies or len(runs) < FEWEST_SESSIONS:
            return False
        known = self.pairing.known_cases
        whole = [sorted(sample.run for sample in known[case].samples) == sorted(runs) for case in self.cases]
        return 2 * sum(whole) > len(whole)


def numbers(samples: Mapping[str, Sequence[BaselineSample]], value: Value) -> dict[str, list[float]]:
    """The number of each sample that has one."""
    return {case: _known(map(value, found)) for case, found in samples.items()}


def _known(found: Iterable[float | None]) -> list[float]:
    return [number for number in found if number is not None]


def _complete(samples: Sequence[BaselineSample], value: Value) -> bool:
    return bool(samples) and all(value(sample) is not None for sample in samples)
