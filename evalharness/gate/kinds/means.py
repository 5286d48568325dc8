"""Gates on the mean of a number over the cases: scores and cost."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING

from evalharness.gate.context import GateContext, Value, Values, numbers
from evalharness.gate.kinds.base import GateKind, Samples
from evalharness.records import GateRule

if TYPE_CHECKING:  # bring numpy, which loading a suite does not need
    from evalharness.gate.evidence import Evidence, GateResult, Rules, Staged


class MeanGate(GateKind):
    """Compares the mean of a number over the cases, paired by case."""

    @abstractmethod
    def value(self, rule: GateRule) -> Value:
        """Return the function that reads the number of a sample."""

    @abstractmethod
    def value_name(self, rule: GateRule) -> str:
        """Return the name of the number, for messages."""

    @abstractmethod
    def scale(self, number: float) -> float:
        """Return the number on a scale on which more is better, and differences are the changes of the gate."""

    @abstractmethod
    def rules(self, context: GateContext) -> Rules:
        """Return the rules of the test."""

    @abstractmethod
    def collect(
        self, context: GateContext, baseline: Values, candidate: Values, *, stored: bool, tested: bool = True
    ) -> Evidence:
        """Return the evidence in the numbers of both sides.

        `stored`: those of the baseline come from its accepted runs. Without `tested`, the p-value is not needed.
        """

    def evidence(self, context: GateContext) -> Staged:
        """Return the evidence of the screening stage and of each look at fresh samples."""
        from evalharness.gate.staged import staged

        value = self.value(context.rule)
        first = context.values(value, self.value_name(context.rule))
        return staged(context, value, first, partial(self.collect, context), self.scale)

    def conclude(self, context: GateContext, evidence: Staged, p_value: float, gates: int) -> GateResult:
        """Return the result with its reason."""
        from evalharness.gate.staged import conclude_staged

        return conclude_staged(context, evidence, self.rules(context), gates)

    def setbacks(self, rule: GateRule, samples: Samples, others: Samples) -> Sequence[float] | None:
        """Return the difference of the mean numbers of each case; None if a sample lacks its number."""
        mine, theirs = (numbers(side, self.value(rule)) for side in (samples, others))
        if any(not theirs[case] or len(theirs[case]) < len(others[case]) or not mine.get(case) for case in others):
            return None
        return [self.scale(fmean(mine[case])) - self.scale(fmean(theirs[case])) for case in others]
