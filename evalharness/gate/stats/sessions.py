"""Runs of one baseline come from different sessions, and a session can be better or worse as a whole: a deployment of
the provider, a busy hour. Then the runs of one case vary less than whole runs do, and a test that knows only the cases
goes red too often. The factor between the two is measured on the accepted runs themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from evalharness.gate.defaults import ALPHA
from evalharness.gate.evidence import Runs
from evalharness.gate.stats.distributions import normal_quantile, t_below
from evalharness.gate.stats.permutation import Floats, p_worse


def overdispersion(runs: Sequence[Floats]) -> float:
    """The factor by which the variance between runs exceeds what the cases explain; 1 when it does not.

    `runs` holds each case's values in the order of the sessions. Each run is tested against the others within cases, as
    a candidate would be; the factor is the mean of the squared z-values.
    """
    values = np.array(sorted(runs, key=tuple), dtype=float)  # a sum knows in which order it was taken
    sessions = values.shape[1]
    others = (values.sum(axis=1, keepdims=True) - values) / (sessions - 1)
    variance = values.var(axis=1, ddof=1).sum() * sessions / (sessions - 1)  # of their sum, with shuffled labels
    if variance <= 0:
        return 1.0
    z = (values - others).sum(axis=0) / math.sqrt(float(variance))
    return max(1.0, float((z**2).mean()))


def drifted(accepted: Runs, beside: Runs, seed: str) -> bool:
    """Whether the accepted version answers worse now, drawn beside the candidate, than when it was accepted: then the
    model has changed, and pooled with the accepted runs these draws would hide what it lost.
    """
    common = sorted(case for case in accepted if len(accepted[case]) and len(beside.get(case, ())))
    pairs = [(np.array(sorted(accepted[case])), np.array(sorted(beside[case]))) for case in common]
    return bool(pairs) and p_worse(pairs, f"{seed}|drifted") <= ALPHA


def corrected(p_value: float, factor: float, sessions: int) -> float:
    """The p-value of a z-value that is smaller by the root of the factor, by Student's t with sessions - 1 degrees of
    freedom: the factor itself was estimated from so few, and the normal distribution would go red too often (row A5 of
    docs/gate-table.md).
    """
    if factor <= 1 or not 0 < p_value < 1:
        return p_value
    return t_below(normal_quantile(p_value) / math.sqrt(factor), sessions - 1)
