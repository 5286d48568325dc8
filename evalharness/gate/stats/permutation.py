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
Pair = tuple[Floats, Floats]
"""The runs of one case: baseline's, candidate's."""
Block = tuple[Floats, Floats]
"""The runs of cases that have equally many, stacked: (cases, runs) of either side."""

DRAWS = 9_999
"""Monte Carlo permutations: with 9,999 the smallest p is 5e-5."""
TOLERANCE = 1e-9
"""Values that differ by less are equal."""


def blocks(pairs: Sequence[Pair]) -> list[Block]:
    """The pairs by their numbers of runs, fewest first: so that a thousand cases are one array, not a thousand."""
    alike: dict[tuple[int, int], list[Pair]] = {}
    for pair in pairs:
        alike.setdefault((len(pair[0]), len(pair[1])), []).append(pair)
    return [(np.array([b for b, _ in alike[size]]), np.array([c for _, c in alike[size]])) for size in sorted(alike)]


def change(pairs: Sequence[Pair]) -> Floats:
    """Mean of the candidate's runs minus mean of the baseline's, for each case, in the order of `blocks`."""
    return np.concatenate([c.mean(axis=1) - b.mean(axis=1) for b, c in blocks(pairs)])


def p_worse(pairs: Sequence[Pair], seed: str) -> float:
    """The mid-p of "the candidate is worse".

    Exact for values that are all 0 or 1, else by 9,999 permutations drawn from `seed`. 1.0 when no case varies.
    """
    moving = _moving(pairs)
    if not moving:
        return 1.0
    if all(((side == 0) | (side == 1)).all() for block in moving for side in block):
        return _exact(moving)
    return _sampled(moving, seed)


def smallest_p(pairs: Sequence[Pair]) -> float:
    """The p-value if every case that varies had fallen as far as its runs allow: what this test can reach at best."""
    chances = []
    for b, c in _moving(pairs):
        kc = c.shape[1]
        runs = np.sort(np.hstack([b, c]), axis=1)
        at_edge = runs == runs[:, kc - 1 : kc]
        edges = zip(at_edge.sum(axis=1).tolist(), at_edge[:, :kc].sum(axis=1).tolist(), strict=True)
        chances += [_by_chance(ties, taken, runs.shape[1], kc) for ties, taken in edges]
    return math.prod(chances) / 2 if chances else 1.0


@lru_cache(maxsize=4096)
def _by_chance(ties: int, taken: int, runs: int, kc: int) -> float:
    """P(the candidate has the lowest of the runs), where so many are equal to the highest of those."""
    return math.comb(ties, taken) / math.comb(runs, kc)


def _moving(pairs: Sequence[Pair]) -> list[Block]:
    """A case whose runs are all equal says the same under every labelling."""
    moving = []
    for b, c in blocks(pairs):
        varies = np.ptp(np.hstack([b, c]), axis=1) > TOLERANCE
        if varies.any():
            moving.append((b[varies], c[varies]))
    return moving


def _exact(moving: Sequence[Block]) -> float:
    """By convolution: given a case's passes, how many fall to the candidate is hypergeometric.

    The statistic is the sum over cases of x (1/kc + 1/kb), x the candidate's passes; whole-number weights make it a
    position in an array. Cases with equally many passes are alike, and are added all at once.
    """
    sizes = [(b.shape[1], c.shape[1]) for b, c in moving]
    unit = math.lcm(*(kb * kc for kb, kc in sizes))
    weights = [unit // kb + unit // kc for kb, kc in sizes]
    common = math.gcd(*weights)
    density, observed = np.ones(1), 0
    for (b, c), (kb, kc), weight in zip(moving, sizes, weights, strict=True):
        step = weight // common
        passes, cases = np.unique((b.sum(axis=1) + c.sum(axis=1)).astype(int), return_counts=True)
        for alike, many in zip(passes.tolist(), cases.tolist(), strict=True):
            density = _added(density, _of_many(candidate_passes(kb, kc, alike), many), step)
        observed += int(c.sum()) * step
    return min(1.0, float(density[:observed].sum() + density[observed] / 2))


def _of_many(spread: Sequence[float], cases: int) -> Floats:
    """The convolution of so many equal densities, by squaring."""
    power, total = np.asarray(spread), np.ones(1)
    while True:
        if cases & 1:
            total = np.convolve(total, power)
        cases >>= 1
        if not cases:
            return total
        power = np.convolve(power, power)


def _added(density: Floats, spread: Floats, step: int) -> Floats:
    """The convolution with a density that is 0 but at every `step`-th position."""
    if step == 1:
        return np.convolve(density, spread)
    out = np.zeros(len(density) + (len(spread) - 1) * step)
    for x, probability in enumerate(spread):
        if probability:
            out[x * step : x * step + len(density)] += probability * density
    return out


@lru_cache(maxsize=4096)
def candidate_passes(kb: int, kc: int, passes: int) -> tuple[float, ...]:
    """P(the candidate has x of a case's passes), for x from 0 to kc: hypergeometric."""
    total = math.comb(kb + kc, passes)
    return tuple(math.comb(kc, x) * math.comb(kb, passes - x) / total if x <= passes else 0.0 for x in range(kc + 1))


def _sampled(moving: Sequence[Block], seed: str) -> float:
    """By Monte Carlo: p = (lower + (equal + 1) / 2) / (draws + 1), the observed labelling counted as one draw."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big"))
    drawn, observed = np.zeros(DRAWS), 0.0
    for b, c in moving:
        few, many = sorted((b.shape[1], c.shape[1]))
        sign = 1 if few == c.shape[1] else -1  # the smaller side is drawn, the larger one is the rest
        runs = np.hstack([b, c])
        observed += float((c.mean(axis=1) - b.mean(axis=1) + sign * runs.sum(axis=1) / many).sum())
        for weighted in runs * (sign * (1 / few + 1 / many)):
            drawn += _chosen_sums(weighted, few, rng)
    lower = int((drawn < observed - TOLERANCE).sum())
    equal = int((np.abs(drawn - observed) <= TOLERANCE).sum())
    return (lower + (equal + 1) / 2) / (DRAWS + 1)


def _chosen_sums(runs: Floats, few: int, rng: np.random.Generator) -> Floats:
    """The sum of `few` of the runs picked at random, for each draw.

    Each pick is one of those left, in order; it is moved up past the picks before it, which are kept sorted.
    """
    picked: list[npt.NDArray[np.uint16]] = []
    sums = np.zeros(DRAWS)
    for done in range(few):
        pick = rng.integers(len(runs) - done, size=DRAWS, dtype=np.uint16)
        for earlier in picked:
            pick = pick + (pick >= earlier)
        sums += runs.take(pick, mode="wrap")  # every pick is in range: without the check it takes half the time
        picked = _inserted(picked, pick) if done + 1 < few else picked
    return sums


def _inserted(ordered: Sequence[npt.NDArray[np.uint16]], new: npt.NDArray[np.uint16]) -> list[npt.NDArray[np.uint16]]:
    """Draw by draw, the new pick at its place among the ordered ones."""
    out = []
    for one in ordered:
        out.append(np.minimum(one, new))
        new = np.maximum(one, new)
    return [*out, new]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (Holm 1979): the family-wise error of testing all of them stays at alpha."""
    order = np.argsort(p_values, kind="stable")
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted
