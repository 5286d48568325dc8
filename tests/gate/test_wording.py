"""The one line of a verdict."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from evalharness.gate.judge import Evidence
from evalharness.gate.wording import cases, explain_cost, explain_latency, explain_score, percent, points
from evalharness.records import Status

EVIDENCE = Evidence(
    cases=60,
    candidate_runs=60,
    change=-0.064,
    low=-0.11,
    high=-0.021,
    p_value=0.0004,
    floor=59,
    margin=0.05,
)
GOOD: dict[str, Any] = {"change": 0.004, "low": -0.02, "high": 0.03, "p_value": 0.4}


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (-0.064, "−6.4 pts"),
        (0.004, "+0.4 pts"),
        (0.0, "±0.0 pts"),
        (-0.0, "±0.0 pts"),
        (0.0004, "±0.0 pts"),
        (1, "+100.0 pts"),
    ],
)
def test_points(change: float, shown: str) -> None:
    """A change has a sign, one digit, and nothing is neither up nor down."""
    assert points(change) == shown


@pytest.mark.parametrize(("ratio", "shown"), [(1.1, "+10.0 %"), (0.5, "−50.0 %"), (1, "±0.0 %"), (3, "+200.0 %")])
def test_percent(ratio: float, shown: str) -> None:
    """A log ratio is shown as a percentage."""
    assert percent(math.log(ratio)) == shown


@pytest.mark.parametrize(("count", "shown"), [(0, "0 cases"), (1, "1 case"), (2, "2 cases")])
def test_cases(count: int, shown: str) -> None:
    """One case is no plural."""
    assert cases(count) == shown


@pytest.mark.parametrize(
    ("status", "changes", "line"),
    [
        ("pass", GOOD, "+0.4 pts; a drop of 5 pts or more is ruled out (95 %), 60 cases"),
        (
            "pass",
            GOOD | {"change": -0.01, "p_value": 0.002},
            "−1.0 pts; a small real drop; a drop of 5 pts or more is ruled out (95 %), 60 cases",
        ),
        ("fail", {}, "−6.4 pts (at least −2.1 pts) on 60 cases, p = 0.0004"),
        ("fail", {"high": 0.001}, "−6.4 pts on 60 cases, p = 0.0004"),
        ("inconclusive", {}, "−6.4 pts (−11.0 pts … −2.1 pts) on 60 cases: cannot rule out a drop of 5 pts"),
        (
            "inconclusive",
            {"cases": 30, "candidate_runs": 30},
            "−6.4 pts (−11.0 pts … −2.1 pts) on 30 cases: cannot rule out a drop of 5 pts; "
            "this margin needs at least 59 answers to compare, there are 30",
        ),
        ("inconclusive", {"cases": 1}, "−6.4 pts on 1 case: too few to judge, statistics need 20"),
        ("inconclusive", {"cases": 19}, "−6.4 pts on 19 cases: too few to judge, statistics need 20"),
        ("pass", GOOD | {"margin": 0.07}, "+0.4 pts; a drop of 7 pts or more is ruled out (95 %), 60 cases"),
    ],
)
def test_score(status: Status, changes: dict[str, Any], line: str) -> None:
    """A gate on a score says how much, over how many cases, and what that leaves open."""
    assert explain_score(status, replace(EVIDENCE, **changes), {}, {}) == line


def test_worst_tags() -> None:
    """A failed gate names the two tags that fell most, of those with five cases or more."""
    changes = {
        f"{tag}-{n}": fall for tag, fall in {"a": -0.1, "b": -0.3, "c": -0.2, "d": 0.1}.items() for n in range(5)
    }
    tags = {case: (case[0],) for case in changes} | {"e-0": ("e",)}
    line = explain_score("fail", EVIDENCE, changes | {"e-0": -1.0}, tags)
    assert line.endswith("; worst: b −30.0 pts, c −20.0 pts")


@pytest.mark.parametrize(
    ("status", "changes", "line"),
    [
        ("pass", {"change": 0.0, "low": -0.05}, "±0.0 % tokens; +10.0 % or more is ruled out (95 %), 60 cases"),
        ("fail", {}, "+25.0 % tokens (at least +10.5 %) on 60 cases, p = 0.0004"),
        ("fail", {"high": 0.1}, "+25.0 % tokens on 60 cases, p = 0.0004"),
        ("inconclusive", {}, "+25.0 % tokens (+10.5 % … +35.0 %) on 60 cases: cannot rule out +10.0 %"),
        ("inconclusive", {"cases": 1}, "+25.0 % tokens on 1 case: too few to judge, statistics need 20"),
    ],
)
def test_cost_line(status: Status, changes: dict[str, Any], line: str) -> None:
    """A gate on cost says how many more tokens: there, more is worse."""
    evidence = replace(EVIDENCE, change=-math.log(1.25), low=-math.log(1.35), high=-0.1, margin=math.log1p(0.1))
    assert explain_cost(status, replace(evidence, **changes)) == line


@pytest.mark.parametrize(
    ("low", "compared", "line"),
    [
        (1.05, 60, "+20.0 % (+5.0 % … +30.0 %) on 60 cases, same machine class"),
        (1.15, 1, "slower than the margin: +20.0 % (+15.0 % … +30.0 %) on 1 case, same machine class"),
    ],
)
def test_latency_line(low: float, compared: int, line: str) -> None:
    """The line on latency warns only where the whole interval is above the margin."""
    said = explain_latency(math.log(1.2), math.log(low), math.log(1.3), margin=0.1, compared=compared)
    assert said == line
