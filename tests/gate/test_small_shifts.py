"""The examples of docs/suites.md for gates on golden_logprob: deterministic, small values, a shift of all cases."""

from __future__ import annotations

import pytest

from evalharness.gate import assess_scores


def verdict(cases: int, shift: float, margin: float = 0.05, scale: float = 1.0) -> str:
    """The verdict on a suite whose cases all lose `shift`. The model is deterministic: one stage, one run a side."""
    before = {f"case-{n}": scale * (0.1 + 0.8 * n / cases) for n in range(cases)}
    after = {case: max(0.0, value - shift) for case, value in before.items()}
    return assess_scores({c: [v] for c, v in before.items()}, {c: [v] for c, v in after.items()}, margin=margin).verdict


@pytest.mark.parametrize(
    ("cases", "shift", "margin", "expected"),
    [
        (60, 0.0, 0.05, "PASS"),
        (60, 0.01, 0.05, "PASS"),
        (60, 0.02, 0.05, "INCONCLUSIVE"),
        (60, 0.03, 0.05, "FAIL"),
        (120, 0.02, 0.05, "PASS"),
        (120, 0.05, 0.05, "FAIL"),
        (20, 0.0001, 0.05, "INCONCLUSIVE"),
        (58, 0.0001, 0.05, "INCONCLUSIVE"),
        (59, 0.0001, 0.05, "PASS"),
        (58, 0.0, 0.05, "INCONCLUSIVE"),
        (19, 0.05, 0.05, "FAIL"),
        (7, 0.05, 0.05, "FAIL"),
        (5, 0.05, 0.05, "INCONCLUSIVE"),
        (148, 0.0, 0.02, "INCONCLUSIVE"),
        (149, 0.0, 0.02, "PASS"),
        (298, 0.0, 0.01, "INCONCLUSIVE"),
        (299, 0.0, 0.01, "PASS"),
    ],
)
def test_shift_of_all_cases(cases: int, shift: float, margin: float, expected: str) -> None:
    """A shift of all cases passes if a drop of the margin is ruled out. If not, it fails from half of the margin on."""
    assert verdict(cases, shift, margin) == expected


@pytest.mark.parametrize("scale", [1e-2, 1e-4, 1e-6])
def test_tiny_values(scale: float) -> None:
    """Scores near 0 are compared in points like any others: if they cannot drop by the margin, they pass."""
    assert verdict(60, 0.0, scale=scale) == "PASS"
    assert verdict(60, scale, scale=scale) == "PASS"
    assert verdict(30, scale, scale=scale) == "INCONCLUSIVE"
