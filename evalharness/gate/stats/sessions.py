"""Corrects for sessions that are better or worse as a whole.

For example because of a deployment of the provider, or a busy hour. Whole runs then vary more than the runs of one case
suggest, and a test within cases would fail too often. The factor between the two is measured on the accepted runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from evalharness.gate.stats.distributions import normal_quantile, t_below
from evalharness.gate.stats.pairs import Floats


def overdispersion(runs: Sequence[Floats] | Floats) -> float:
    """The factor between the variance of whole runs and that within cases; at least 1.

    `runs` holds the values of each case, in the order of the sessions. Each run is tested against the others as if it
    were the candidate; the factor is the mean of the squared z-values.
    """
    values = np.asarray(runs, dtype=float)
    values = values[np.lexsort(values.T[::-1])]  # the order of a sum changes its last bit
    sessions = values.shape[1]
    others = (values.sum(axis=1, keepdims=True) - values) / (sessions - 1)
    variance = values.var(axis=1, ddof=1).sum() * sessions / (sessions - 1)  # of the sum below, with shuffled labels
    if variance <= 0:
        return 1.0
    z = (values - others).sum(axis=0) / math.sqrt(float(variance))
    return max(1.0, float((z**2).mean()))


def corrected(p_value: float, factor: float, sessions: int) -> float:
    """The p-value after dividing its z-value by the root of the factor.

    By Student's t with sessions - 1 degrees of freedom, because the factor is estimated from few sessions and the
    normal distribution would fail too often (row A5 of docs/gate-table.md).
    """
    if factor <= 1 or not 0 < p_value < 1:
        return p_value
    return t_below(normal_quantile(p_value) / math.sqrt(factor), sessions - 1)
