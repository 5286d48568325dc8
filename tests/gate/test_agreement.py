"""Agreement of judges and people, with figures from the literature."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from evalharness.gate.stats.agreement import (
    Accuracy,
    Proportion,
    accuracy,
    cohen_kappa,
    gwet_ac1,
    krippendorff_alpha,
    proportion,
    youden_change,
)

NAN = math.nan
THREE_RATERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5],
    ]
)


def table(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Two raters, from the counts of yes-yes, yes-no, no-yes and no-no."""
    counts = [both, first, second, neither]
    return np.repeat([1.0, 1.0, 0.0, 0.0], counts), np.repeat([1.0, 0.0, 1.0, 0.0], counts)


def test_krippendorff() -> None:
    """Nominal and ordinal alpha of three raters who leave out two answers, to the digits of a reference."""
    assert krippendorff_alpha(THREE_RATERS) == pytest.approx(0.6752577319587629, abs=1e-14)
    assert krippendorff_alpha(THREE_RATERS, level="ordinal") == pytest.approx(0.8048605240912934, abs=1e-14)


def test_cohen() -> None:
    """[[40, 9], [6, 45]]: agreement .85, by chance .5008."""
    assert cohen_kappa(*table(40, 9, 6, 45)) == pytest.approx(0.6995, abs=5e-5)


def test_ac1_does_not_fall_with_one_class() -> None:
    """118 of 125 agree, nearly all on yes. By hand: chance 2 x .972 x .028 = .0544; (.944 - .0544) / (1 - .0544)."""
    one, other = table(118, 5, 2, 0)
    assert gwet_ac1(one, other) == pytest.approx(0.9408, abs=5e-5)
    assert cohen_kappa(one, other) < 0


@pytest.mark.parametrize(("hits", "trials"), [(8, 10), (0, 10), (10, 10), (1, 1), (300, 1000)])
def test_wilson(hits: int, trials: int) -> None:
    """Wilson's bounds are those of scipy, also at the ends."""
    found, wanted = proportion(hits, trials), binomtest(hits, trials).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_accuracy_by_class() -> None:
    """40 of 46 yes and 45 of 54 no are found; without a class there is no J."""
    labels, verdicts = table(40, 6, 9, 45)
    found = accuracy(labels, verdicts)
    assert (found.sensitivity.share, found.specificity.share) == (40 / 46, 45 / 54)
    assert found.youden == pytest.approx(40 / 46 + 45 / 54 - 1)
    assert math.isnan(accuracy(np.ones(5), np.ones(5)).youden)


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=30))
def test_agreement_with_oneself_is_full(ratings: list[float]) -> None:
    """Alpha and AC1 of equal raters are 1."""
    one = np.array(ratings)
    assert gwet_ac1(one, one) == pytest.approx(1)
    assert krippendorff_alpha(np.stack([one, one])) == pytest.approx(1)


def test_no_pair_of_ratings_has_no_alpha() -> None:
    """An answer with one rating says nothing about agreement."""
    assert math.isnan(krippendorff_alpha(np.array([[1.0, NAN], [NAN, 2.0]])))


def test_other_lengths_are_refused() -> None:
    """Two raters rate the same answers."""
    with pytest.raises(ValueError, match="got 2 and 3"):
        cohen_kappa(np.zeros(2), np.zeros(3))


def test_change_of_j() -> None:
    """Newcombe (1998), table II: 56 of 70 against 48 of 80 differ by .0524 to .3339; without a class, by anything."""
    exact = Proportion(0.7, 0.7, 0.7, 10)
    before, after = Accuracy(proportion(48, 80), exact), Accuracy(proportion(56, 70), exact)
    assert youden_change(before, after) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert youden_change(after, before) == pytest.approx((-0.3339, -0.0524), abs=5e-5)
    assert youden_change(before, Accuracy(exact, proportion(0, 0))) == (-2, 2)
