"""Regression tests for bugs that the acceptance benchmark found."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalharness.gate.evidence import Rules
from evalharness.gate.scores import assess_scores, collect_evidence
from evalharness.gate.stats.bounds import Spread
from evalharness.gate.stats.distributions import normal_quantile

Z = normal_quantile(0.95) + normal_quantile(0.80)


def flips(n: int, share: float, k: int) -> dict[str, list[float]]:
    """Of n cases, this share alternates between pass and fail; the others pass."""
    return {f"case-{c}": [float(c >= share * n or (c + r) % 2) for r in range(k)] for c in range(n)}


@pytest.mark.parametrize(("kb", "kc"), [(1, 1), (4, 1), (2, 2), (4, 4)])
def test_needed_cases_are_not_too_many(kb: int, kc: int) -> None:
    """With the needed cases added, the bound passes 80 % of the time, and not more often.

    The pseudo-cases of the bound have less influence among more cases. At 50 cases, a third too many were reported, and
    89 % of the gates passed.
    """
    n, share = 50, 0.4
    result = assess_scores(flips(n, share, kb), flips(n, share, kc))
    assert result.verdict == "INCONCLUSIVE"
    assert result.needed_cases is not None
    larger = n + result.needed_cases
    spread = collect_evidence(flips(larger, share, kb), flips(larger, share, kc), rules=Rules(), seed="").within
    assert Z * spread.error == pytest.approx(0.05, rel=0.04)


def test_the_guard_is_part_of_the_error() -> None:
    """The pseudo-cases contribute a known part of the variance, and less than all of it."""
    spread: Spread = collect_evidence(flips(50, 0.4, 1), flips(50, 0.4, 1), rules=Rules(), seed="").within
    assert 0 < spread.guard <= spread.error**2


def sessions(rng: np.random.Generator, n: int, flake: float, drop: float) -> tuple[dict[str, list[float]], ...]:
    """Five baseline runs and one candidate run of clusters of five, which fail together at the rate `flake`."""
    rates = rng.beta(0.85, 0.15, n)

    def runs(k: int, kept: float) -> dict[str, list[float]]:
        spoiled = np.repeat(rng.random((n // 5, k)) < flake, 5, axis=0)
        passed = (rng.random((n, k)) < kept * rates[:, None]) & ~spoiled
        return {f"case-{c}": values.astype(float).tolist() for c, values in enumerate(passed)}

    return runs(5, 1.0), runs(1, 1 - drop / 0.85)


def test_clusters_are_not_sessions() -> None:
    """Cases that fail together do not look like different sessions if the gate knows the clusters.

    The factor between sessions was measured on the cases, and the p-value on the clusters. Flakes counted twice, and an
    unchanged suite had p <= 0.05 in 0.7 % of the runs.
    """
    clusters = {f"case-{c}": str(c // 5) for c in range(200)}
    rng, factors = np.random.default_rng(20260101), []
    for _ in range(60):
        before, after = sessions(rng, 200, flake=0.10, drop=0.0)
        factors.append(collect_evidence(before, after, rules=Rules(), seed="", clusters=clusters, sessions=True).factor)
    # the mean of max(1, chi-squared with 4 degrees / 4) is 1.27; it was 2.9
    assert np.mean(factors) == pytest.approx(1.27, abs=0.25)


def test_a_new_case_does_not_hide_the_sessions() -> None:
    """One case with fewer runs does not hide the sessions of the other cases."""
    before = {f"case-{c}": [float(r % 2) for r in range(6)] for c in range(60)}
    after = {case: [1.0] for case in before}
    whole = collect_evidence(before, after, rules=Rules(), seed="", sessions=True)
    with_new = collect_evidence(before | {"new": [1.0]}, after | {"new": [1.0]}, rules=Rules(), seed="", sessions=True)
    assert whole.factor > 5
    assert with_new.factor == pytest.approx(whole.factor)
    assert math.isclose(with_new.p_value, whole.p_value)


@pytest.mark.parametrize("with_clusters", [False, True])
@pytest.mark.parametrize("with_sessions", [False, True])
def test_names_do_not_change_a_bit(*, with_clusters: bool, with_sessions: bool) -> None:
    """Other names, and so another order of the cases, give the same p-value, with clusters and sessions too."""
    rng = np.random.default_rng(2)
    runs = np.round(rng.random((60, 6)), 1)  # the last bit of a sum of tenths depends on their order
    runs[:, 0] /= 2

    def result(order: np.ndarray) -> tuple[float, float]:
        before = {f"case-{c:02}": runs[row, :5].tolist() for c, row in enumerate(order)}
        after = {f"case-{c:02}": runs[row, 5:].tolist() for c, row in enumerate(order)}
        clusters = {f"case-{c:02}": str(row // 4) for c, row in enumerate(order)} if with_clusters else None
        found = collect_evidence(before, after, rules=Rules(), seed="", clusters=clusters, sessions=with_sessions)
        return found.p_value, found.factor

    assert len({result(rng.permutation(60)) for _ in range(20)}) == 1
