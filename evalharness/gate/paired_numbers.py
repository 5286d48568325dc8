"""The numbers of two sides, paired by case, without an object for each case."""

from __future__ import annotations

from array import array

import numpy as np
import numpy.typing as npt

from evalharness.gate.case_numbers import CaseNumbers
from evalharness.gate.evidence import Runs
from evalharness.gate.stats.pairs import Block, Floats, Pair, Pairs

Counts = npt.NDArray[np.int64]


def paired(baseline: Runs, candidate: Runs) -> Pairs:
    """The runs of the cases that both sides have."""
    before, after = CaseNumbers.of(baseline), _aligned(CaseNumbers.of(candidate), CaseNumbers.of(baseline))
    sizes = np.stack([_counts(before.sizes), _counts(after.sizes)])
    common = np.flatnonzero((sizes > 0).all(axis=0))
    found: list[Block] = []
    for kb, kc in np.unique(sizes[:, common], axis=1).T.tolist():
        rows = np.flatnonzero((sizes[0] == kb) & (sizes[1] == kc))
        found.append((_runs(before, sizes[0], rows), _runs(after, sizes[1], rows)))
    return Pairs.of_blocks(found)


def sorted_pairs(baseline: Runs, candidate: Runs) -> Pairs:
    """The pairs in the order of their case ids, each with its runs in order of value."""
    names = sorted(case for case in baseline if len(baseline[case]) and len(candidate.get(case, ())))
    before, after = (CaseNumbers.collected(names, side.__getitem__) for side in (baseline, candidate))
    return Pairs.of_blocks((np.sort(b, axis=1), np.sort(c, axis=1)) for b, c in paired(before, after).blocks)


def by_case(baseline: Runs, candidate: Runs) -> dict[str, Pair]:
    """The runs of each case that both sides have, in the order of their ids."""
    common = sorted(case for case in baseline if len(baseline[case]) and len(candidate.get(case, ())))
    return {case: (np.asarray(baseline[case], float), np.asarray(candidate[case], float)) for case in common}


def in_order(units: Pairs) -> Pairs:
    """The pairs sorted by value, so that results do not depend on the names or the order of cases and runs."""
    ordered = []
    for baseline, candidate in units.blocks:
        b, c = np.sort(baseline, axis=1), np.sort(candidate, axis=1)
        order = np.lexsort(np.hstack([b, c]).T[::-1])
        ordered.append((b[order], c[order]))
    return Pairs.of_blocks(ordered)


def _aligned(numbers: CaseNumbers, others: CaseNumbers) -> CaseNumbers:
    """The numbers in the order of the cases of others; none of a case that only these have."""
    if numbers.cases is others.cases or numbers.cases == others.cases:
        return numbers
    return CaseNumbers.collected(others.cases, lambda case: numbers.get(case, ()))


def _counts(sizes: array[int]) -> Counts:
    return np.asarray(sizes, dtype=np.int64)


def _runs(numbers: CaseNumbers, sizes: Counts, rows: Counts) -> Floats:
    """The runs of cases with equal numbers of runs, (cases, runs)."""
    flat, starts = np.asarray(numbers.flat), np.cumsum(sizes) - sizes
    runs: Floats = flat[starts[rows][:, None] + np.arange(sizes[rows[0]])]
    return runs
