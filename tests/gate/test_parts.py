"""A suite asked in parts: the bounds of each look, and what is said after it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.gate import judge, judge_part
from evalharness.gate.parts import Spending, bounds_of, obrien_fleming, pocock

# One-sided, Lan-DeMets spending at equally spaced looks, from the multivariate normal distribution function.
BOUNDS: list[tuple[Spending, float, tuple[float, ...]]] = [
    (obrien_fleming, 0.05, (2.538, 1.662)),
    (obrien_fleming, 0.05, (3.200, 2.141, 1.695)),
    (obrien_fleming, 0.05, (3.750, 2.540, 2.016, 1.720)),
    (obrien_fleming, 0.01, (3.460, 2.330)),
    (obrien_fleming, 0.01, (5.02, 3.46, 2.765, 2.362)),
    (pocock, 0.05, (1.866, 1.885)),
    (pocock, 0.05, (2.100, 2.077, 2.053, 2.035)),
    (pocock, 0.01, (2.610, 2.645, 2.658)),
    (pocock, 0.01, (2.690, 2.709, 2.712, 2.711)),
]


@pytest.mark.parametrize(("spending", "alpha", "bounds"), BOUNDS)
def test_bounds(spending: Spending, alpha: float, bounds: tuple[float, ...]) -> None:
    """Those that were computed by the multivariate normal distribution."""
    assert bounds_of(spending, alpha, len(bounds)) == pytest.approx(bounds, abs=0.003)


@given(st.floats(0.001, 0.2), st.sampled_from([obrien_fleming, pocock]))
def test_all_is_spent_at_the_end(alpha: float, spending: Spending) -> None:
    """And more at each look."""
    spent = [spending(alpha, share) for share in (0.1, 0.25, 0.5, 0.75, 1.0)]
    assert all(before < after for before, after in pairwise(spent))
    assert spent[-1] == pytest.approx(alpha)


def test_one_part_is_the_whole() -> None:
    """With one look all of alpha is there for it."""
    before, after = suite(100, broken=0), suite(100, broken=8)
    part, whole = judge_part(before, after, part=1, parts=1), judge(before, after)
    assert (part.verdict, part.p_value) == (whole.verdict, whole.p_value)
    assert part.lower_bound == pytest.approx(whole.lower_bound, abs=1e-6)


@pytest.mark.parametrize(
    ("part", "broken", "verdict"),
    [(1, 0, "PASS"), (1, 5, "INCONCLUSIVE"), (1, 40, "FAIL"), (2, 10, "INCONCLUSIVE"), (4, 20, "FAIL")],
)
def test_what_is_said(part: int, broken: int, verdict: str) -> None:
    """A small loss ends nothing early; the whole suite sees it."""
    before, after = suite(400, broken=0), suite(100 * part, broken=broken)
    assert judge_part(before, after, part=part).verdict == verdict


def test_an_early_look_is_stricter() -> None:
    """What a single look at the same cases would call worse is not yet."""
    before, after = suite(100, broken=0), suite(100, broken=8)
    assert judge(before, after).verdict == "FAIL"
    assert judge_part(before, after, part=1).verdict == "INCONCLUSIVE"


@pytest.mark.parametrize("part", [1, 2, 4])
def test_lost_cases_do_not_pass(part: int) -> None:
    """Those that failed and never came back are missed."""
    before, after = suite(400, broken=0), suite(100 * part, broken=20)
    answered = {case: runs for case, runs in after.items() if runs == [1.0]}
    judgement = judge_part(before, answered, part=part)
    assert judgement.verdict == "INCONCLUSIVE"
    assert f"20 of {100 * part} cases of the baseline have no run" in judgement.reason


@pytest.mark.parametrize("part", [0, 5, -1])
def test_no_such_part(part: int) -> None:
    """Parts are counted from 1."""
    with pytest.raises(ValueError, match=f"part {part} of 4"):
        judge_part({}, {}, part=part)


def suite(cases: int, *, broken: int) -> dict[str, list[float]]:
    """One run each, the first ones failing."""
    return {f"case-{number:03}": [float(number >= broken)] for number in range(cases)}
