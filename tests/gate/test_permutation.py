"""The FAIL test: laws, and simulated false alarms. test_oracles.py compares it with other implementations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.gate.evidence import Rules
from evalharness.gate.scores import collect_evidence
from evalharness.gate.stats import permutation
from evalharness.gate.stats.permutation import holm, p_worse

Case = tuple[Sequence[float], Sequence[float]]
PASS_FAIL = st.sampled_from([0.0, 1.0])
TENTHS = st.integers(0, 10).map(lambda tenth: tenth / 10)


def cases_of(value: st.SearchStrategy[float], most: int = 30) -> st.SearchStrategy[list[Case]]:
    """Some cases with one to three runs on each side."""
    runs = st.lists(value, min_size=1, max_size=3)
    return st.lists(st.tuples(runs, runs), min_size=1, max_size=most)


def p_of(cases: Sequence[Case], seed: str = "seed") -> float:
    """The p-value of cases given as (baseline runs, candidate runs)."""
    return p_worse([(np.array(b, float), np.array(c, float)) for b, c in cases], seed)


@settings(max_examples=60, deadline=None)
@given(cases_of(PASS_FAIL) | cases_of(TENTHS, most=8))
def test_p_is_a_probability(cases: list[Case]) -> None:
    """Every p-value lies in [0, 1]."""
    assert 0 <= p_of(cases) <= 1


@pytest.mark.parametrize("size", [60, 1000])
def test_all_better_is_no_more_than_one(size: int) -> None:
    """The p-value of a suite that only got better is 1 up to rounding, and not above 1."""
    assert 1 - 1e-12 < p_of([([0], [1])] * size) <= 1


@settings(max_examples=25, deadline=None)
@given(cases_of(TENTHS, most=12), st.randoms())
def test_names_and_order_do_not_matter(cases: list[Case], random: object) -> None:
    """Renaming and shuffling cases and runs does not change a bit of the evidence."""
    names = [f"case-{number}" for number in range(len(cases))]
    shuffled = [(list(b), list(c)) for b, c in cases]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for runs in (runs for pair in shuffled for runs in pair):
        random.shuffle(runs)  # type: ignore[attr-defined]

    def evidence(rows: Sequence[Case]) -> object:
        before, after = ({n: row[side] for n, row in zip(names, rows, strict=True)} for side in (0, 1))
        found = collect_evidence(before, after, rules=Rules(), seed="seed")
        return found.p_value, found.smallest_p, found.within, found.over, found.population_p, found.change, found.runs

    assert evidence(shuffled) == evidence(cases)


def test_same_seed_same_p() -> None:
    """The same data and seed give the same p-value to the bit; another seed gives a slightly different one."""
    rng = np.random.default_rng(5)
    cases = [(rng.random(5), rng.random(1) - 0.1) for _ in range(40)]
    assert p_of(cases, "a") == p_of(cases, "a")
    assert p_of(cases, "a") == pytest.approx(p_of(cases, "b"), abs=0.025)
    assert p_of(cases, "a") != p_of(cases, "b")


def test_mixed_numbers_of_runs_are_quick() -> None:
    """A thousand cases whose baselines have one to five runs of three samples take about a second, not twenty."""
    rng = np.random.default_rng(6)
    cases = [(rng.integers(0, 2, 3 * rng.integers(1, 6)), rng.integers(0, 2, 3)) for _ in range(1000)]
    assert 0 < p_of(cases) < 1


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([], []),
        ([0.02], [0.02]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),  # by hand: 3 x 0.01; 2 x 0.03; 1 x 0.04 raised to 0.06
        ([0.01, 0.02, 0.03, 0.04], [0.04, 0.06, 0.06, 0.06]),  # 4 x .01, 3 x .02, 2 x .03, then never less
        ([0.6, 0.4], [0.8, 0.8]),
        ([0.9, 0.8, 1.0], [1.0, 1.0, 1.0]),  # cut at 1
        ([0.001, 0.001], [0.002, 0.002]),  # ties
    ],
)
def test_holm(p_values: list[float], adjusted: list[float]) -> None:
    """Holm's adjusted p-values come in the order of the gates."""
    assert holm(p_values) == pytest.approx(adjusted)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_laws(p_values: list[float]) -> None:
    """Holm never lowers a p-value, keeps their order, and lies between no correction and Bonferroni's."""
    adjusted = holm(p_values)
    for raw, new in zip(p_values, adjusted, strict=True):
        assert raw <= new <= min(1.0, len(p_values) * raw) + 1e-12
    assert np.all(np.diff(np.array(adjusted)[np.argsort(p_values, kind="stable")]) >= 0)


