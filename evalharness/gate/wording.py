"""The reason of a verdict: one line that needs no knowledge of the statistics."""

from __future__ import annotations

import math

from evalharness.gate.defaults import ALPHA_WARN, FEWEST_CASES
from evalharness.gate.evidence import Evidence, GateResult, Rules

MINUS = "−"


def points(change: float) -> str:
    """A change of a 0..1 score: -0.064 becomes '−6.4 pts'."""
    return f"{_signed(change * 100)} pts"


def percent(log_ratio: float) -> str:
    """A log ratio as a change: 0.095 becomes '+10.0 %'."""
    return f"{_signed(math.expm1(log_ratio) * 100)} %"


def ratio(log_ratio: float) -> str:
    """A log ratio as a margin: 0.095 becomes '10 %'."""
    return f"{math.expm1(log_ratio) * 100:.3g} %"


def count(number: int, noun: str) -> str:
    """A number with its noun: '1 case', '2 cases'."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def p_text(p_value: float) -> str:
    """A p-value with two digits: 'p = 0.023', or 'p < 0.0001'."""
    return "p < 0.0001" if p_value < 1e-4 else f"p = {p_value:.2g}"


def _signed(number: float) -> str:
    shown = f"{number:+.1f}".replace("-", MINUS)
    return "±0.0" if shown in ("+0.0", f"{MINUS}0.0") else shown


class _Unit:
    """Words and formats of a gate: points that drop, or tokens that rise."""

    def __init__(self, rules: Rules) -> None:
        self._of_score = rules.unit == "points"
        self.margin = f"{rules.margin * 100:g} pts" if self._of_score else ratio(rules.margin)
        self.worse = "a drop of " if self._of_score else ""
        self.small = "a small real drop" if self._of_score else "a small real rise"

    def change(self, value: float) -> str:
        return points(value) if self._of_score else f"{percent(-value)} tokens"

    def interval(self, low: float, high: float) -> str:
        ends = (points(low), points(high)) if self._of_score else (percent(-high), percent(-low))
        return f"({ends[0]} … {ends[1]})"

    def least(self, high: float) -> str:
        return points(high) if self._of_score else percent(-high)


def reason_of(result: GateResult, evidence: Evidence, rules: Rules) -> str:
    """The reason of a gate, in one line."""
    unit, size = _Unit(rules), count(result.cases, "case")
    change = unit.change(evidence.change)
    if result.verdict == "PASS":
        small = f"; {unit.small}" if result.p_value <= rules.alpha else ""
        sure = f"{(1 - rules.bound_alpha) * 100:g} %"
        return f"{change}{small}; {unit.worse}{unit.margin} or more is ruled out ({sure}), {size}"
    if result.verdict == "FAIL":
        at_least = f" (at least {unit.least(result.upper_bound)})" if result.upper_bound < 0 else ""
        remark = f"; {evidence.remark}" if evidence.remark else ""
        return f"{change}{at_least} on {size}, {p_text(result.p_value)}{remark}"
    interval = unit.interval(result.lower_bound, result.upper_bound)
    return f"{change} {interval} on {size}: " + "; ".join(_why_not(result, evidence, rules, unit))


def _why_not(result: GateResult, evidence: Evidence, rules: Rules, unit: _Unit) -> list[str]:
    if result.cases < FEWEST_CASES:
        return [f"too few cases for statistics, which need {FEWEST_CASES}"]
    reasons = [evidence.blocked or f"cannot rule out {unit.worse}{unit.margin}"]
    if evidence.candidate_runs < rules.runs_needed:
        reasons.append(f"this margin needs at least {rules.runs_needed} samples, got {evidence.candidate_runs}")
    if rules.alpha < result.p_value <= ALPHA_WARN or rules.stage == "screen":
        reasons += [f"suspicious, {p_text(result.p_value)}"] if result.suspicious else []
    if evidence.smallest_p > rules.alpha:
        reasons.append(f"a failure is impossible with this data: the smallest p-value is {evidence.smallest_p:.2g}")
    return reasons + _outlook(result, unit)


def _outlook(result: GateResult, unit: _Unit) -> list[str]:
    lines = []
    if result.needed_cases is not None:
        more = result.needed_repeats
        repeats = f" or {count(more, 'more repeat')} on both sides" if more is not None else ""
        lines.append(f"{count(result.needed_cases, 'more case')}{repeats} would settle it")
    if result.minimum_detectable_drop is not None:
        drop = f"{unit.worse}{result.minimum_detectable_drop * 100:.1f} pts"
        lines.append(f"a run like this detects {drop} or more 80 % of the time")
    return lines
