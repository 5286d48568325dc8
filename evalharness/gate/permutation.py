"""The FAIL test: within-case label permutation, one direction ("worse"), mid-p.

Under "nothing changed" the runs of a case are exchangeable: which of them are called baseline and which candidate is
chance. So the labels are shuffled within each case, and the p-value is how often the mean change comes out as low as
seen. With one run a side this is McNemar's test (pass/fail) or the sign-flip test (scores); with more it is the exact
conditional Cochran-Mantel-Haenszel test. It assumes no distribution and holds for unequal numbers of runs.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DRAWS = 9_999
"""Monte Carlo permutations: with 9,999 the smallest p is 5e-5."""
_TOLERANCE = 1e-9
_CHUNK = 2_000_000
"""Random numbers at once: 16 MB of them."""


def change(baseline: Sequence[Floats], candidate: Sequence[Floats]) -> Floats:
    """Mean of the candidate's runs minus mean of the baseline's, for each case."""
    return np.array([c.mean() - b.mean() for b, c in zip(baseline, candidate, strict=True)])


def p_worse(baseline: Sequence[Floats], candidate: Sequence[Floats], seed: str) -> float:
    """The mid-p of "the candidate is worse". `baseline` and `candidate` hold the runs of each case, in the same order.

    Exact for values that are all 0 or 1, else by 9,999 permutations drawn from `seed`. 1.0 when no case varies.
    """
    moving = [
        (b, c)
        for b, c in zip(baseline, candidate, strict=True)
        if np.ptp(np.concatenate([b, c]))
        > _TOLERANCE  # a case whose runs are all equal says the same under every labelling
    ]
    if not moving:
        return 1.0
    if all(set(np.unique(np.concatenate(pair))) <= {0.0, 1.0} for pair in moving):
        return _exact(moving)
    return _sampled(moving, seed)


def _exact(pairs: Sequence[tuple[Floats, Floats]]) -> float:
    """By convolution: given a case's passes, how many fall to the candidate is hypergeometric.

    The statistic is the sum over cases of x (1/kc + 1/kb), x the candidate's passes; whole-number weights make it a
    position in an array.
    """
    sizes = [(len(b), len(c)) for b, c in pairs]
    unit = math.lcm(*(kb * kc for kb, kc in sizes))
    weights = [unit // kb + unit // kc for kb, kc in sizes]
    common = math.gcd(*weights)
    density, observed = np.ones(1), 0
    for (b, c), (kb, kc), weight in zip(pairs, sizes, weights, strict=True):
        passes, step = int(b.sum() + c.sum()), weight // common
        density = _added(density, _spread(kb, kc, passes), step)
        observed += int(c.sum()) * step
    return min(1.0, float(density[:observed].sum() + density[observed] / 2))


def _added(density: Floats, spread: Sequence[float], step: int) -> Floats:
    """The convolution with a density that is 0 but at every `step`-th position."""
    out = np.zeros(len(density) + (len(spread) - 1) * step)
    for x, probability in enumerate(spread):
        if probability:
            out[x * step : x * step + len(density)] += probability * density
    return out


@lru_cache(maxsize=4096)
def _spread(kb: int, kc: int, passes: int) -> tuple[float, ...]:
    """P(candidate has x of the passes), for x from 0 to kc."""
    total = math.comb(kb + kc, passes)
    return tuple(math.comb(kc, x) * math.comb(kb, passes - x) / total if x <= passes else 0.0 for x in range(kc + 1))


def _sampled(pairs: Sequence[tuple[Floats, Floats]], seed: str) -> float:
    """By Monte Carlo: p = (lower + (equal + 1) / 2) / (draws + 1), the observed labelling counted as one draw."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big"))
    observed = float(change(*zip(*pairs, strict=True)).sum())
    drawn = np.zeros(DRAWS)
    for size in sorted({(len(b), len(c)) for b, c in pairs}):
        group = [np.concatenate(pair) for pair in pairs if (len(pair[0]), len(pair[1])) == size]
        drawn += _drawn_changes(np.stack(group), size[1], rng)
    lower = int((drawn < observed - _TOLERANCE).sum())
    equal = int((np.abs(drawn - observed) <= _TOLERANCE).sum())
    return (lower + (equal + 1) / 2) / (DRAWS + 1)


def _drawn_changes(runs: Floats, kc: int, rng: np.random.Generator) -> Floats:
    """Summed change of cases with the same numbers of runs, for each draw. `runs` is (cases, kb + kc)."""
    cases, width = runs.shape
    kb = width - kc
    totals = runs.sum(axis=1)
    out = np.empty(DRAWS)
    at_once = max(1, _CHUNK // (cases * width))
    for start in range(0, DRAWS, at_once):
        count = min(at_once, DRAWS - start)
        chosen = _choose(runs, kc, count, rng)
        out[start : start + count] = (chosen / kc - (totals - chosen) / kb).sum(axis=1)
    return out


def _choose(runs: Floats, kc: int, count: int, rng: np.random.Generator) -> Floats:
    """Sum of kc runs picked at random from each case, (count, cases)."""
    cases, width = runs.shape
    if kc == 1:
        return runs[np.arange(cases), rng.integers(width, size=(count, cases))]
    order = rng.random((count, cases, width)).argsort(axis=2)[:, :, :kc]
    picked: Floats = np.take_along_axis(runs[np.newaxis], order, axis=2).sum(axis=2)
    return picked


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (Holm 1979): the family-wise error of testing all of them stays at alpha."""
    order = np.argsort(p_values, kind="stable")
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted
