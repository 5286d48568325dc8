"""The FAIL test: permutation of the labels within each case, one-sided, mid-p.

If nothing has changed, the runs of a case are exchangeable between baseline and candidate. So the labels are shuffled
within each case, and the p-value is the share of labellings whose mean change is at most the observed one. With one run
a side this is McNemar's test (pass/fail) or the sign-flip test (scores); with more it is the exact conditional
Cochran-Mantel-Haenszel test. The test assumes no distribution and allows unequal numbers of runs.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from evalharness.gate.stats.distributions import t_below
from evalharness.gate.stats.pairs import TOLERANCE, Block, Floats, Pair, change, moving_blocks

PERMUTATIONS = 9_999
"""Number of Monte Carlo permutations. The smallest p-value is 5e-5."""
LONGEST = 300_000
"""Positions of the exact distribution, about a second. Cases with many different numbers of runs need more."""
MOST_SHUFFLED = 20_000
"""Cases whose labels are shuffled, about two seconds; the sum of the others, which vary less, is drawn as normal."""


def p_worse(pairs: Sequence[Pair], seed: str) -> float:
    """The mid-p of "the candidate is worse"; 1.0 if no case varies.

    Exact if all values are 0 or 1, unless the distribution is too long. Otherwise 9,999 random permutations with the
    seed `seed`.
    """
    moving = moving_blocks(pairs)
    if not moving:
        return 1.0
    if is_pass_fail(moving) and _length(moving) <= LONGEST:
        return _exact(moving)
    return _sampled(moving, seed)


def p_over_cases(pairs: Sequence[Pair]) -> float:
    """The one-sided p-value of "the candidate is worse on cases like these"; 1.0 if no case changed.

    A paired t-test on the mean change of each case, as a sample of cases. With a single case it is that of these cases.
    """
    changes = change(pairs)
    if not (np.abs(changes) > TOLERANCE).any():
        return 1.0
    if len(changes) < 2 or np.ptp(changes) <= TOLERANCE:
        return float(changes.mean() > 0)
    error = float(changes.std(ddof=1)) / math.sqrt(len(changes))
    return t_below(float(changes.mean()) / error, len(changes) - 1)


def is_pass_fail(found: Sequence[Block]) -> bool:
    """Whether all values are 0 or 1."""
    return all(((side == 0) | (side == 1)).all() for block in found for side in block)


def smallest_p(pairs: Sequence[Pair]) -> float:
    """The smallest p-value that this data allows.

    It belongs to the labelling with the lowest runs of every case on the candidate side.
    """
    chances = []
    for b, c in moving_blocks(pairs):
        kc = c.shape[1]
        runs = np.sort(np.hstack([b, c]), axis=1)
        at_edge = runs == runs[:, kc - 1 : kc]
        edges = zip(at_edge.sum(axis=1).tolist(), at_edge[:, :kc].sum(axis=1).tolist(), strict=True)
        chances += [_by_chance(ties, taken, runs.shape[1], kc) for ties, taken in edges]
    return math.prod(chances) / 2 if chances else 1.0


@lru_cache(maxsize=4096)
def _by_chance(ties: int, taken: int, runs: int, kc: int) -> float:
    """P(the candidate has the `kc` lowest of the runs); `ties` runs equal the highest of these, which has `taken`."""
    return math.comb(ties, taken) / math.comb(runs, kc)


def _exact(moving: Sequence[Block]) -> float:
    """The exact mid-p by convolution: given the passes of a case, the number on the candidate side is hypergeometric.

    The statistic is the sum over cases of x (1/kc + 1/kb), where x is the number of candidate passes. Integer weights
    make it an index of an array. Cases with equal numbers of passes are added at once.
    """
    density, observed = np.ones(1), 0
    for (b, c), step in zip(moving, _steps(moving), strict=True):
        kb, kc = b.shape[1], c.shape[1]
        passes, cases = np.unique((b.sum(axis=1) + c.sum(axis=1)).astype(int), return_counts=True)
        for alike, many in zip(passes.tolist(), cases.tolist(), strict=True):
            density = _added(density, _of_many(candidate_passes(kb, kc, alike), many), step)
        observed += int(c.sum()) * step
    return min(1.0, float(density[:observed].sum() + density[observed] / 2))


def _steps(moving: Sequence[Block]) -> list[int]:
    """The weight of a candidate pass of each block, as the smallest possible integers."""
    sizes = [(b.shape[1], c.shape[1]) for b, c in moving]
    unit = math.lcm(*(kb * kc for kb, kc in sizes))
    weights = [unit // kb + unit // kc for kb, kc in sizes]
    common = math.gcd(*weights)
    return [weight // common for weight in weights]


def _length(moving: Sequence[Block]) -> int:
    """The number of values of the statistic of the exact test."""
    return 1 + sum(c.size * step for (_, c), step in zip(moving, _steps(moving), strict=True))


def _of_many(spread: Sequence[float], cases: int) -> Floats:
    """The convolution of the densities of `cases` equal cases, by repeated squaring."""
    power, total = np.asarray(spread), np.ones(1)
    while True:
        if cases & 1:
            total = np.convolve(total, power)
        cases >>= 1
        if not cases:
            return total
        power = np.convolve(power, power)


def _added(density: Floats, spread: Floats, step: int) -> Floats:
    """The convolution with a density whose values are `step` positions apart."""
    if step == 1:
        return np.convolve(density, spread)
    out = np.zeros(len(density) + (len(spread) - 1) * step)
    for x, probability in enumerate(spread):
        if probability:
            out[x * step : x * step + len(density)] += probability * density
    return out


@lru_cache(maxsize=4096)
def candidate_passes(kb: int, kc: int, passes: int) -> tuple[float, ...]:
    """P(x passes of a case are on the candidate side), for x from 0 to kc.

    The distribution is hypergeometric.
    """
    total = math.comb(kb + kc, passes)
    return tuple(math.comb(kc, x) * math.comb(kb, passes - x) / total if x <= passes else 0.0 for x in range(kc + 1))


def _sampled(moving: Sequence[Block], seed: str) -> float:
    """The mid-p by Monte Carlo: (lower + (equal + 1) / 2) / (permutations + 1), including the observed labelling."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big"))
    moving, sums, observed = _with_normal_rest(moving, rng)
    for b, c in moving:
        few, many = sorted((b.shape[1], c.shape[1]))
        sign = 1 if few == c.shape[1] else -1  # picking the smaller side is faster; the larger one is the rest
        runs = np.hstack([b, c])
        observed += float((c.mean(axis=1) - b.mean(axis=1) + sign * runs.sum(axis=1) / many).sum())
        for weighted in runs * (sign * (1 / few + 1 / many)):
            sums += _chosen_sums(weighted, few, rng)
    lower = int((sums < observed - TOLERANCE).sum())
    equal = int((np.abs(sums - observed) <= TOLERANCE).sum())
    return (lower + (equal + 1) / 2) / (PERMUTATIONS + 1)


