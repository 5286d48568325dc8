"""Gates on the mean of a number over the cases: scores and cost."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar

from evalharness.gate.context import GateContext, Value, Values, numbers
from evalharness.gate.kinds.base import GateKind, Samples
from evalharness.records import GateRule

if TYPE_CHECKING:  # bring numpy, which loading a suite does not need
    from evalharness.gate.evidence import Evidence, GateResult, Rules

_DRIFT = "the accepted version is worse now than when it was accepted: has the model changed?"


class MeanGate(GateKind):
    """Compares the mean of a number over the cases, paired by case."""

    sign: ClassVar[int]
    """1 if a higher number is better, else -1."""

    @abstractmethod
    def value(self, rule: GateRule) -> Value:
        """Return the function that reads the number of a sample."""

    @abstractmethod
    def value_name(self, rule: GateRule) -> str:
        """Return the name of the number, for messages."""

    @abstractmethod
    def rules(self, context: GateContext) -> Rules:
        """Return the rules of the test."""

    @abstractmethod
    def collect(self, context: GateContext, baseline: Values, candidate: Values) -> Evidence:
        """Return the evidence in the numbers of both sides."""

    def evidence(self, context: GateContext) -> Evidence:
        """Return the evidence.

        A reference run that is worse than the accepted runs is left out and reported.
        """
        baseline, candidate = context.values(self.value(context.rule), self.value_name(context.rule))
        baseline, drift = self._without_drift(context, baseline)
        found = self.collect(context, baseline, candidate)
        return replace(found, remark="; ".join(filter(None, [found.remark, drift])))

    def conclude(self, context: GateContext, evidence: Evidence, p_value: float, gates: int) -> GateResult:
        """Return the result with its reason."""
        from evalharness.gate.scores import conclude

        return conclude(evidence, p_value, self.rules(context), seed=context.seed, gates=gates)

    def setbacks(self, rule: GateRule, samples: Samples, others: Samples) -> Sequence[float] | None:
        """Return the difference of the mean numbers of each case; None if a sample lacks its number."""
        mine, theirs = (numbers(side, self.value(rule)) for side in (samples, others))
        if any(not theirs[case] or len(theirs[case]) < len(others[case]) or not mine.get(case) for case in others):
            return None
        scale = math.log if self.unit == "ratio" else float
        return [self.sign * (scale(fmean(mine[case])) - scale(fmean(theirs[case]))) for case in others]

    def _without_drift(self, context: GateContext, baseline: Values) -> tuple[Values, str]:
        """Fresh samples of the accepted version that are worse than its accepted runs would hide a loss."""
        if context.reference is None:
            return baseline, ""
        from evalharness.gate.stats.sessions import drifted

        accepted, fresh = context.split(self.value(context.rule))
        old, new = ({case: [self.sign * n for n in side[case]] for case in side} for side in (accepted, fresh))
        if not all(accepted.values()) or not drifted(old, new, context.rule.metric):
            return baseline, ""
        return accepted, _DRIFT
