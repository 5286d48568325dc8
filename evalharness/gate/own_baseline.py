"""Compares the accepted runs that a change brings with the run of that change: are they its answers?

Answers that are sampled differ by chance, so the bounds are parts of each gate's margin: an accepted run may be worse
by half of it, and its cases may differ by half of it and what chance explains. Repeated changes add up, as small drops
do: a pinned baseline bounds their sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from evalharness.amounts import amount
from evalharness.gate.context import NoComparison
from evalharness.gate.guarded import setbacks_of
from evalharness.gate.kinds import GateKind, gate_kind
from evalharness.gate.kinds.base import Samples
from evalharness.gate.pairing import baseline_sample_of, pair_up
from evalharness.records import AcceptedRun, Baseline, BaselineSample, GateRule, Run, Sample, slots_of

_SHARE = 0.5
"""Part of the margin by which an accepted run may be worse than the run."""
_NOISE = 1.5
"""Factor by which a case may differ more than between the run and the earlier baseline, which chance explains."""
_ROUNDING = 1e-9


def difference(run: Run, model: str, prompt: str, *, rules: Iterable[GateRule], then: Baseline, now: Baseline) -> str:
    """How the accepted runs that `now` adds to `then` differ from a run; empty if their answers are this run's.

    The run has a response for each of its cases. `rules` are its gates.
    """
    samples, before = pair_up(run, model, prompt, None).samples, {one.id for one in then.runs}
    added = (_Accepted(one, run, samples, then, now) for one in now.runs if one.id not in before)
    differences = (found for accepted in added for found in accepted.differences(rules))
    return next(differences, "")


@dataclass(frozen=True)
class _Accepted:
    """One accepted run that the change adds."""

    accepted: AcceptedRun
    run: Run
    answers: Mapping[str, Sequence[Sample]]
    """The samples of the run by case."""
    then: Baseline
    now: Baseline

    def differences(self, rules: Iterable[GateRule]) -> Iterator[str]:
        """How the accepted run differs from the run."""
        if self.accepted.signatures != self.run.header.signatures:
            yield "its metric settings are not those of this run"
        elif self._digests != {case: {one.digest for one in found} for case, found in self.answers.items()}:
            yield "its cases are not those of this run"
        else:
            yield from filter(None, map(self._about, rules))

    @cached_property
    def _theirs(self) -> dict[str, list[BaselineSample]]:
        cases = self.now.cases.items()
        found = {case: [one for one in stored.samples if one.run == self.accepted.id] for case, stored in cases}
        return {case: samples for case, samples in found.items() if samples}

    @property
    def _digests(self) -> dict[str, set[str]]:
        return {case: {self.now.cases[case].digest} for case in self._theirs}

    @cached_property
    def _ours(self) -> dict[str, list[BaselineSample]]:
        """The samples of the run. Scores whose settings are not the header's are left out."""
        header = self.run.header
        return {case: [baseline_sample_of(one, header) for one in found] for case, found in self.answers.items()}

    @cached_property
    def _before(self) -> dict[str, Sequence[BaselineSample]]:
        """The samples of the earlier accepted runs, of the cases that are unchanged since."""
        digests = self._digests
        return {case: one.samples for case, one in self.then.cases.items() if {one.digest} == digests.get(case)}

    def _about(self, rule: GateRule) -> str:
        """How the accepted run differs in the number of one gate; empty if it does not."""
        kind, tag = gate_kind(rule.metric), rule.tag
        theirs = {case: one for case, one in self._theirs.items() if not tag or tag in self.answers[case][0].tags}
        try:
            if kind.measures_machine:
                return self._about_machine(kind, rule, theirs)
            return self._about_answers(kind, rule, theirs)
        except NoComparison as error:
            return error.reason

    def _about_answers(self, kind: GateKind, rule: GateRule, theirs: Samples) -> str:
        worse = setbacks_of(kind, rule, self._ours, theirs)
        if worse is None:
            same = all(_contents(self._ours[case]) == _contents(found) for case, found in theirs.items())
            return "" if same else f"its {_name(rule)} cannot be compared with this run"
        before = {case: found for case, found in self._before.items() if case in theirs}
        chance = setbacks_of(kind, rule, self._ours, before) or ()
        return _worse(worse, kind, rule) or _apart(worse, chance, kind, rule) or _worst(worse, rule)

    def _about_machine(self, kind: GateKind, rule: GateRule, theirs: Samples) -> str:
        """How the seconds differ from those on the same class of machine: of this run, and of earlier accepted runs.

        Without any of them, no gate has compared seconds on this class, so that none is relaxed.
        """
        runs = {one.id: one for one in self.then.runs if self._is_alike(one.machine_class, one.slots)}
        slots = slots_of(one for found in self.answers.values() for one in found)
        ours = self._ours if self._is_alike(self.run.header.machine_class, slots) else {}
        peers = {
            case: [*ours.get(case, ()), *(one for one in self._before.get(case, ()) if one.run in runs)]
            for case in theirs
        }
        speeds = [*(one.calibration_s for one in runs.values()), *([self.run.calibration_s] if ours else [])]
        worse = [one - self._slowness(speeds) for one in setbacks_of(kind, rule, peers, theirs) or ()]
        return _worse(worse, kind, rule)

    def _is_alike(self, machine_class: str, slots: int | None) -> bool:
        return (machine_class, slots) == (self.accepted.machine_class, self.accepted.slots)

    def _slowness(self, speeds: Sequence[float | None]) -> float:
        """The log ratio by which the machine of the accepted run was slower; 0 where a gate would not count it."""
        alike = [one.calibration_s for one in self.now.runs if self._is_alike(one.machine_class, one.slots)]
        known, mine = [one for one in speeds if one and one > 0], self.accepted.calibration_s or 0.0
        if mine <= 0 or not all(alike) or not known or len(known) < len(speeds):
            return 0.0
        return math.log(mine) - fmean(map(math.log, known))


