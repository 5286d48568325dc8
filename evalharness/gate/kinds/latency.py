"""Gates on seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from evalharness.gate.context import GateContext, NoComparison
from evalharness.gate.kinds.base import GateKind, Samples
from evalharness.gate.kinds.seconds import Basis, Seconds, basis_of, compared, no_seconds, other_slots, positive
from evalharness.gate.pairing import baseline_samples
from evalharness.records import TIMINGS, GateRule

if TYPE_CHECKING:  # brings numpy, which loading a suite does not need
    from evalharness.gate.evidence import GateResult

_FAILS = ("interleaved", "history")
"""The modes in which a gate can fail."""


class LatencyGate(GateKind):
    """Detects a rise in one of the `TIMINGS` of a response."""

    unit = "ratio"
    level_unit = "seconds"
    options = frozenset({"slots"})
    shares_alpha = False
    informs = True
    compares_pinned = False
    measures_machine = True

    def __init__(self, timing: str) -> None:
        self.timing = timing

    def evidence(self, context: GateContext) -> GateResult:
        """Return the result, because this test needs no correction over several gates."""
        from evalharness.gate.latency import assess_latency

        rule = context.rule
        if problem := other_slots(context):
            raise NoComparison("error", problem)
        basis = basis_of(context)
        baseline, candidate = self._seconds(context, basis)
        result = assess_latency(
            baseline,
            candidate,
            mode=basis.mode,
            margin=rule.margin,
            calibration=basis.calibration,
            clusters=context.clusters,
        )
        reason = result.reason if baseline.keys() & candidate.keys() else no_seconds(context, basis)
        return replace(result, reason=reason, gating=result.verdict == "FAIL" or basis.mode in _FAILS)

    def conclude(self, context: GateContext, evidence: Any, p_value: float, gates: int) -> GateResult:
        """Return the evidence, which is the result."""
        result: GateResult = evidence
        return result

    def setbacks(self, rule: GateRule, samples: Samples, others: Samples) -> Sequence[float] | None:
        """Return the log ratio of the mean seconds of each case that has some on both sides."""
        mine, theirs = (
            {case: positive(one.seconds(self.timing) for one in found) for case, found in side.items()}
            for side in (samples, others)
        )
        timed = [case for case in theirs if theirs[case] and mine.get(case)]
        return [math.log(fmean(theirs[case]) / fmean(mine[case])) for case in timed]

    def _seconds(self, context: GateContext, basis: Basis) -> tuple[Seconds, Seconds]:
        pairing, counted = context.pairing, set(basis.runs)
        baseline, candidate = {}, {}
        for case in pairing.cases:
            stored = baseline_samples(pairing, case, copies=False)
            baseline[case] = positive(sample.seconds(self.timing) for sample in stored if sample.run in counted)
            candidate[case] = positive(sample.seconds(self.timing) for sample in compared(context, case, basis))
        if basis.mode == "history":
            baseline = {case: seconds for case, seconds in baseline.items() if len(seconds) == len(basis.runs)}
        return _without_empty(baseline), _without_empty(candidate)


def _without_empty(side: Seconds) -> Seconds:
    return {case: seconds for case, seconds in side.items() if seconds}


LATENCY, FIRST_TOKEN, PER_TOKEN = (LatencyGate(timing) for timing in TIMINGS)
