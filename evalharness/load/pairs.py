"""The candidate against the baseline, paired by block.

The versions take turns in short blocks. Both blocks of a pair have the same arrivals and the same cases, and a coin
decides which comes first, so a drift of the server or of this machine favours neither. Each block begins with an idle
server, so pairs are independent, whatever happens between the requests of one block. If the versions are equally good,
the sign of each difference is a coin: the sign-flip test (Fisher, The Design of Experiments, 1935) is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from evalharness.records.load import LoadStatus
from evalharness.records.load_result import BlockPair, Interval, LoadComparison

ALPHA_WORSE = 0.01
"""Chance of FAIL for an equal candidate."""
_MOST_EXACT = 20


def compare_pairs(against: str, pairs: Sequence[BlockPair], *, margin: float, whole: bool) -> LoadComparison:
    """The comparison. FAIL: worse by more than chance; PASS: a drop of `margin` is ruled out.

    `whole`: False for a load that was stopped, which never passes.
    """
    differences = [(pair.candidate_met - pair.baseline_met) / pair.counted for pair in pairs if pair.counted]
    interval = _interval(differences, 1 / max(1, min((pair.counted for pair in pairs), default=1)))
    p_worse = sign_flip([pair.candidate_met - pair.baseline_met for pair in pairs])
    status: LoadStatus = "inconclusive"
    if p_worse <= ALPHA_WORSE and interval.value < 0:
        status = "fail"
    elif whole and interval.low > -margin and _has_shown(pairs, margin):
        status = "pass"
    return LoadComparison(
        against, status, interval, _ratio(pairs, interval), p_worse, margin, 1 - 2 * ALPHA_WORSE, tuple(pairs)
    )


def runs_needed(margin: float) -> int:
    """The fewest requests of the candidate that can rule out a drop of `margin`: without a miss, it is unlikely."""
    return math.ceil(math.log(ALPHA_WORSE) / math.log1p(-margin)) if margin < 1 else 1


def _has_shown(pairs: Sequence[BlockPair], margin: float) -> bool:
    """Whether there are enough requests, and a baseline that a candidate could fall below."""
    enough = sum(pair.counted for pair in pairs) >= runs_needed(margin)
    return enough and any(pair.baseline_met for pair in pairs)


def sign_flip(differences: Sequence[int]) -> float:
    """The one-sided p-value that differences of this size and sign come from coins; small: they are negative."""
    sizes = np.array([abs(one) for one in differences if one], dtype=float)
    found = float(sum(differences))
    if len(sizes) > _MOST_EXACT:
        rng = np.random.default_rng(20260101)
        signs = rng.choice((-1.0, 1.0), size=(20_000, len(sizes)))
        return (1 + int((signs @ sizes <= found).sum())) / 20_001
    sums = np.zeros(1)
    for size in sizes:
        sums = np.concatenate([sums - size, sums + size])
    return float((sums <= found).mean())


def _interval(differences: Sequence[float], step: float) -> Interval:
    """The mean difference with two one-sided bounds by Student's t; with fewer than two pairs, anything is possible.

    One pair that won a request (`step`) and one that lost one are added to the error: blocks without any difference
    are not sure of that.
    """
    from scipy.special import stdtrit

    if len(differences) < 2:
        return Interval(differences[0] if differences else 0.0, -1.0, 1.0)
    values = np.array(differences)
    padded = np.append(values, [step, -step])
    error = float(padded.std(ddof=1)) / math.sqrt(len(padded))
    reach = float(stdtrit(len(values) - 1, 1 - ALPHA_WORSE)) * error
    middle = float(values.mean())
    return Interval(middle, max(-1.0, middle - reach), min(1.0, middle + reach))


def _ratio(pairs: Sequence[BlockPair], difference: Interval) -> Interval | None:
    """The ratio of the goodputs: both versions had the same arrivals, so it is that of the attainments."""
    counted, met = sum(pair.counted for pair in pairs), sum(pair.baseline_met for pair in pairs)
    if not met:
        return None
    baseline = met / counted
    return Interval(
        *(1 + one / baseline for one in (difference.value, max(difference.low, -baseline), difference.high))
    )