def _worse(setbacks: Sequence[float], kind: GateKind, rule: GateRule) -> str:
    mean = fmean(setbacks) if setbacks else 0.0
    return f"its {_name(rule)} is {_shown(mean, kind)} worse than in this run" if mean > _limit(kind, rule) else ""


def _worst(setbacks: Sequence[float], rule: GateRule) -> str:
    """A case that the gate with `worst` would not allow; its accepted mean excuses later runs."""
    most = max(setbacks, default=0.0)
    if rule.worst is None or most <= rule.worst + _ROUNDING:
        return ""
    return f"its {_name(rule)} is {amount(100 * most, 'points')} worse in one case than in this run"


def _apart(setbacks: Sequence[float], chance: Sequence[float], kind: GateKind, rule: GateRule) -> str:
    mean, expected = (fmean(map(abs, found)) if found else 0.0 for found in (setbacks, chance))
    if mean <= _limit(kind, rule) + _NOISE * expected:
        return ""
    return f"its {_name(rule)} differs by {_shown(mean, kind)} a case from this run"


def _name(rule: GateRule) -> str:
    return f"{rule.metric} of {rule.tag}" if rule.tag else rule.metric


def _limit(kind: GateKind, rule: GateRule) -> float:
    """The part of the margin, in the unit of setbacks."""
    return _SHARE * (math.log1p(rule.margin) if kind.unit == "ratio" else rule.margin) + _ROUNDING


def _shown(setback: float, kind: GateKind) -> str:
    is_ratio = kind.unit == "ratio"
    return amount(100 * math.expm1(setback), "percent") if is_ratio else amount(100 * setback, "points")


def _contents(samples: Iterable[BaselineSample]) -> list[tuple[object, ...]]:
    """The samples without run and seconds, in any order."""
    found = [(s.text, sorted(s.scores.items()), s.prompt_tokens, s.completion_tokens) for s in samples]
    return sorted(found, key=repr)
