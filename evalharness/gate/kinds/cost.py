"""Gates on cost: the paired ratio of tokens, whatever a token costs today."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalharness.gate.comparison import Comparison, Value, Values
from evalharness.gate.kinds.means import MeanGate
from evalharness.records import BaselineSample, GateRule

if TYPE_CHECKING:  # bring numpy, which loading a suite does not need
    from evalharness.gate.evidence import Evidence, Rules


class CostGate(MeanGate):
    """A rise of the tokens of a response, prompt included."""

    unit = "ratio"
    sign = -1

    def value(self, rule: GateRule) -> Value:
        """The tokens of the request and the response."""

        def tokens(sample: BaselineSample) -> float | None:
            count = sample.prompt_tokens + sample.completion_tokens
            return float(count) if count > 0 else None

        return tokens

    def what(self, rule: GateRule) -> str:
        """Describes the number."""
        return "token counts"

    def rules(self, comparison: Comparison) -> Rules:
        """Margin and stage of the gate."""
        from evalharness.gate.cost import cost_rules

        return cost_rules(comparison.rule.margin, stage=comparison.stage)

    def collect(self, comparison: Comparison, then: Values, now: Values) -> Evidence:
        """The evidence on the ratio, and on responses that cost far more than usual."""
        from evalharness.gate.cost import collect_cost_evidence

        return collect_cost_evidence(then, now, rules=self.rules(comparison), seed=comparison.seed)


COST = CostGate()
