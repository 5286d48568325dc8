"""From evidence to a verdict: laws that hold for any data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evalharness.gate.defaults import (
    ALPHA,
    ALPHA_PASS,
    LEAST_LOSS,
    LOOKS,
    POPULATION,
    QUALITY_MARGIN,
    RATIO_MARGIN,
    SCREEN,
    SCREEN_PASS,
    SETTLE,
)
from evalharness.gate.evidence import Evidence, Rules
from evalharness.gate.latency import hodges_lehmann
from evalharness.gate.scores import assess_scores, collect_evidence, decide
from evalharness.gate.stats.bounds import Spread

PAIRS = ((np.array([1.0]), np.array([1.0])),) * 60
LOST = (*PAIRS[:56], *(((np.array([1.0]), np.array([0.0])),) * 4))
"""Four of 60 cases lost: 6.7 points."""
NONE = Spread(0.0, 0.0)
EVIDENCE = Evidence(PAIRS, cases=60, within=NONE, over=NONE, p_value=0.5, population_p=0.5, smallest_p=0.0)


def bounded(low: float, **changes: Any) -> Evidence:
    """Evidence with this lower bound on these cases."""
    return replace(EVIDENCE, within=Spread(low, 0.0), **changes)


def lost(low: float, **changes: Any) -> Evidence:
    """The same after a loss that shows over cases too."""
    return bounded(low, **({"pairs": LOST, "population_p": 0.02} | changes))


@pytest.mark.parametrize(
    ("evidence", "adjusted", "verdict"),
    [
        (bounded(-0.04), 0.5, "PASS"),
        (bounded(-0.04), 0.0001, "PASS"),  # a small real drop within the margin
        (bounded(-0.05), 0.5, "INCONCLUSIVE"),  # the margin itself is not ruled out
        (lost(-0.06), 0.0101, "INCONCLUSIVE"),
        (lost(-0.06), 0.01, "FAIL"),
        (lost(-0.06, population_p=0.0501), 0.01, "INCONCLUSIVE"),  # these cases alone
        (lost(-0.06, pairs=(*PAIRS, *LOST)), 0.01, "FAIL"),
        (lost(-0.06, pairs=(*PAIRS, *PAIRS, *LOST)), 0.01, "INCONCLUSIVE"),  # less than half of the margin
        (lost(-0.04), 0.5, "INCONCLUSIVE"),  # four failures of 60 are likely after a drop of the margin
        (bounded(-0.04, pairs=PAIRS[:58]), 0.5, "INCONCLUSIVE"),
        (lost(-0.04, pairs=LOST[2:]), 0.001, "FAIL"),
        (lost(-0.06, cases=1, pairs=LOST[-1:]), 0.001, "FAIL"),
        (bounded(-0.04, blocked="a case is missing"), 0.5, "INCONCLUSIVE"),
        (lost(-0.04, blocked="a case is missing"), 0.001, "FAIL"),
        (bounded(math.nan), 0.5, "INCONCLUSIVE"),
        (lost(math.nan), math.nan, "INCONCLUSIVE"),
        (lost(-0.06), math.nan, "INCONCLUSIVE"),
    ],
)
def test_decide(evidence: Evidence, adjusted: float, verdict: str) -> None:
    """PASS needs the bound and few failures; FAIL needs both tests and half of the margin; NaN gives neither."""
    assert decide(evidence, adjusted, Rules()) == verdict


def test_the_target_decides_on_a_pass() -> None:
    """With the target `population`, the bound over cases decides."""
    narrow = replace(bounded(-0.04), over=Spread(-0.06, 0.0))
    assert decide(narrow, 0.5, Rules()) == "PASS"
    assert decide(narrow, 0.5, Rules(target="population")) == "INCONCLUSIVE"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("side", ["baseline", "candidate"])
@pytest.mark.parametrize("k", [1, 3])
def test_nan_and_infinity_are_refused(bad: float, side: str, k: int) -> None:
    """A NaN or an infinity anywhere is an error, because it could hide a drop."""
    good = {f"case-{number}": [1.0] * k for number in range(60)}
    sides = {"baseline": good, "candidate": good} | {side: good | {"case-7": [*good["case-7"][1:], bad]}}
    with pytest.raises(ValueError, match="finite"):
        collect_evidence(sides["baseline"], sides["candidate"], rules=Rules(), seed="")
    with pytest.raises(ValueError, match=r"scores in \[0, 1\]"):
        assess_scores(sides["baseline"], sides["candidate"])


def test_pass_fail_takes_only_zero_and_one() -> None:
    """A score of 0.5 is refused with `kind="pass_fail"`."""
    with pytest.raises(ValueError, match="scores of 0 or 1"):
        assess_scores({"a": [0.5]}, {"a": [1.0]}, kind="pass_fail")


def test_only_common_cases_are_compared() -> None:
    """Cases of one side alone are not compared, but a lost case blocks a PASS; without common cases nothing passes."""
    one = collect_evidence({"a": [1.0], "b": [1.0]}, {"b": [1.0], "c": [0.0]}, rules=Rules(), seed="")
    none = collect_evidence({"a": [1.0]}, {"b": [0.0]}, rules=Rules(), seed="")
    assert (one.cases, one.change) == (1, 0.0)
    assert one.blocked == "1 of 2 cases of the baseline have no run to compare"
    assert (none.cases, none.change, none.p_value) == (0, 0.0, 1.0)
    assert decide(none, none.p_value, Rules()) == "INCONCLUSIVE"
    result = assess_scores({"a": [1.0]}, {"b": [0.0]})
    assert (result.verdict, result.lower_bound) == ("INCONCLUSIVE", -math.inf)


VALUES: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "pass/fail": lambda rng, size: (rng.random(size) < rng.choice([0.5, 0.8, 0.97])).astype(float),
    "scores": lambda rng, size: np.round(np.clip(rng.normal(0.8, 0.2, size), 0, 1), 1),
}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(VALUES)), st.integers(0, 2**32), st.data())
def test_worse_answers_never_turn_fail_into_pass(kind: str, seed: int, data: st.DataObject) -> None:
    """Lowering any value of the candidate never turns FAIL into PASS."""
    rng = np.random.default_rng(seed)
    n, kb, kc = data.draw(st.sampled_from([(25, 5, 5), (60, 1, 1), (80, 5, 1), (40, 3, 2)]))
    before, after = VALUES[kind](rng, (n, kb)), VALUES[kind](rng, (n, kc))
    after = np.where(rng.random((n, 1)) < data.draw(st.sampled_from([0.05, 0.15, 0.4])), 0.0, after)
    margin = data.draw(st.sampled_from([0.02, 0.05, 0.1]))

    def status(candidate: np.ndarray) -> str:
        sides = ({f"case-{case}": runs for case, runs in enumerate(side)} for side in (before, candidate))
        rules = Rules(margin)
        evidence = collect_evidence(*sides, rules=rules, seed="")
        return decide(evidence, evidence.p_value, rules)

    assume(status(after) == "FAIL")
    worse = after.copy()
    for _ in range(data.draw(st.integers(1, 5))):
        row, column = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, kc - 1))
        worse[row, column] = min(worse[row, column], data.draw(st.sampled_from([0.0, 0.5])))
    assert status(worse) != "PASS"


def test_pass_fail_bound_is_monotone() -> None:
    """One more case that got worse, or one fewer that got better, never raises the lower bound of pass/fail data."""

    def low(better: int, worse: int, n: int) -> float:
        changes = [1.0] * better + [-1.0] * worse + [0.0] * (n - better - worse)
        before, after = {str(case): [0.5] for case in range(n)}, {str(c): [0.5 + d] for c, d in enumerate(changes)}
        return collect_evidence(before, after, rules=Rules(), seed="").within.bounds(0.05)[0]

    for n in (20, 60):
        for better in range(0, n // 4, 3):
            for worse in range(0, n // 4, 3):
                assert low(better, worse + 1, n) <= low(better, worse, n) <= low(better + 1, worse, n) + 1e-12


def test_constants() -> None:
    """The defaults are the constants of the simulated error rates."""
    assert (ALPHA, ALPHA_PASS, POPULATION, SCREEN, SCREEN_PASS) == (0.01, 0.05, 0.05, 0.20, 0.0125)
    assert (LEAST_LOSS, SETTLE, [look.samples for look in LOOKS]) == (0.5, 5, [1, 2, 4, 6, 8, 10])
    assert (QUALITY_MARGIN, RATIO_MARGIN) == (0.05, 0.10)


def test_hodges_lehmann() -> None:
    """The estimate is the median of the Walsh averages, and lies within its bounds."""
    # by hand: averages of (1, 2, 6) are 1, 1.5, 2, 3.5, 4, 6
    assert hodges_lehmann([6.0, 1.0, 2.0], alpha=0.05)[0] == 2.75
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(300):
        middle, low, high = hodges_lehmann(rng.normal(0.1, 1, 40), alpha=0.05)
        assert low <= middle <= high
        covered += low <= 0.1
    assert 0.91 <= covered / 300 <= 0.99  # one-sided 95 %, 3 s.e.


@pytest.mark.parametrize("size", [1, 2, 1_499, 1_500, 4_000])
def test_hodges_lehmann_of_any_size(size: int) -> None:
    """One value is its own estimate, and of thousands an even selection is used."""
    middle, low, high = hodges_lehmann(np.linspace(-1, 1, size) if size > 1 else [0.0], alpha=0.05)
    assert middle == pytest.approx(0, abs=0.01)
    assert low <= middle <= high
