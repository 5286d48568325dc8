"""Gates on the share of cases that keep their assertions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from evalharness.gate.case_samples import some_cases
from evalharness.gate.context import GateContext, NoComparison
from evalharness.gate.kinds.base import Samples
from evalharness.gate.kinds.score import ScoreGate
from evalharness.records import GateRule

if TYPE_CHECKING:  # brings numpy, which loading a suite does not need
    from evalharness.gate.evidence import GateResult, Staged


class AssertionGate(ScoreGate):
    """Detects a drop in the share of cases that keep all assertions. Cases without assertions are left out."""

    def evidence(self, context: GateContext) -> Staged:
        """Return the evidence on the cases with assertions. Raises NoComparison without any."""
        asserted = _with_assertions(context)
        if not asserted.pairing.samples:
            raise NoComparison("incomparable", "no case of this run has assertions")
        return super().evidence(asserted)

    def conclude(self, context: GateContext, evidence: Staged, p_value: float, gates: int) -> GateResult:
        """Return the result. The reason counts the cases with assertions if some have none."""
        result, asserted = super().conclude(context, evidence, p_value, gates), _with_assertions(context)
        some, every = len(asserted.pairing.samples), len(context.pairing.samples)
        note = f"; {some} of {every} cases have assertions" if some < every else ""
        return replace(result, reason=result.reason + note)

    def detectable_drop(self, context: GateContext) -> float | None:
        """Return the drop that a later run like this one detects, on the cases with assertions."""
        return super().detectable_drop(_with_assertions(context))

    def setbacks(self, rule: GateRule, samples: Samples, others: Samples) -> Sequence[float] | None:
        """Return the difference of the kept share of each case with assertions."""
        asserted = {case for case, found in samples.items() if any(rule.metric in one.scores for one in found)}
        return super().setbacks(rule, samples, {case: found for case, found in others.items() if case in asserted})


def _with_assertions(context: GateContext) -> GateContext:
    name, samples = context.rule.metric, context.pairing.samples
    asserted = some_cases(samples, lambda case: any(one.score(name) for one in samples[case]))
    return replace(context, pairing=replace(context.pairing, samples=asserted))


ASSERTIONS = AssertionGate()
