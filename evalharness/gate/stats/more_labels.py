"""What more labels would do to the change by labels and a judge together, if nothing has changed.

The labels that are there stay. New ones are of answers whose verdicts are known, so what they will say is known in
part: on average `slope` times what the judge says. The rest is chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from evalharness.gate.stats.prediction_powered import Floats, Ints, Judged, corrected_mean


@dataclass(frozen=True, slots=True)
class Moments:
    """How changes by labels vary, and how far the judge's verdicts follow them."""

    labels: float
    """Variance by labels."""
    verdicts: float
    """Variance by the judge."""
    both: float
    """Covariance, at least 0."""
    design: float = 1.0
    """Factor by which groups of dependent answers widen the squared error; at least 1."""

    @property
    def slope(self) -> float:
        """The change by labels for each change by the judge."""
        return self.both / self.verdicts if self.verdicts else 0.0

    @property
    def unexplained(self) -> float:
        """The variance by labels that the judge does not explain."""
        return max(0.0, self.labels - self.both * self.slope)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The change with 1, 2, 3, ... more labels, up to all changed answers, over all answers."""

    more: Ints
    middles: Floats
    """Expected changes."""
    chances: Floats
    """Standard deviations of the change around them."""
    errors: Floats
    """Standard errors that the change will have, with the guard of a PASS."""


def moments_of(judged: Judged) -> Moments:
    """By the variance of labels, whose square the verdicts on all answers predict too."""
    squares = replace(judged, labels=judged.labels**2, verdicts=judged.verdicts**2, others=judged.others**2)
    square, change = (corrected_mean(one, seed=0).middle for one in (squares, judged))
    size = len(judged.labels)
    return Moments(
        labels=max(0.0, square - change**2) * size / (size - 1),
        verdicts=float(np.concatenate([judged.verdicts, judged.others]).var(ddof=1)),
        both=max(0.0, float(np.cov(judged.labels, judged.verdicts)[0, 1])),
        design=_design(judged),
    )


def _design(judged: Judged) -> float:
    if not judged.groups:
        return 1.0
    alone = replace(judged, groups=(), other_groups=())
    together, apart = (corrected_mean(one, seed=0).error ** 2 for one in (judged, alone))
    return max(1.0, together / apart) if apart else 1.0


def forecast(judged: Judged, moments: Moments, *, share: float, middle: float) -> Forecast:
    """What more labels would do.

    Args:
        judged: The labels and verdicts so far.
        moments: How they vary.
        share: Of the changed answers among all.
        middle: The change of all answers so far. Its distance from that with the best weight stays with its labels.

    """
    size, every = len(judged.labels), len(judged.labels) + len(judged.others)
    more = np.arange(0, every - size + 1)
    labels, known = size + more, size / (size + more)
    by_judge = float(judged.others.mean()) if len(judged.others) else 0.0
    weight = moments.slope * (1 - labels / every)  # the weight with the smallest variance
    middles = known * float(judged.labels.mean()) + (1 - known) * moments.slope * by_judge
    middles += weight * known * (by_judge - float(judged.verdicts.mean()))
    left = moments.unexplained + moments.both * moments.slope * labels / every
    guard = 2 / ((labels + 1) * (labels + 2))
    chances = math.sqrt(moments.design * moments.unexplained) * np.sqrt((1 - known) / labels)
    middles += known * (middle / share - middles[0])
    errors = np.sqrt(moments.design * left / labels + guard)
    return Forecast(more[1:], *(share * one[1:] for one in (middles, chances, errors)))
