"""The numbers of a gate in the units that reports show: points of a score, percent of tokens or seconds."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from evalharness.amounts import rounded, rounded_level
from evalharness.records import Verdict

if TYPE_CHECKING:  # brings numpy
    from evalharness.gate.evidence import Evidence, GateResult, Rules

_MOST = 700.0
"""The largest logarithm whose ratio is a number."""


def means_of(evidence: Evidence, rules: Rules) -> tuple[float | None, float | None]:
    """The mean over cases on both sides: of 0..1 scores, or the geometric mean of what was measured."""
    if not evidence.pairs:
        return None, None
    from evalharness.gate.stats.pairs import blocks  # brings numpy, which evidence has brought already

    sides = ((block[side].mean(axis=1) for block in blocks(evidence.pairs)) for side in (0, 1))
    before, after = (math.fsum(mean for means in side for mean in means) / len(evidence.pairs) for side in sides)
    return unscaled(before, rules), unscaled(after, rules)


def unscaled(mean: float, rules: Rules) -> float:
    """A mean on the scale of the gate as a score, or as the geometric mean of what was measured."""
    return math.exp(-mean) if rules.unit == "log ratio" else mean


def in_points(change: float) -> float:
    """A change of a 0..1 score in points."""
    return 100 * change


def in_percent(change: float) -> float:
    """A change of -log(tokens) or -log(seconds), where minus is worse, in percent, where plus is dearer or slower."""
    return 100 * math.expm1(min(-change, _MOST))


def shown_points(change: float) -> float:
    """A change of a 0..1 score in points, rounded as every report shows it."""
    return rounded(in_points(change))


def _percent(change: float) -> float:
    return rounded(in_percent(change))


def with_numbers(verdict: Verdict, result: GateResult, *, screening: bool) -> Verdict:
    """The verdict with the numbers of the result, rounded as every report shows them."""
    in_unit = _percent if verdict.unit == "percent" else shown_points
    ends = [in_unit(end) if math.isfinite(end) else None for end in (result.lower_bound, result.upper_bound)]
    low, high = reversed(ends) if verdict.unit == "percent" else ends
    drop = result.minimum_detectable_drop
    return replace(
        verdict,
        gating=result.gating,
        before=_mean(result.before, verdict),
        after=_mean(result.after, verdict),
        change=in_unit(result.change) if result.cases else None,
        low=low if result.cases else None,
        high=high if result.cases else None,
        p_value=result.p_value if result.cases else None,
        cases=result.cases,
        minimum_detectable_drop=None if drop is None else shown_points(drop),
        needed_cases=result.needed_cases,
        needed_repeats=result.needed_repeats,
        suspicious=result.suspicious and screening,
        open=result.open and screening,
        population_p=result.population_p if result.cases else None,
        up=result.up,
        down=result.down,
        notice=result.notice,
        judge=result.judge,
        worst=tuple((case, in_unit(change)) for case, change in result.worst),
        slices=tuple(replace(one, change=shown_points(one.change)) for one in result.slices),
    )


def _mean(value: float | None, verdict: Verdict) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return rounded_level(in_points(value) if verdict.level_unit == "points" else value, verdict.level_unit)
