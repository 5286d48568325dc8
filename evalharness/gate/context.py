"""The input of a gate kind: the samples of both sides, and the rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Literal

from evalharness.gate.case_numbers import CaseNumbers
from evalharness.gate.case_samples import Converted, StoredCases, cluster_of, tags_of
from evalharness.gate.defaults import FEWEST_SESSIONS
from evalharness.gate.fresh import BothVersions, Samples
from evalharness.gate.identity import model_differs
from evalharness.gate.judged import comparisons
from evalharness.gate.pairing import Pairing, baseline_samples, some
from evalharness.records import BaselineSample, GateRule, Run, Status

Stage = Literal["single", "screen", "confirm"]
"""`single`: fresh samples are impossible. `screen`: more of them can follow. `confirm`: no more will follow."""
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
    own_words: frozenset[str] = frozenset()
    """Cases that cannot fail the gate, because their golden answers are own words of the accepted version."""

    @cached_property
    def cases(self) -> list[str]:
        """The cases of the rule that are unchanged since the baseline."""
        tag = self.rule.tag
        samples = self.pairing.samples
        return [case for case in self.pairing.cases if not tag or tag in tags_of(samples, case)]

    @property
    def seed(self) -> str:
        """The seed of the resampling: equal comparisons give equal verdicts."""
        names = (self.run.header.suite, self.pairing.model, self.pairing.prompt, self.rule.metric, self.rule.tag)
        return "|".join([*names, *self.pairing.accepted_runs])

    @property
    def tags(self) -> dict[str, tuple[str, ...]]:
        """The tags of each case that has any."""
        samples = self.pairing.samples
        return {case: tags for case in self.cases if (tags := tags_of(samples, case))}

    @property
    def clusters(self) -> dict[str, str]:
        """The cluster of each case that has one."""
        samples = self.pairing.samples
        return {case: name for case in self.cases if (name := cluster_of(samples, case))}

    @cached_property
    def versions(self) -> BothVersions:
        """The samples of this version, and of the accepted one where it was sampled too."""
        return BothVersions(self.pairing, self.run, self.reference)

    @property
    def candidate(self) -> Samples:
        """The samples of this run, all cases."""
        return self.versions.mine

    @cached_property
    def baseline(self) -> Samples:
        """The accepted samples of the compared cases, in the order of the runs.

        Those of the version in `against` if the run names one.
        """
        if self.run.header.against:
            return {case: self.versions.planned_beside.get(case, ()) for case in self.cases}
        runs, copies = set(self.pairing.accepted_runs), self.pairing.copies

        def accepted(case: str) -> Sequence[BaselineSample]:
            samples = baseline_samples(self.pairing, case, copies=False)
            found = [one for one in samples if one.run in runs]
            return found[-1:] if copies else found

        if isinstance(self.pairing.samples, StoredCases):
            return Converted(self.cases, accepted)
        return {case: accepted(case) for case in self.cases}

    @property
    def is_same_model(self) -> bool:
        """Whether the model is exactly that of the accepted runs, so that their samples count like fresh ones."""
        pairing, header = self.pairing, self.run.header
        return bool(header.against) or (pairing.model in header.fixed and not model_differs(pairing, header))

    def values(self, value: Value, name: str) -> tuple[Values, Values]:
        """The numbers of the accepted and of the planned samples.

        `name` is the name of the number, for messages. Raises NoComparison if no case can be compared, or if a sample
        lacks its number, unless the metric of the rule does not apply to it.
        """
        if not self.cases:
            raise NoComparison("incomparable", "no case of this run is in the baseline in its current version")
        metric, candidate, known = self.rule.metric, self.candidate, self.pairing.known_cases
        if lost := [case for case in candidate if not _complete(candidate[case], value, metric)]:
            raise NoComparison("error", f"no {name} for {some(lost)}")
        if lost := [case for case in self.pairing.cases if not _complete(known[case].samples, value, metric)]:
            raise NoComparison("error", f"{self.pairing.place(lost[0])}: no {name} for {some(lost)}")
        return self.numbers_of(self.baseline, value), self.numbers_of(self.versions.planned, value)

    def fresh_values(self, value: Value, samples: int) -> tuple[Values, Values]:
        """The numbers of the first fresh samples of each case: accepted version, this version."""
        sides = self.versions.fresh_beside, self.versions.fresh
        theirs, mine = (self.numbers_of(side, value, samples) for side in sides)
        return theirs, mine

    def numbers_of(self, samples: Samples, value: Value, most: int | None = None) -> Values:
        """The numbers of the compared cases, of `most` samples each."""

        def of(case: str) -> list[float]:
            return [n for one in samples.get(case, ())[:most] if (n := value(one)) is not None]

        return counted(self, CaseNumbers.collected(self.cases, of))

    @property
    def has_sessions(self) -> bool:
        """Whether most cases have one sample from each of five or more accepted runs."""
        runs = [run.id for run in self.pairing.accepted]
        if self.pairing.copies or len(runs) < FEWEST_SESSIONS:
            return False
        known = self.pairing.known_cases
        whole = [sorted(sample.run for sample in known[case].samples) == sorted(runs) for case in self.cases]
        return 2 * sum(whole) > len(whole)


def complete_numbers(samples: Samples, value: Value) -> CaseNumbers | None:
    """The number of each sample; None if a sample lacks its number, or a case its samples."""
    lacks = False

    def of(case: str) -> list[float]:
        nonlocal lacks
        found = [value(one) for one in samples[case]]
        known = [number for number in found if number is not None]
        lacks = lacks or not found or len(known) < len(found)
        return known

    collected = CaseNumbers.collected(list(samples), of)
    return None if lacks else collected


def numbers(samples: Mapping[str, Sequence[BaselineSample]], value: Value) -> dict[str, list[float]]:
    """The number of each sample that has one."""
    return {case: [n for one in found if (n := value(one)) is not None] for case, found in samples.items()}


def counted(context: GateContext, values: Values) -> Values:
    """The numbers that count: the mean of each case alone if they all compare with the same accepted answer."""
    if context.rule.metric not in comparisons(context.run.header.signatures):
        return values
    return {case: [fmean(found)] if len(found) else [] for case, found in values.items()}


def _complete(samples: Sequence[BaselineSample], value: Value, metric: str) -> bool:
    return bool(samples) and all(metric in one.not_applicable or value(one) is not None for one in samples)
