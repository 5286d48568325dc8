"""The reason of a verdict: one line."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evalharness.gate.cost import cost_rules
from evalharness.gate.evidence import Evidence, GateResult, Rules, Word
from evalharness.gate.latency import assess_latency
from evalharness.gate.stats.bounds import Spread
from evalharness.gate.wording import count, percent, points, reason_of

RESULT = GateResult(
    "FAIL", "", p_value=0.0004, drop=0.064, lower_bound=-0.11, upper_bound=-0.021, cases=60, suspicious=True
)
GOOD: dict[str, Any] = {"drop": -0.004, "lower_bound": -0.02, "upper_bound": 0.03, "p_value": 0.4}


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
    """A change has a sign and one digit; zero has the sign ±."""
    assert points(change) == shown


@pytest.mark.parametrize(("ratio", "shown"), [(1.1, "+10.0 %"), (0.5, "−50.0 %"), (1, "±0.0 %"), (3, "+200.0 %")])
def test_percent(ratio: float, shown: str) -> None:
    """A log ratio is shown as a percentage."""
    assert percent(math.log(ratio)) == shown


@pytest.mark.parametrize(("number", "shown"), [(0, "0 cases"), (1, "1 case"), (2, "2 cases")])
def test_count(number: int, shown: str) -> None:
    """One case is singular."""
    assert count(number, "case") == shown


def line(verdict: Word, changes: dict[str, Any], rules: Rules, **evidence: Any) -> str:
    """The reason of a result and of evidence with the same mean change."""
    result = replace(RESULT, verdict=verdict, **changes)
    pairs = ((np.array([1.0]), np.array([1.0 - result.drop])),) * result.cases
    found = Evidence(pairs, result.cases, Spread(-result.drop, 0.0), result.p_value, 1e-9)
    return reason_of(result, replace(found, **evidence), rules)


OUTLOOK = {"needed_cases": 116, "needed_repeats": 2, "minimum_detectable_drop": 0.072}
INTERVAL = "−6.4 pts (−11.0 pts … −2.1 pts) on 60 cases: "


@pytest.mark.parametrize(
    ("verdict", "changes", "rules", "reason"),
    [
        ("PASS", GOOD, Rules(), "+0.4 pts; a drop of 5 pts or more is ruled out (95 %), 60 cases"),
        ("PASS", GOOD, Rules(stage="screen"), "+0.4 pts; a drop of 5 pts or more is ruled out (97.5 %), 60 cases"),
        ("PASS", GOOD, Rules(0.07), "+0.4 pts; a drop of 7 pts or more is ruled out (95 %), 60 cases"),
        (
            "PASS",
            GOOD | {"drop": 0.01, "p_value": 0.002},
            Rules(),
            "−1.0 pts; a small real drop; a drop of 5 pts or more is ruled out (95 %), 60 cases",
        ),
        ("FAIL", {}, Rules(), "−6.4 pts (at least −2.1 pts) on 60 cases, p = 0.0004"),
        ("FAIL", {"upper_bound": 0.001}, Rules(), "−6.4 pts on 60 cases, p = 0.0004"),
        ("INCONCLUSIVE", {"p_value": 0.4}, Rules(), f"{INTERVAL}cannot rule out a drop of 5 pts"),
        (
            "INCONCLUSIVE",
            {"p_value": 0.04},
            Rules(),
            f"{INTERVAL}cannot rule out a drop of 5 pts; suspicious, p = 0.04",
        ),
        (
            "INCONCLUSIVE",
            {"p_value": 0.4} | OUTLOOK,
            Rules(),
            f"{INTERVAL}cannot rule out a drop of 5 pts; 116 more cases or 2 more repeats on both sides would "
            "settle it; a run like this detects a drop of 7.2 pts or more 80 % of the time",
        ),
        (
            "INCONCLUSIVE",
            {"cases": 1},
            Rules(),
            "−6.4 pts (−11.0 pts … −2.1 pts) on 1 case: too few cases for statistics, which need 20",
        ),
        (
            "INCONCLUSIVE",
            {"cases": 19},
            Rules(),
            "−6.4 pts (−11.0 pts … −2.1 pts) on 19 cases: too few cases for statistics, which need 20",
        ),
    ],
)
def test_score(verdict: Word, changes: dict[str, Any], rules: Rules, reason: str) -> None:
    """The reason of a gate on a score has the change, the number of cases, and the remaining uncertainty."""
    assert line(verdict, changes, rules) == reason


def test_what_blocks_a_verdict() -> None:
    """The reason names what prevents a PASS, and data that is too small for a FAIL."""
    reason = line("INCONCLUSIVE", {"p_value": 0.4}, Rules(), blocked="3 cases are lost", smallest_p=0.0625)
    assert (
        reason == f"{INTERVAL}3 cases are lost; a failure is impossible with this data: the smallest p-value is 0.062"
    )


COST = {"drop": math.log(1.25), "lower_bound": -math.log(1.35), "upper_bound": -0.1}


@pytest.mark.parametrize(
    ("verdict", "changes", "reason"),
    [
        ("PASS", {"drop": 0.0, "p_value": 0.4}, "±0.0 % tokens; 10 % or more is ruled out (95 %), 60 cases"),
        ("FAIL", {}, "+25.0 % tokens (at least +10.5 %) on 60 cases, p = 0.0004"),
        ("FAIL", {"upper_bound": 0.1}, "+25.0 % tokens on 60 cases, p = 0.0004"),
        (
            "INCONCLUSIVE",
            {"p_value": 0.4},
            "+25.0 % tokens (+10.5 % … +35.0 %) on 60 cases: cannot rule out 10 %",
        ),
        (
            "INCONCLUSIVE",
            {"cases": 1},
            "+25.0 % tokens (+10.5 % … +35.0 %) on 1 case: too few cases for statistics, which need 20",
        ),
    ],
)
def test_cost_line(verdict: Word, changes: dict[str, Any], reason: str) -> None:
    """The reason of a gate on cost has the change in tokens, where more is worse."""
    assert line(verdict, COST | changes, cost_rules(0.10)) == reason


@pytest.mark.parametrize(
    ("factor", "reason"),
    [
        (1.0, "±0.0 % (±0.0 % … ±0.0 %), interleaved: 10 % or more is ruled out"),
        (1.5, "+50.0 % (+50.0 % … +50.0 %), interleaved, p < 0.0001"),
    ],
)
def test_latency_line(factor: float, reason: str) -> None:
    """The reason of a gate on latency has the change in seconds, and the mode of the comparison."""
    seconds = {f"case-{number}": [1.0 + number] for number in range(60)}
    slower = {case: [factor * runs[0]] for case, runs in seconds.items()}
    assert assess_latency(seconds, slower).reason.startswith(reason)


def test_latency_warns() -> None:
    """With a calibration but without a history, a slower run is a warning and does not fail."""
    from evalharness.gate.latency import Calibration

    seconds = {f"case-{number}": [1.0 + number] for number in range(60)}
    slower = {case: [2 * runs[0]] for case, runs in seconds.items()}
    result = assess_latency(seconds, slower, mode="calibrated", calibration=Calibration([1.0], 1.0))
    assert (result.verdict, result.reason[:25]) == ("INCONCLUSIVE", "slower than the margin: +")
