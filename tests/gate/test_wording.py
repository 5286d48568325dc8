"""The reason of a verdict: one line."""

from __future__ import annotations

import math
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pytest

from evalharness.gate.cost import cost_rules
from evalharness.gate.evidence import Evidence, GateResult, Rules, Staged, Word
from evalharness.gate.latency import assess_latency
from evalharness.gate.numbers import means_of
from evalharness.gate.stats.bounds import Spread
from evalharness.gate.wording import count, reason_of, staged_reason

RESULT = GateResult(
    "FAIL", "", p_value=0.0004, change=-0.064, lower_bound=-0.11, upper_bound=-0.021, cases=60, suspicious=True
)
GOOD: dict[str, Any] = {"change": 0.004, "lower_bound": -0.02, "upper_bound": 0.03, "p_value": 0.4}


@pytest.mark.parametrize(("number", "shown"), [(0, "0 cases"), (1, "1 case"), (2, "2 cases")])
def test_count(number: int, shown: str) -> None:
    """One case is singular."""
    assert count(number, "case") == shown


def line(verdict: Word, changes: dict[str, Any], rules: Rules, **evidence: Any) -> str:
    """The reason of a result and of evidence with the same mean change."""
    result = replace(RESULT, verdict=verdict, up=8, down=15, population=(-0.12, -0.01), **changes)
    pairs = ((np.array([1.0]), np.array([1.0 + result.change])),) * result.cases
    within = Spread(result.change, 0.02)
    found = Evidence(pairs, result.cases, within, within, result.p_value, 0.01, 1e-9)
    before, after = means_of(found, rules)
    return reason_of(replace(result, before=before, after=after), replace(found, **evidence), rules)


OUTLOOK = {"needed_cases": 116, "needed_repeats": 2, "minimum_detectable_drop": 0.072}
READINGS = "100.0 → 93.6, −6.4 pts on 60 cases (−9.7 … −3.1 pts); on cases like these −12.0 … −1.0 pts; 8 up, 15 down"
GOOD_READINGS = "100.0 → 100.4, +0.4 pts on 60 cases ({}); on cases like these −12.0 … −1.0 pts; 8 up, 15 down"


@pytest.mark.parametrize(
    ("verdict", "changes", "rules", "reason"),
    [
        (
            "PASS",
            GOOD,
            Rules(),
            GOOD_READINGS.format("−2.9 … +3.7 pts") + "; a drop of 5 pts or more is ruled out (95 %)",
        ),
        (
            "PASS",
            GOOD,
            Rules(0.07, alpha_pass=0.0125),
            GOOD_READINGS.format("−4.1 … +4.9 pts") + "; a drop of 7 pts or more is ruled out (98.75 %)",
        ),
        (
            "PASS",
            GOOD,
            Rules(target="population"),
            GOOD_READINGS.format("−2.9 … +3.7 pts").replace("; 8 up", " (decides); 8 up")
            + "; a drop of 5 pts or more is ruled out (95 %)",
        ),
        (
            "FAIL",
            {},
            Rules(),
            "100.0 → 93.6, −6.4 pts on 60 cases (−9.7 … −3.1 pts, p = 0.0004); "
            "on cases like these −12.0 … −1.0 pts; 8 up, 15 down",
        ),
        ("INCONCLUSIVE", {"p_value": 0.4}, Rules(), f"{READINGS}: cannot rule out a drop of 5 pts"),
        (
            "INCONCLUSIVE",
            {"p_value": 0.04},
            Rules(),
            f"{READINGS}: cannot rule out a drop of 5 pts; suspicious, p = 0.04",
        ),
        (
            "INCONCLUSIVE",
            {"p_value": 0.4} | OUTLOOK,
            Rules(),
            f"{READINGS}: cannot rule out a drop of 5 pts; 116 more cases or 2 more repeats on both sides would "
            "settle it; a run like this detects a drop of 7.2 pts or more 80 % of the time",
        ),
        (
            "INCONCLUSIVE",
            {"p_value": 0.4, "cases": 1},
            Rules(),
            f"{READINGS.replace('60 cases', '1 case')}: cannot rule out a drop of 5 pts; this margin needs at least "
            "59 samples, got 1",
        ),
    ],
)
def test_score(verdict: Word, changes: dict[str, Any], rules: Rules, reason: str) -> None:
    """The reason of a gate on a score has both readings, the cases that moved, and the remaining uncertainty."""
    assert line(verdict, changes, rules) == reason