def _with_normal_rest(moving: Sequence[Block], rng: np.random.Generator) -> tuple[list[Block], Floats, float]:
    """The cases that are shuffled, and the sums and the observed change of the others.

    These are all but the `MOST_SHUFFLED` that vary most. Each of them moves the sum by less than any shuffled case, so
    that their change under shuffled labels is normal, with mean 0 and the variance of a difference of means of a sample
    without replacement.
    """
    spreads = [np.ptp(np.hstack(block), axis=1) for block in moving]
    every = np.concatenate(spreads)
    if len(every) <= MOST_SHUFFLED:
        return list(moving), np.zeros(PERMUTATIONS), 0.0
    rank = np.empty(len(every), dtype=np.int64)
    rank[np.argsort(-every, kind="stable")] = np.arange(len(every))
    kept, variance, observed, start = [], 0.0, 0.0, 0
    for (b, c), spread in zip(moving, spreads, strict=True):
        few = rank[start : start + len(spread)] < MOST_SHUFFLED
        start += len(spread)
        kept += [(b[few], c[few])] if few.any() else []
        runs, (kb, kc) = np.hstack([b[~few], c[~few]]), (b.shape[1], c.shape[1])
        variance += float(runs.var(axis=1, ddof=1).sum()) * (kb + kc) / (kb * kc)
        observed += float((c[~few].mean(axis=1) - b[~few].mean(axis=1)).sum())
    return kept, rng.normal(0, math.sqrt(variance), PERMUTATIONS), observed


def _chosen_sums(runs: Floats, few: int, rng: np.random.Generator) -> Floats:
    """For each permutation, the sum of `few` runs picked at random without replacement.

    A pick is an index into the remaining runs. It moves up past the earlier picks, which are kept sorted.
    """
    picked: list[npt.NDArray[np.uint16]] = []
    sums = np.zeros(PERMUTATIONS)
    for done in range(few):
        pick = rng.integers(len(runs) - done, size=PERMUTATIONS, dtype=np.uint16)
        for earlier in picked:
            pick = pick + (pick >= earlier)
        sums += runs.take(pick, mode="wrap")  # every pick is in range, and "wrap" skips the check: twice as fast
        picked = _inserted(picked, pick) if done + 1 < few else picked
    return sums


def _inserted(ordered: Sequence[npt.NDArray[np.uint16]], new: npt.NDArray[np.uint16]) -> list[npt.NDArray[np.uint16]]:
    """For each permutation, the picks with the new one inserted in order."""
    out = []
    for one in ordered:
        out.append(np.minimum(one, new))
        new = np.maximum(one, new)
    return [*out, new]


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for their number (Holm 1979).

    Keeps the family-wise error rate at alpha.
    """
    order = np.argsort(p_values, kind="stable")
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted
