"""Gates on the mean of a number over the cases: scores and cost."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from evalharness.gate.comparison import Comparison, Value, Values
from evalharness.gate.kinds.base import GateKind
from evalharness.records import GateRule

if TYPE_CHECKING:  # bring numpy, which loading a suite does not need
    from evalharness.gate.evidence import Evidence, GateResult, Rules

_DRIFT = "the accepted version itself answers worse now than when it was accepted: has the model changed?"


class MeanGate(GateKind):
    """Compares the mean of a number, case by case."""

    sign: ClassVar[int]
    """1 if a higher number is better, else -1."""

    @abstractmethod
    def value(self, rule: GateRule) -> Value:
        """Return the function that reads the number of a sample."""

    @abstractmethod
    def what(self, rule: GateRule) -> str:
        """Return the number's name, for messages."""

    @abstractmethod
    def rules(self, comparison: Comparison) -> Rules:
        """Return the rules of the test."""

    @abstractmethod
    def collect(self, comparison: Comparison, then: Values, now: Values) -> Evidence:
        """Return the evidence in the numbers of both sides."""

    def evidence(self, comparison: Comparison) -> Evidence:
        """Return the evidence; samples of a reference run that drifted are left out and reported."""
        then, now = comparison.values(self.value(comparison.rule), self.what(comparison.rule))
        then, drift = self._without_drift(comparison, then, now)
        found = self.collect(comparison, then, now)
        return replace(found, remark="; ".join(filter(None, [found.remark, drift])))

    def conclude(self, comparison: Comparison, evidence: Evidence, p_value: float, gates: int) -> GateResult:
        """Return the result with its reason."""
        from evalharness.gate.scores import conclude

        return conclude(evidence, p_value, self.rules(comparison), seed=comparison.seed, gates=gates)

    def _without_drift(self, comparison: Comparison, then: Values, now: Values) -> tuple[Values, str]:
        """Fresh samples of the accepted version that are worse than its accepted runs would hide a loss."""
        from evalharness.gate.stats.sessions import drifted

        accepted, fresh = comparison.split(self.value(comparison.rule))
        old, new = ({case: [self.sign * n for n in side[case]] for case in side} for side in (accepted, fresh))
        if not all(accepted.values()) or not drifted(old, new, comparison.rule.metric):
            return then, ""
        return accepted, _DRIFT
