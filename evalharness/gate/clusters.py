"""Cases that depend on each other, such as the turns of a conversation, counted once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from evalharness.gate.stats.pairs import Floats, Pair


def clustered(sides: Mapping[str, Pair], clusters: Mapping[str, str]) -> list[Pair]:
    """The mean of each cluster in each run, or over all runs if its cases have different numbers of them.

    `clusters` maps a case to its cluster; a case without one counts for itself.
    """
    members: dict[str, list[Pair]] = {}
    for case, pair in sides.items():
        members.setdefault(clusters.get(case, f"case {case}"), []).append(pair)
    return [(_mean_runs([b for b, _ in pairs]), _mean_runs([c for _, c in pairs])) for pairs in members.values()]


def _mean_runs(runs: Sequence[Floats]) -> Floats:
    """The mean in order of value, because the order of a floating-point sum changes its last bit."""
    if len(runs) == 1:  # as for most cases
        return np.asarray(runs[0], dtype=np.float64)
    if len({len(values) for values in runs}) == 1:
        mean: Floats = np.mean(sorted(runs, key=tuple), axis=0)
        return mean
    return np.array([np.mean(sorted(np.sort(values).mean() for values in runs))])
