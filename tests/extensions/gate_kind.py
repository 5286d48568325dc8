"""A third party's gate: the 95th percentile of the length of the responses may rise by at most the margin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalharness import GateContext, GateKind, GateResult

_TIMES = 2_000
_ALPHA = 0.01


@dataclass(frozen=True)
class Percentiles:
    """The change of the percentile, as a natural logarithm."""

    change: float
    largest: float
    """What the data leave possible: 95 %, one-sided, by the bootstrap over cases."""
    p_value: float
    """Of a rise: both sides of a case are exchanged at random."""
    cases: int


class LengthGate(GateKind):
    """Compares the characters of the responses."""

    unit = "ratio"

    def evidence(self, context: GateContext) -> Percentiles:
        """Resample both sides of each case. Raises NoComparison for an empty response."""
        sides = context.values(lambda sample: float(len(sample.text)) or None, "text")
        pairs = np.array([[np.mean(side[case]) for side in sides] for case in sides[0]])
        rng = np.random.default_rng(list(context.seed.encode()))
        change = _rise(pairs)
        swapped = [_rise(np.where(rng.random((len(pairs), 1)) < 0.5, pairs, pairs[:, ::-1])) for _ in range(_TIMES)]
        again = [_rise(pairs[rng.integers(len(pairs), size=len(pairs))]) for _ in range(_TIMES)]
        p_value = (1 + sum(one >= change for one in swapped)) / (1 + _TIMES)
        return Percentiles(change, float(np.quantile(again, 0.95)), p_value, len(pairs))

    def conclude(self, context: GateContext, evidence: Any, p_value: float, gates: int) -> GateResult:
        """FAIL for a significant rise, PASS if one of the margin is ruled out."""
        found: Percentiles = evidence
        passed = found.largest < math.log1p(context.rule.margin)
        verdict = "FAIL" if p_value <= _ALPHA else "PASS" if passed else "INCONCLUSIVE"
        reason = f"95th percentile of the length {math.expm1(found.change):+.1%}"
        return GateResult(verdict, reason, p_value, -found.change, -found.largest, math.inf, found.cases)


def _rise(pairs: Any) -> float:
    before, after = np.quantile(pairs, 0.95, axis=0)
    return float(np.log(after) - np.log(before))


LENGTH_P95 = LengthGate()
