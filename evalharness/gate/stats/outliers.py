"""Tests the share of runs far above the usual value of their case.

For example a loop of a thousand tokens, or a call that hung. A mean hides a few such runs, and a 95th percentile is too
noisy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evalharness.gate.stats.pairs import Block, Floats, Pair, Pairs, blocks
from evalharness.gate.stats.permutation import p_worse

SLOW = 1.8
"""A call is slow above this multiple of the usual seconds of its case."""
EXPENSIVE = 2.0
"""A response is expensive above this multiple of the usual tokens of its case."""


def outlier_rates(pairs: Sequence[Pair], factor: float) -> tuple[float, float, float]:
    """The share of outliers on both sides, and the mid-p of "more in the candidate".

    `pairs` holds seconds or tokens. A run is an outlier above `factor` times the median of the other runs of its case
    on both sides, so that the labels stay exchangeable.
    """
    marked = [_marked(b, c, factor) for b, c in blocks(pairs)]
    before, after = (
        float(np.concatenate([side.mean(axis=1) for side in sides]).mean()) for sides in zip(*marked, strict=True)
    )
    return before, after, p_worse(Pairs.of_blocks((1 - b, 1 - c) for b, c in marked), seed="")


def _marked(b: Floats, c: Floats, factor: float) -> Block:
    runs = np.hstack([b, c])
    others = [np.median(np.delete(runs, i, axis=1), axis=1) for i in range(runs.shape[1])]
    marks = (runs > factor * np.stack(others, axis=1)).astype(float)
    return marks[:, : b.shape[1]], marks[:, b.shape[1] :]
