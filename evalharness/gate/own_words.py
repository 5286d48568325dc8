"""Golden answers that are the accepted version's own words: they favor its wording over any other.

These cases cannot fail a gate on a metric that reads golden answers: a new version loses points there by other words of
equal quality. They still count for a PASS, which they make harder.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from evalharness.gate.defaults import LEAST_LOSS, OWN_WORDS_SHARE
from evalharness.records import GateRule, Verdict

if TYPE_CHECKING:  # bring numpy, which loading a suite does not need
    from evalharness.gate.context import Values
    from evalharness.gate.evidence import Evidence, GateResult, Rules, Staged

Pair = tuple[str, str]
"""A model and a prompt."""
_DECIDED = ("pass", "fail", "inconclusive")


@dataclass(frozen=True, slots=True)
class OwnWords:
    """The cases of a run whose golden answers are own words of what the run is compared with."""

    cases: Mapping[Pair, frozenset[str]] = field(default_factory=dict)
    """By model and prompt: compared with the accepted runs, or with the version in `against`."""
    pinned: Mapping[Pair, frozenset[str]] = field(default_factory=dict)
    """The same, compared with the pinned baseline."""
    metrics: frozenset[str] = frozenset()
    """The metrics that read golden answers."""
    problem: str = ""
    """Why the origin of golden answers is unknown; empty if it is known."""

    def of(self, pair: Pair, rule: GateRule, *, pinned: bool = False) -> frozenset[str]:
        """The cases that cannot fail a gate."""
        found = self.pinned if pinned else self.cases
        return found.get(pair, frozenset()) if rule.metric in self.metrics else frozenset()

    def explained(self, verdict: Verdict) -> Verdict:
        """The verdict with the problem, if its metric reads golden answers."""
        if not self.problem or verdict.metric not in self.metrics or verdict.status not in _DECIDED:
            return verdict
        notice = f"{verdict.notice}; {self.problem}" if verdict.notice else self.problem
        return replace(verdict, reason=f"{verdict.reason}; {self.problem}", notice=notice)


NO_OWN_WORDS = OwnWords()


def apart(
    collect: Callable[[Values, Values], Evidence], baseline: Values, candidate: Values, own: Collection[str]
) -> Evidence:
    """The evidence on all cases, whose p-value is that of the cases without own words."""
    every = collect(baseline, candidate)
    if not own or not any(case in own for case in baseline):
        return every
    before, after = ({case: side[case] for case in side if case not in own} for side in (baseline, candidate))
    counted = collect(before, after)
    smallest = counted.smallest_p if counted.pairs else every.smallest_p
    return replace(every, counted=counted, p_value=counted.p_value, smallest_p=smallest)


def with_notice(result: GateResult, evidence: Staged, rules: Rules, own: int, cases: int) -> GateResult:
    """The result with a notice if golden answers of `own` of the compared `cases` are own words."""
    if not own:
        return result
    notice = _notice(result, own, cases)
    reason = f"{result.reason}; {notice}" if notice else result.reason
    last = evidence.looks[-1].passing if evidence.looks else evidence.screen
    if result.verdict == "INCONCLUSIVE" and is_only_there(last, rules):
        reason = f"the drop is only in {own} of {cases} cases, whose golden answers are {_OWN}; {reason}"
    return replace(result, reason=reason, notice=notice)


_OWN = "the accepted version's own words"
_TO_DO = "replace them with answers that a person has written"


def _notice(result: GateResult, own: int, cases: int) -> str:
    if own == cases:
        return f"no failure is possible: all golden answers are {_OWN}; {_TO_DO}"
    if own > OWN_WORDS_SHARE * cases:
        subject = f"the golden answers of {own} of {cases} cases are {_OWN} and favor its wording"
        return f"{subject}, so these cases cannot fail the gate; {_TO_DO}"
    if result.verdict == "FAIL":
        return f"{own} of {cases} cases do not count for the failure: their golden answers are {_OWN}"
    return ""


def is_only_there(evidence: Evidence, rules: Rules) -> bool:
    """Whether the loss that a failure needs is there with the own words, and not without them."""
    least = LEAST_LOSS * rules.margin
    return evidence.counted is not None and -evidence.change >= least > -evidence.counted.change
