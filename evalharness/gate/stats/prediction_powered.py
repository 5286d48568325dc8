"""A mean change by labels of people and verdicts of a judge together (PPI++, Angelopoulos, Duchi and Zrnic 2023).

Only the labels say what is true. The judge's verdicts on all answers reduce the noise as far as they agree with the
labels, and a judge that does not agree gets a weight near 0:

    estimate = mean(D - lambda F) over labelled + lambda mean(F) over the others

where D is the change by labels and F the change by the judge. The error of the judge cancels, whatever it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalharness.gate.stats.bounds import Spread
from evalharness.gate.stats.distributions import t_below

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_ROUNDING = 1e-12
"""An error below this is the rounding of equal labels."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The changes of the answers that are not byte-identical, each in [-1, 1]."""

    labels: Floats
    """By people: labelled answers."""
    verdicts: Floats
    """By the judge: the same answers."""
    others: Floats
    """By the judge: answers without a label."""
    groups: Sequence[str] = ()
    """What each labelled answer shares with others (a conversation); by default nothing."""
    other_groups: Sequence[str] = ()
    """The same of the answers without a label."""


def weight_of(labels: Floats, verdicts: Floats, others: Floats) -> float:
    """The lambda with the smallest variance, in [0, 1]: Cov(D, F) / (Var(F) (1 + n/N))."""
    together = np.concatenate([verdicts, others])
    if len(labels) < 2 or not np.ptp(together):
        return 0.0
    covariance = float(np.mean((labels - labels.mean()) * (verdicts - verdicts.mean())))
    share = 1 + len(labels) / len(others) if len(others) else math.inf
    return float(np.clip(covariance / (share * together.var(ddof=1)), 0.0, 1.0))


def corrected_mean(judged: Judged, *, seed: int, weight: float | None = None) -> Spread:
    """The mean change with its standard error, and the degrees of freedom of its t quantile: labelled groups minus one.

    The weight of each half of the labels comes from the other half, so that it does not favour the labels that it is
    applied to. With `weight`, all labels have that one.
    """
    labels, verdicts, others = judged.labels, judged.verdicts, judged.others
    groups = _numbered(judged)
    mine = groups[: len(labels)]
    weights = (
        _weights(judged, np.unique(mine, return_inverse=True)[1], seed)
        if weight is None
        else np.full(len(labels), weight)
    )
    residuals, mean = labels - weights * verdicts, float(weights.mean())
    labelled = len(np.unique(mine))
    influence = (residuals - residuals.mean()) / len(labels) * _unbiased(labelled)
    middle = float(residuals.mean())
    if len(others):
        middle += mean * float(others.mean())
        influence = np.concatenate([influence, mean * (others - others.mean()) / len(others)])
    variance = float((np.bincount(groups, influence) ** 2).sum())  # what a group adds as a whole
    return Spread(middle, math.sqrt(variance), max(1, labelled - 1))


@dataclass(frozen=True, slots=True)
class CorrectedChange:
    """The change of a suite's mean, for both decisions."""

    failing: Spread
    """Decides whether there is a loss."""
    passing: Spread
    """Decides whether a loss is ruled out: with a case that fully won and one that fully lost, as in `bounds`."""

    @property
    def p_value(self) -> float:
        """The one-sided p-value of "worse"."""
        spread = self.failing
        assert spread.degrees is not None
        return t_below(spread.middle / spread.error, spread.degrees)


def corrected_change(judged: Judged, *, share: float, seed: int) -> CorrectedChange:
    """The change over all answers: byte-identical ones have none, and `share` is the share of the others.

    Labels that all say the same have no variance. A failure then takes the error of a PASS.
    """
    found, labels = corrected_mean(judged, seed=seed), len(judged.labels)
    middle, error = share * found.middle, share * found.error
    guard = 2 * share**2 / ((labels + 1) * (labels + 2))
    passing = Spread(middle, math.sqrt(error**2 + guard), found.degrees, guard=guard)
    failing = passing if error < _ROUNDING else Spread(middle, error, found.degrees)
    return CorrectedChange(failing, passing)


def selection(judged: Judged) -> float:
    """How far the judge's verdicts on labelled answers are from those on the others, in standard errors; 0 without any.

    In a random sample it is far from 0 by chance alone. The variance is that of all verdicts together.
    """
    together, labelled = np.concatenate([judged.verdicts, judged.others]), len(judged.verdicts)
    if not labelled or not len(judged.others) or not np.ptp(together):
        return 0.0
    sizes = np.where(np.arange(len(together)) < labelled, labelled, -len(judged.others))
    error = math.sqrt(float((np.bincount(_numbered(judged), (together - together.mean()) / sizes) ** 2).sum()))
    gap = float(judged.verdicts.mean() - judged.others.mean())
    return gap / error if error > _ROUNDING else 0.0


def _numbered(judged: Judged) -> Ints:
    """The number of each answer's group: of the labelled ones, then of the others."""
    labelled = judged.groups or [f"label {number}" for number in range(len(judged.labels))]
    others = judged.other_groups or [f"other {number}" for number in range(len(judged.others))]
    return np.unique([*labelled, *others], return_inverse=True)[1].astype(np.int64)


def _weights(judged: Judged, groups: Ints, seed: int) -> Floats:
    """The weight of each label, from the half that it is not in. A group is in one half as a whole."""
    order = np.random.default_rng(seed).permutation(int(groups.max()) + 1)
    first = (order % 2 == 0)[groups]
    of = [weight_of(judged.labels[half], judged.verdicts[half], judged.others) for half in (first, ~first)]
    return np.where(first, of[1], of[0])


def _unbiased(groups: int) -> float:
    """The factor for a deviation from a mean that is itself of these groups."""
    return math.sqrt(groups / (groups - 1)) if groups > 1 else 1.0
