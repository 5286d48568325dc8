"""How far a judge agrees with people, and people with each other.

Sensitivity and specificity with Wilson's bounds (Wilson 1927), the change of J (Newcombe 1998), Cohen's kappa (1960),
Gwet's AC1 (2008), Krippendorff's alpha (2011). Ratings are numbers: 0 and 1 for a predicate, the level for a score, NaN
for a missing one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from evalharness.gate.stats.distributions import normal_quantile

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Proportion:
    """A share with its two-sided 95 % bounds."""

    share: float
    low: float
    high: float
    of: int
    """Number of trials. With none, the share is NaN and the bounds are 0 and 1."""


def proportion(hits: int, trials: int, *, confidence: float = 0.95) -> Proportion:
    """A share with Wilson's score bounds."""
    if not trials:
        return Proportion(math.nan, 0.0, 1.0, 0)
    z, share = normal_quantile((1 + confidence) / 2), hits / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    reach = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return Proportion(share, max(0.0, middle - reach), min(1.0, middle + reach), trials)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The error of a judge on labelled answers, by class."""

    sensitivity: Proportion
    """Share of yes among the answers that people call yes."""
    specificity: Proportion
    """Share of no among the answers that people call no."""

    @property
    def youden(self) -> float:
        """Youden's J: sensitivity + specificity - 1. A judge that guesses has 0. NaN without both classes."""
        return self.sensitivity.share + self.specificity.share - 1


def youden_change(before: Accuracy, after: Accuracy) -> tuple[float, float]:
    """Two-sided 95 % bounds of the change of J between two sets of answers; -2 and 2 where a class is missing.

    The distances of Wilson's bounds, added in squares (Newcombe 1998, method 10; Zou and Donner 2008 for sums).
    """
    gains, losses = (after.sensitivity, after.specificity), (before.sensitivity, before.specificity)
    if not all(one.of for one in (*gains, *losses)):
        return -2.0, 2.0
    middle = after.youden - before.youden
    down = [one.share - one.low for one in gains] + [one.high - one.share for one in losses]
    up = [one.high - one.share for one in gains] + [one.share - one.low for one in losses]
    return middle - math.hypot(*down), middle + math.hypot(*up)


def accuracy(labels: Floats, verdicts: Floats) -> Accuracy:
    """The accuracy of yes/no verdicts against labels, both 0 or 1."""
    yes, no = labels == 1, labels == 0
    return Accuracy(
        proportion(int((verdicts[yes] == 1).sum()), int(yes.sum())),
        proportion(int((verdicts[no] == 0).sum()), int(no.sum())),
    )


def cohen_kappa(one: Floats, other: Floats) -> float:
    """Cohen's kappa of two raters; NaN if chance alone explains full agreement."""
    agreed, classes = _agreed(one, other), np.unique([one, other])
    expected = sum(float((one == each).mean() * (other == each).mean()) for each in classes)
    return (agreed - expected) / (1 - expected) if expected < 1 else math.nan


def gwet_ac1(one: Floats, other: Floats) -> float:
    """Gwet's AC1 of two raters: unlike kappa, it does not fall where nearly all answers are of one class."""
    agreed, classes = _agreed(one, other), np.unique([one, other])
    if len(classes) < 2:
        return 1.0
    shares = [float(((one == each).mean() + (other == each).mean()) / 2) for each in classes]
    expected = sum(share * (1 - share) for share in shares) / (len(classes) - 1)
    return (agreed - expected) / (1 - expected)


def _agreed(one: Floats, other: Floats) -> float:
    if len(one) != len(other) or not len(one):
        raise ValueError(f"expected as many ratings of both raters, and one at least, got {len(one)} and {len(other)}")
    return float((one == other).mean())


def krippendorff_alpha(ratings: Floats, *, level: Literal["nominal", "ordinal"] = "nominal") -> float:
    """Krippendorff's alpha.

    Args:
        ratings: Raters x answers; NaN where a rater did not rate an answer.
        level: `ordinal` counts distant levels as a larger disagreement than adjacent ones.

    Returns NaN if no answer has two ratings, and 1 if all ratings are equal.

    """
    together = _coincidences(ratings)
    counts = together.sum(axis=1)
    total = counts.sum()
    if not total:
        return math.nan
    distance = _ordinal(counts) if level == "ordinal" else 1 - np.eye(len(counts))
    expected = float((np.outer(counts, counts) * distance).sum())
    return 1 - (total - 1) * float((together * distance).sum()) / expected if expected else 1.0


def _coincidences(ratings: Floats) -> Floats:
    """The number of times that two values stand at one answer, each answer weighted by its number of ratings."""
    values = np.unique(ratings[~np.isnan(ratings)])
    counts = np.array([(ratings == value).sum(axis=0) for value in values], float).reshape(len(values), -1)
    counts = counts[:, counts.sum(axis=0) >= 2]
    weighted = counts / (counts.sum(axis=0) - 1)
    together: Floats = weighted @ counts.T - np.diag(weighted.sum(axis=1))
    return together


def _ordinal(counts: Floats) -> Floats:
    """The squared distance of two levels: the ratings between them, both ends counted half."""
    upto = np.cumsum(counts)
    between = np.abs(upto[:, None] - upto[None, :] - (counts[:, None] - counts[None, :]) / 2)
    squared: Floats = between**2
    return squared
