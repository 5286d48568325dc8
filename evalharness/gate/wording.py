"""What a verdict says: one line for the engineer who did not write the statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from evalharness.gate.judge import ALPHA, FEWEST_CASES, Evidence
from evalharness.records import Status

Changes = Mapping[str, float]


MINUS = "−"


def points(change: float) -> str:
    """A change of a 0..1 score: -0.064 is a fall of 6.4 points."""
    return f"{_signed(change * 100)} pts"


def percent(log_ratio: float) -> str:
    """A log ratio: 0.095 is '+10.0 %'."""
    return f"{_signed(math.expm1(log_ratio) * 100)} %"


def cases(count: int) -> str:
    """'1 case', '2 cases'."""
    return f"{count} case{'' if count == 1 else 's'}"


def _signed(number: float) -> str:
    shown = f"{number:+.1f}".replace("-", MINUS)
    return "±0.0" if shown in ("+0.0", f"{MINUS}0.0") else shown


def explain_score(status: Status, evidence: Evidence, changes: Changes, tags: Mapping[str, Sequence[str]]) -> str:
    """The line of a gate on a score."""
    margin = f"{evidence.margin * 100:g} pts"
    size = cases(evidence.cases)
    if status == "pass":
        small = "; a small real drop" if evidence.p_value <= ALPHA else ""
        return f"{points(evidence.change)}{small}; a drop of {margin} or more is ruled out (95 %), {size}"
    if status == "fail":
        at_least = f" (at least {points(evidence.high)})" if evidence.high < 0 else ""
        return f"{points(evidence.change)}{at_least} on {size}, {_p(evidence)}{_worst(changes, tags)}"
    if evidence.cases < FEWEST_CASES:
        return f"{points(evidence.change)} on {size}: too few to judge, statistics need {FEWEST_CASES}"
    interval = f"{points(evidence.change)} ({points(evidence.low)} … {points(evidence.high)})"
    return f"{interval} on {size}: cannot rule out a drop of {margin}{_too_few(evidence)}"


def explain_cost(status: Status, evidence: Evidence) -> str:
    """The line of a gate on tokens; there, worse is more."""
    margin, size = percent(evidence.margin), cases(evidence.cases)
    seen, most, least = percent(-evidence.change), percent(-evidence.low), percent(-evidence.high)
    if status == "pass":
        return f"{seen} tokens; {margin} or more is ruled out (95 %), {size}"
    if status == "fail":
        at_least = f" (at least {least})" if evidence.high < 0 else ""
        return f"{seen} tokens{at_least} on {size}, {_p(evidence)}"
    if evidence.cases < FEWEST_CASES:
        return f"{seen} tokens on {size}: too few to judge, statistics need {FEWEST_CASES}"
    return f"{seen} tokens ({least} … {most}) on {size}: cannot rule out {margin}"


def explain_latency(middle: float, low: float, high: float, *, margin: float, compared: int) -> str:
    """The line on latency."""
    warning = "slower than the margin: " if low > math.log1p(margin) else ""
    interval = f"{percent(middle)} ({percent(low)} … {percent(high)})"
    return f"{warning}{interval} on {cases(compared)}, same machine class"


def _p(evidence: Evidence) -> str:
    return f"p = {evidence.p_value:.2g}"


def _too_few(evidence: Evidence) -> str:
    if evidence.candidate_runs < evidence.floor:
        return f"; this margin needs at least {evidence.floor} answers to compare, there are {evidence.candidate_runs}"
    return ""


def _worst(changes: Changes, tags: Mapping[str, Sequence[str]]) -> str:
    by_tag: dict[str, list[float]] = {}
    for case, change in changes.items():
        for tag in tags.get(case, ()):
            by_tag.setdefault(tag, []).append(change)
    means = sorted((float(np.mean(values)), tag) for tag, values in by_tag.items() if len(values) >= 5)
    worst = ", ".join(f"{tag} {points(mean)}" for mean, tag in means[:2] if mean < 0)
    return f"; worst: {worst}" if worst else ""
