"""The change by labels and a judge together: the figures of its reference implementation, and its laws."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.gate.stats.distributions import normal_quantile
from evalharness.gate.stats.prediction_powered import Judged, corrected_change, corrected_mean, selection, weight_of

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import judges as benchmark


def example() -> Judged:
    """2,000 answers of which 70 % are good, a judge that is right for 85 %, and labels of the first 150."""
    rng = np.random.default_rng(0)
    truth = rng.random(2000) < 0.7
    verdicts = np.where(rng.random(2000) < 0.85, truth, ~truth).astype(float)
    return Judged(truth[:150].astype(float), verdicts[:150], verdicts[150:])


@pytest.mark.parametrize(
    ("weight", "low", "high"), [(None, 0.6162, 0.7339), (1.0, 0.6284, 0.7626), (0.0, 0.5632, 0.7168)]
)
def test_reference_implementation(weight: float | None, low: float, high: float) -> None:
    """The 95 % intervals of ppi_py.ppi_mean_ci (ppi-python): tuned, with lambda 1, and of the labels alone."""
    judged = example()
    if weight is None:
        weight = weight_of(judged.labels, judged.verdicts, judged.others)
    found = corrected_mean(judged, seed=0, weight=weight)
    n = len(judged.labels)  # the reference takes the variance without a correction for the sample's own mean
    variance = float(judged.others.var()) * weight**2 / len(judged.others)
    error = np.sqrt(variance + (found.error**2 - variance) * (n - 1) / n)
    reach = normal_quantile(0.975) * error
    assert (found.middle - reach, found.middle + reach) == pytest.approx((low, high), abs=5e-5)


def test_the_weight_is_cross_fitted() -> None:
    """The weight of one half of the labels comes from the other, and both are near the tuned one."""
    judged = example()
    tuned = corrected_mean(judged, seed=3, weight=weight_of(judged.labels, judged.verdicts, judged.others))
    crossed = corrected_mean(judged, seed=3)
    assert crossed.middle != tuned.middle
    assert crossed.middle == pytest.approx(tuned.middle, abs=0.01)


def test_a_judge_that_guesses_has_no_weight() -> None:
    """Verdicts that have nothing to do with the labels leave the labels alone."""
    rng = np.random.default_rng(1)
    labels, verdicts = rng.normal(size=2000), rng.normal(size=4000)
    assert weight_of(labels, verdicts[:2000], verdicts[2000:]) < 0.05
    assert weight_of(labels, np.ones(2000), np.ones(10)) == 0


CHANGES = st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=2, max_size=30)


@given(CHANGES, st.integers(0, 5))
def test_without_other_answers_only_labels_count(labels: list[float], seed: int) -> None:
    """If all answers are labelled, the judge changes nothing but the noise: any weight gives the mean of the labels."""
    truth = np.array(labels)
    assert corrected_mean(Judged(truth, truth, np.zeros(0)), seed=seed).middle == pytest.approx(truth.mean())


@given(CHANGES, CHANGES, st.floats(0.001, 1))
def test_unchanged_answers_dilute(labels: list[float], others: list[float], share: float) -> None:
    """The change of all answers is that of the changed ones times their share, and no label of a loss gives p = 1."""
    truth = np.array(labels)
    judged = Judged(truth, truth, np.array(others))
    found, whole = (corrected_change(judged, share=one, seed=1) for one in (share, 1.0))
    assert found.failing.middle == pytest.approx(share * whole.failing.middle)
    assert found.passing.error >= found.failing.error
    assert 0 <= found.p_value <= 1


def test_labels_of_one_conversation_count_once() -> None:
    """Equal labels of the turns of a conversation widen the interval as if each conversation had one."""
    rng = np.random.default_rng(2)
    one = rng.choice([-1.0, 0.0, 1.0], 20)
    turns, groups = np.repeat(one, 4), [f"c{number}" for number in range(20) for _ in range(4)]
    alone = corrected_mean(Judged(one, np.zeros(20), np.zeros(0)), seed=0)
    grouped = corrected_mean(Judged(turns, np.zeros(80), np.zeros(0), groups), seed=0)
    assert (grouped.middle, grouped.error) == pytest.approx((alone.middle, alone.error))
    assert grouped.degrees == alone.degrees == 19


def test_other_turns_of_a_labelled_conversation_count_with_it() -> None:
    """By hand: labels 1, -1 of groups a, b, and an answer of each without a label, at lambda 1.

    A labelled answer adds its distance from the mean over 2, and so does one without a label: 1 / 2 and -1 / 2 each.
    """
    one, zero = np.array([1.0, -1.0]), np.zeros(2)
    apart = corrected_mean(Judged(one, zero, one, ("a", "b"), ("c", "d")), seed=0, weight=1.0)
    together = corrected_mean(Judged(one, zero, one, ("a", "b"), ("a", "b")), seed=0, weight=1.0)
    factor = np.sqrt(2)  # of two labelled groups
    assert apart.error**2 == pytest.approx(2 * (factor / 2) ** 2 + 2 * 0.5**2)
    assert together.error**2 == pytest.approx(2 * (factor / 2 + 0.5) ** 2)


def test_equal_labels_fail_with_the_error_of_a_pass() -> None:
    """Forty labels that all say lost have no variance: t is that of two cases more, one won and one lost."""
    lost = np.full(40, -1.0)
    found = corrected_change(Judged(lost, lost, np.zeros(0)), share=0.5, seed=0)
    assert found.failing == found.passing
    assert found.failing.error == pytest.approx(0.5 * np.sqrt(2 / (41 * 42)))
    assert found.p_value < 1e-12
    assert corrected_change(Judged(0 * lost, lost, np.zeros(0)), share=0.5, seed=0).p_value == 0.5


def test_selected_answers() -> None:
    """Two-sample z with the pooled variance, by hand: 10 of 40 against 30 of 60 yes, pooled .4; groups count once."""
    some, rest = np.repeat([1.0, 0.0], [10, 30]), np.repeat([1.0, 0.0], 30)
    error = np.sqrt(((10 * 0.6**2 + 30 * 0.4**2) / 40**2) + (30 * 0.6**2 + 30 * 0.4**2) / 60**2)
    assert selection(Judged(some, some, rest)) == pytest.approx((0.25 - 0.5) / error)
    turns = Judged(some, some, rest, [f"a{n // 4}" for n in range(40)], [f"b{n // 4}" for n in range(60)])
    assert 0.4 < selection(turns) / selection(Judged(some, some, rest)) < 0.7
    assert selection(Judged(some, some, np.zeros(0))) == selection(Judged(some, np.ones(40), np.ones(9))) == 0


@pytest.mark.parametrize("row", benchmark.ROWS)
def test_row(row: str) -> None:
    """Every line of docs/judges-table.md at a small size."""
    failures = [check.scenario for check in benchmark.measured(row, ci=True) if not check.ok]
    assert not failures
