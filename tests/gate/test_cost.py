"""The gate on cost: the typical tokens of an answer, and their total, which a few endless answers decide."""

from __future__ import annotations

import pytest

from evalharness.gate.cost import assess_cost

CASES = [f"case-{number}" for number in range(200)]
BASELINE = {case: [300.0 + number % 7] for number, case in enumerate(CASES)}


def answers(endless: int = 0) -> dict[str, list[float]]:
    """Tokens that differ from the baseline by chance, with some answers of 9,000 tokens."""
    found = {case: [300.0 + (number + 3) % 7] for number, case in enumerate(CASES)}
    return found | {case: [9000.0] for case in CASES[:endless]}


@pytest.mark.parametrize(
    ("endless", "longest", "verdict", "reason"),
    [
        (0, 48, "PASS", "in total 303 → 303 tokens, ±0.0 %, no more than +1.4 %; 10 % or more is ruled out (95 %)"),
        (
            0,
            4096,
            "INCONCLUSIVE",
            "200 answers do not rule out that 1 in 67 runs to max_tokens = 4096; lower it",
        ),
        (1, 9000, "INCONCLUSIVE", "in total 303 → 346 tokens, +14.2 %, no more than"),
        (20, 9000, "FAIL", "10.0% of the answers took more than 2 x their case's usual tokens, 0.0% before"),
    ],
)
def test_the_total_decides_too(endless: int, longest: int, verdict: str, reason: str) -> None:
    """A PASS bounds the total as well: neither seen endless answers nor those that could be unseen allow one."""
    result = assess_cost(BASELINE, answers(endless), longest=longest)
    assert result.verdict == verdict
    assert reason in result.reason


def test_unseen_answers() -> None:
    """The bound is the rule of three: with n answers, up to 1 - 0.05^(1/n) of others may be endless."""
    without, with_them = (assess_cost(BASELINE, BASELINE, longest=one).reason for one in (0, 1000))
    unseen = (1 - 0.05 ** (1 / 200)) * 1000 / (sum(map(sum, BASELINE.values())) / 200)
    assert f"{unseen:.1%}" == "4.9%"
    assert "no more than +1.2 %" in without
    assert "no more than +6.1 %" in with_them
