"""Gates on the mean of a number over the cases: scores and cost."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING

from evalharness.gate.context import GateContext, Value, Values
from evalharness.gate.kinds.base import GateKind
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