def test_what_blocks_a_verdict() -> None:
    """The reason names what prevents a PASS, and data that is too small for a FAIL."""
    reason = line("INCONCLUSIVE", {"p_value": 0.4}, Rules(), blocked="3 cases are lost", smallest_p=0.0625)
    impossible = "a failure is impossible with this data: the smallest p-value is 0.063"
    assert reason == f"{READINGS}: 3 cases are lost; {impossible}"


@pytest.mark.parametrize(
    ("verdict", "changes", "reason"),
    [
        (
            "PASS",
            {"change": 0.0, "p_value": 0.4},
            "typically 0.368 → 0.368 tokens, ±0.0 % on 60 cases (−3.2 … +3.3 %); "
            "on cases like these +1.0 … +12.7 %; 8 cheaper, 15 "
            "dearer; 10 % or more is ruled out (95 %)",
        ),
        (
            "FAIL",
            {},
            "typically 0.368 → 0.460 tokens, +25.0 % on 60 cases (+21.0 … +29.2 %, p = 0.0004); "
            "on cases like these +1.0 … +12.7 %; "
            "8 cheaper, 15 dearer",
        ),
        (
            "INCONCLUSIVE",
            {"p_value": 0.4},
            "typically 0.368 → 0.460 tokens, +25.0 % on 60 cases (+21.0 … +29.2 %); "
            "on cases like these +1.0 … +12.7 %; 8 cheaper, "
            "15 dearer: cannot rule out 10 %",
        ),
    ],
)
def test_cost_line(verdict: Word, changes: dict[str, Any], reason: str) -> None:
    """The reason of a gate on cost has the change in tokens, where more is worse."""
    assert line(verdict, {"change": -math.log(1.25)} | changes, cost_rules(0.10)) == reason


@pytest.mark.parametrize(
    ("verdict", "drift", "alone", "expected"),
    [
        ("FAIL", 0.0, False, "R; worst cases: refund −80.0 pts, cable −60.0 pts"),
        ("PASS", 0.0, False, "R; worst cases: refund −80.0 pts, cable −60.0 pts"),
        ("FAIL", -0.07, False, "R; worst cases: *"),
        ("FAIL", 0.0, True, "R; the accepted version was not sampled today, so *; worst cases: *"),
        ("PASS", 0.0, True, "R; worst cases: *"),
        ("PASS", -0.07, False, "R; the model has changed since the baseline was accepted: *−7.0 pts today; accept *"),
        ("INCONCLUSIVE", -0.07, False, "the model has changed *−7.0 pts today, and this change is not to blame; *; R*"),
        ("INCONCLUSIVE", 0.07, False, "R; the model has changed *+7.0 pts today; accept a new baseline; worst *"),
    ],
)
def test_stages(verdict: Word, drift: float, alone: bool, expected: str) -> None:
    """A change of the endpoint is named and takes the blame; every verdict names its worst cases."""
    worst = (("refund", -0.8), ("cable", -0.6))
    result = replace(RESULT, verdict=verdict, reason="R", worst=worst)
    none = Spread(0.0, 0.0)
    screen = Evidence((), 0, none, none, 0.5, 0.5, 0.5)
    reason = staged_reason(result, Staged(screen, drift=drift, alone=alone, worst=worst), Rules())
    assert fnmatchcase(reason, expected)


@pytest.mark.parametrize(
    ("factor", "reason"),
    [
        (1.0, "23.2 → 23.2 s, ±0.0 % (±0.0 … ±0.0 %), interleaved: 10 % or more is ruled out"),
        (1.5, "23.2 → 34.8 s, +50.0 % (+50.0 … +50.0 %), interleaved, p < 0.0001"),
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
    assert (result.verdict, result.reason[:25]) == ("INCONCLUSIVE", "slower than the margin: 2")
