"""The reason of a verdict: one line that needs no knowledge of the statistics."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from evalharness.amounts import amount, moved, probability, signed, size, span
from evalharness.gate.defaults import ALPHA_WARN
from evalharness.gate.numbers import in_percent, in_points

if TYPE_CHECKING:  # brings numpy
    from evalharness.gate.evidence import Evidence, GateResult, Rules, Staged, Total


def ratio(log_ratio: float) -> str:
    """A log ratio as a margin: 0.095 becomes '10 %'."""
    return f"{math.expm1(log_ratio) * 100:.3g} %"


def detects(drops: str) -> str:
    """The drop that a run detects, with the rate at which it does: '7.2 pts'."""
    return f"a run like this detects a drop of {drops} or more 80 % of the time"


def count(number: int, noun: str) -> str:
    """A number with its noun: '1 case', '2 cases'."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def p_text(p_value: float) -> str:
    """A p-value with two digits: 'p = 0.023', or 'p < 0.0001'."""
    shown = probability(p_value)
    return f"p {shown}" if shown.startswith("<") else f"p = {shown}"


class _Unit:
    """Words and formats of a gate: points that drop, or tokens that rise."""

    def __init__(self, rules: Rules) -> None:
        self._of_score = rules.unit == "points"
        self._name = "points" if self._of_score else "percent"
        self._in_unit = in_points if self._of_score else in_percent
        self._level_unit = "points" if self._of_score else "tokens"
        self.margin = size(100 * rules.margin, "points") if self._of_score else ratio(rules.margin)
        self.worse = "a drop of " if self._of_score else ""
        self.moved = "{} up, {} down" if self._of_score else "{} cheaper, {} dearer"
        self.typically = "" if self._of_score else "typically "

    def change(self, value: float) -> str:
        return signed(self._in_unit(value), self._name) + ("" if self._of_score else " tokens")

    def interval(self, ends: tuple[float, float]) -> str:
        low, high = sorted(map(self._in_unit, ends))
        return span(low, high, self._name)

    def both(self, before: float | None, after: float | None, change: float) -> str:
        """Both means and the change between them."""
        if before is None or after is None:
            return self.change(change)
        in_unit = in_points if self._of_score else float
        return moved(in_unit(before), in_unit(after), self._in_unit(change), self._name, self._level_unit)


def reason_of(result: GateResult, evidence: Evidence, rules: Rules) -> str:
    """The reason of a gate in one line: on these cases, on cases like these, and what follows."""
    unit = _Unit(rules)
    both = unit.both(result.before, result.after, evidence.change)
    change = f"{unit.typically}{both} on {count(result.cases, 'case')}"
    if not evidence.pairs:
        return f"{change}: {evidence.blocked or 'nothing to compare'}"
    decides = rules.target == "population"
    within = unit.interval(evidence.within.bounds(rules.alpha_pass))
    over = unit.interval(result.population)
    tested = f", {p_text(result.p_value)}" if result.verdict == "FAIL" else ""
    moved = unit.moved.format(result.up, result.down)
    readings = f"{change} ({within}{tested}); on cases like these {over}{' (decides)' if decides else ''}; {moved}"
    if within == over:
        readings = f"{change} and on cases like these ({within}{tested}); {moved}"
    readings += _total(evidence, rules)
    if result.verdict == "PASS":
        sure = f"{(1 - (rules.promised or rules.alpha_pass)) * 100:g} %"
        return f"{readings}; {unit.worse}{unit.margin} or more is ruled out ({sure})"
    if result.verdict == "FAIL":
        return readings + (f"; {evidence.remark}" if evidence.remark else "")
    return f"{readings}: " + "; ".join(_why_not(result, evidence, rules, unit))


def _total(evidence: Evidence, rules: Rules) -> str:
    if evidence.total is None:
        return ""
    total = evidence.total
    both = moved(total.before, total.before + total.rise.middle, 100 * total.ratio, "percent", "tokens")
    return f"; in total {both}, no more than {signed(100 * total.at_most(rules.alpha_pass), 'percent')}"


def _why_not(result: GateResult, evidence: Evidence, rules: Rules, unit: _Unit) -> list[str]:
    reasons = [evidence.blocked or f"cannot rule out {unit.worse}{unit.margin}"]
    if evidence.total is not None and evidence.total.at_most(rules.alpha_pass) >= math.expm1(rules.margin):
        reasons += _about_total(evidence.total, rules)
    if evidence.candidate_runs < rules.runs_needed:
        reasons.append(f"this margin needs at least {rules.runs_needed} samples, got {evidence.candidate_runs}")
    if result.suspicious and (result.p_value <= ALPHA_WARN or rules.alpha < 0):
        reasons.append(f"suspicious, {p_text(result.p_value)}")
    if 0 < rules.alpha < evidence.smallest_p:
        reasons.append(
            f"a failure is impossible with this data: the smallest p-value is {probability(evidence.smallest_p)}"
        )
    return reasons + _outlook(result, unit)


def _about_total(total: Total, rules: Rules) -> list[str]:
    """The reason why the total is not bounded, where it is answers that nothing in the run rules out."""
    without = replace(total, longest=0.0)
    if total.longest is None or without.at_most(rules.alpha_pass) >= math.expm1(rules.margin):
        return []
    rate = math.ceil(-total.answers / math.log(rules.alpha_pass))
    return [
        f"{total.answers} answers do not rule out that 1 in {rate} runs to max_tokens = {total.longest:g}; lower it, "
        "or take more samples"
    ]


def _outlook(result: GateResult, unit: _Unit) -> list[str]:
    lines = []
    if result.needed_cases is not None:
        more = result.needed_repeats
        repeats = f" or {count(more, 'more repeat')} on both sides" if more is not None else ""
        lines.append(f"{count(result.needed_cases, 'more case')}{repeats} would settle it")
    if result.minimum_detectable_drop is not None:
        lines.append(detects(amount(in_points(result.minimum_detectable_drop), "points")))
    return lines


_DRIFT = "the model has changed since the baseline was accepted: the accepted version scores {change} today"
_ALONE = "the accepted version was not sampled today, so a change of the endpoint looks the same"
_ONE_DAY = "the accepted version was not sampled today, only on {day}, so a worse day of the endpoint looks the same"


def not_beside(evidence: Staged) -> str:
    """The reservation of a failure without fresh samples of the accepted version; empty with them."""
    if not evidence.alone:
        return ""
    return _ONE_DAY.format(day=evidence.one_day) if evidence.one_day else _ALONE


def staged_reason(result: GateResult, evidence: Staged, rules: Rules) -> str:
    """The reason with what the stages add: a change of the endpoint, and the worst cases."""
    unit, reason = _Unit(rules), result.reason
    drift = _DRIFT.format(change=unit.change(evidence.drift))
    if evidence.drift < 0 and result.verdict == "INCONCLUSIVE":
        reason = f"{drift}, and this change is not to blame; accept a new baseline; {reason}"
    elif evidence.drift and result.verdict != "FAIL":
        reason += f"; {drift}; accept a new baseline"
    elif evidence.alone and result.verdict == "FAIL":
        reason += f"; {not_beside(evidence)}"
    named = ", ".join(f"{case} {unit.change(change)}" for case, change in result.worst)
    return reason + (f"; worst cases: {named}" if named else "")