# Statistics §6 A1 (binary) and A2 (scores): p <= .05 in at most nominal + 3 s.e. of S = 500 suites, which is 7.9 %;
# p <= .01 in at most 2.3 %. The generators follow §4: Beta rates of mean .85 and ICC .5; rounded scores with ties.
SUITES = 500
FIVE_PERCENT, ONE_PERCENT = (alpha + 3 * (alpha * (1 - alpha) / SUITES) ** 0.5 for alpha in (0.05, 0.01))


def rates(p_values: np.ndarray) -> tuple[float, float]:
    """Share of p-values at or below 5 % and 1 %."""
    return float((p_values <= 0.05).mean()), float((p_values <= 0.01).mean())


@pytest.mark.parametrize(("kb", "kc"), [(1, 1), (5, 1)])
@pytest.mark.parametrize("n", [20, 50, 200])
@pytest.mark.parametrize(("mean", "icc"), [(0.85, 0.5), (0.95, 0.9)])
def test_false_alarms_on_pass_fail(n: int, kb: int, kc: int, mean: float, icc: float) -> None:
    """Two samples of the same pass/fail system are called different at most at the rate alpha."""
    rng = np.random.default_rng([20260101, 1, n, kb])
    total = 1 / icc - 1
    rate = rng.beta(mean * total, (1 - mean) * total, (SUITES, n, 1))
    runs = (rng.random((SUITES, n, kb + kc)) < rate).astype(float)
    five, one = rates(np.array([p_worse(list(zip(r[:, :kb], r[:, kb:], strict=True)), "") for r in runs]))
    assert five <= FIVE_PERCENT
    assert one <= ONE_PERCENT


@pytest.mark.parametrize(("n", "kb", "kc"), [(20, 1, 1), (20, 5, 1), (50, 5, 1)])
def test_false_alarms_on_scores(n: int, kb: int, kc: int) -> None:
    """The same for scores in tenths, with many ties at 1."""
    suites = 300  # the CI size of A2: at most 5 + 3 x 1.26 = 8.8 % and 1 + 3 x .57 = 2.7 %
    rng = np.random.default_rng([20260101, 2, n, kb])
    hopeless = rng.random((suites, n, 1)) < 0.08
    latent = np.where(hopeless, rng.normal(0.05, 0.15, (suites, n, 1)), rng.normal(0.88, 0.25, (suites, n, 1)))
    runs = np.clip(np.round(latent + rng.normal(0, 0.2, (suites, n, kb + kc)), 1), 0, 1)
    found = [p_worse(list(zip(r[:, :kb], r[:, kb:], strict=True)), str(number)) for number, r in enumerate(runs)]
    five, one = rates(np.array(found))
    assert five <= 0.088
    assert one <= 0.027


@pytest.mark.parametrize(("kb", "kc", "drop"), [(1, 1, 0.0), (1, 1, 0.015), (3, 2, 0.01), (1, 1, 0.2)])
def test_cases_that_vary_little_are_not_shuffled(
    monkeypatch: pytest.MonkeyPatch, kb: int, kc: int, drop: float
) -> None:
    """With more cases than are shuffled, the p-value stays the same up to the error of 9,999 permutations."""
    rng = np.random.default_rng([20260101, 3, kb])
    levels = rng.random((600, 1))
    noise = rng.normal(0, 0.2, (600, kb + kc)) * rng.random((600, 1)) ** 4  # a few cases vary much
    runs = np.clip(levels + noise, 0, 1)
    pairs = list(zip(runs[:, :kb], runs[:, kb:] - drop, strict=True))
    whole = p_worse(pairs, "seed")
    monkeypatch.setattr(permutation, "MOST_SHUFFLED", 60)
    assert p_worse(pairs, "seed") == pytest.approx(whole, abs=0.02)
