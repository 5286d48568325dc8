"""Gates on cost: the paired ratio of tokens, independent of prices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from evalharness.gate.context import GateContext, Value, Values
from evalharness.gate.kinds.means import MeanGate
from evalharness.records import BaselineSample, GateRule

if TYPE_CHECKING:  # bring numpy, which loading a suite does not need
    from evalharness.gate.evidence import Evidence, Rules


class CostGate(MeanGate):
    """Detects a rise in tokens per response, including the prompt."""

    unit = "ratio"
    level_unit = "tokens"

    def value(self, rule: GateRule) -> Value:
        """Return the function that reads the tokens of request and response."""

        def tokens(sample: BaselineSample) -> float | None:
            count = sample.prompt_tokens + sample.completion_tokens
            return float(count) if count > 0 else None

        return tokens

    def value_name(self, rule: GateRule) -> str:
        """Return the name of the number, for messages."""
        return "token counts"

    def scale(self, number: float) -> float:
        """Return the negative logarithm of the tokens."""
        return -math.log(number)

    def rules(self, context: GateContext) -> Rules:
        """Return the margin."""
        from evalharness.gate.cost import cost_rules

        return cost_rules(context.rule.margin)

    def collect(
        self, context: GateContext, baseline: Values, candidate: Values, *, stored: bool, tested: bool = True
    ) -> Evidence:
        """Return the evidence on the ratio and on expensive responses."""
        from evalharness.gate.cost import collect_cost_evidence

        longest = context.run.header.params.get("max_tokens")
        return collect_cost_evidence(
            baseline,
            candidate,
            rules=self.rules(context),
            seed=context.seed,
            longest=longest,
            clusters=context.clusters,
        )


COST = CostGate()
