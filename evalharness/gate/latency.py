"""Latency against the baseline's runs on the same class of machine: said for information, never a FAIL.

A stored time knows nothing of today's load on the machine, so by itself it proves no regression (simulated: rules of
that kind are red on 17 to 45 % of innocent runs). The unit is the case: the log ratio of its total seconds; the middle
is the Hodges-Lehmann estimate with Wilcoxon's bounds (Hodges and Lehmann 1963).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from evalharness.gate.bounds import normal_quantile

_MOST_PAIRED = 1_500
"""Walsh averages are quadratic in the cases: beyond this many, an even pick of them is used."""


def hodges_lehmann(values: Sequence[float], *, alpha: float) -> tuple[float, float, float]:
    """The estimate, and its one-sided (1 - alpha) lower and upper bounds."""
    sample = np.sort(np.asarray(values, dtype=float))
    if len(sample) > _MOST_PAIRED:
        sample = sample[np.linspace(0, len(sample) - 1, _MOST_PAIRED).astype(int)]
    n = len(sample)
    first, second = np.triu_indices(n)
    averages = np.sort((sample[first] + sample[second]) / 2)
    spread = normal_quantile(1 - alpha) * math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    outside = min(max(0, math.floor(n * (n + 1) / 4 - spread)), len(averages) // 2)
    return float(np.median(averages)), float(averages[outside]), float(averages[-1 - outside])
