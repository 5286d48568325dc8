"""The change of a metric for each tag, corrected for the number of tags.

A tag decides only if the suite gates it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from evalharness.amounts import points
from evalharness.gate.case_numbers import CaseNumbers
from evalharness.gate.clusters import clustered
from evalharness.gate.evidence import Runs
from evalharness.gate.paired_numbers import by_case, in_order, paired
from evalharness.gate.stats.pairs import Pairs
from evalharness.gate.stats.permutation import p_worse
from evalharness.records import Slice

FEWEST_CASES = 8
"""Smaller slices are not tested."""
NAMED = 0.01
"""Slices with a q-value of at most this are named in every verdict."""
_MOST_NAMED = 3
SHARE = 0.20
"""Share of alpha for all gates on tags together. Gates on whole suites have the rest."""


def slices_of(
    baseline: Runs,
    candidate: Runs,
    tags: Mapping[str, Sequence[str]],
    *,
    seed: str,
    clusters: Mapping[str, str] | None = None,
) -> tuple[Slice, ...]:
    """The change of every tag, worst first. The test counts each of `clusters` (case -> cluster) as one.

    The q-value is None if the slice is too small to test.
    """
    by_tag: dict[str, list[str]] = {}
    for case in candidate:
        for tag in tags.get(case, ()):
            by_tag.setdefault(tag, []).append(case)
    found = [_slice(tag, cases, baseline, candidate, seed, clusters or {}) for tag, cases in by_tag.items()]
    return tuple(sorted(_corrected(found), key=lambda one: (one.change, one.tag)))


def worst_of(slices: Sequence[Slice]) -> str:
    """The tags that lost significantly, three at most, for the end of a reason; "" if none did."""
    found = [one for one in slices if one.q_value is not None and one.q_value <= NAMED]
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    named = ", ".join(f"{one.tag} {points(one.change)}" for one in found[:_MOST_NAMED])
    return f"; worst tags: {named}{more}" if found else ""


def _slice(
    tag: str, cases: Sequence[str], baseline: Runs, candidate: Runs, seed: str, clusters: Mapping[str, str]
) -> Slice:
    before, after = (CaseNumbers.collected(cases, side.__getitem__) for side in (baseline, candidate))
    pairs = in_order(_clustered(before, after, clusters) if clusters else paired(before, after))
    change = float(pairs.change.mean())
    tested = len(pairs) >= FEWEST_CASES
    return Slice(tag, len(cases), change, p_worse(pairs, f"{seed}|{tag}") if tested else None)


def _clustered(before: Runs, after: Runs, clusters: Mapping[str, str]) -> Pairs:
    sides = {case: (np.sort(b), np.sort(c)) for case, (b, c) in by_case(before, after).items()}
    return Pairs(clustered(sides, clusters))


def _corrected(slices: Sequence[Slice]) -> list[Slice]:
    """The slices with q-values instead of p-values (Benjamini and Hochberg 1995)."""
    tested = sorted((one for one in slices if one.q_value is not None), key=lambda one: -(one.q_value or 0))
    q_values, running = {}, 1.0
    for rank, one in zip(range(len(tested), 0, -1), tested, strict=True):
        running = min(running, (one.q_value or 0) * len(tested) / rank)
        q_values[one.tag] = running
    return [Slice(one.tag, one.cases, one.change, q_values.get(one.tag)) for one in slices]
