"""The PASS test: a lower bound of the change that never collapses, and a floor on the number of runs.

A suite whose cases all stayed the same has a variance of 0, and a naive bound would then rule out any drop. Two guards:
one pseudo-case that fully won and one that fully lost are added (Bonett and Price's adjustment, generalised to scores),
and fewer runs than could show one failure at the margin never pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from evalharness.gate.permutation import Floats, change


def t_quantile(probability: float, degrees: float) -> float:
    """Quantile of Student's t."""
    from scipy.special import stdtrit  # scipy.stats would take 1.7 s to import, scipy.special a tenth of it

    return float(stdtrit(degrees, probability))


def normal_quantile(probability: float) -> float:
    """Quantile of the standard normal distribution."""
    from scipy.special import ndtri

    return float(ndtri(probability))


def change_bounds(
    baseline: Sequence[Floats], candidate: Sequence[Floats], *, alpha: float, span: float = 1.0
) -> tuple[float, float]:
    """One-sided (1 - alpha) lower and upper bounds of the mean change.

    With two or more runs of every case on both sides: of the expected score on these cases. Otherwise: the pseudo-pair
    t bounds, which treat the cases as a sample. `span` is the largest change that one case can make.
    """
    if min(map(len, baseline)) >= 2 and min(map(len, candidate)) >= 2:
        middle, reach = _repeated(baseline, candidate, alpha, span)
    else:
        middle, reach = _pseudo_pair(change(baseline, candidate), alpha, span)
    return middle - reach, middle + reach


def _pseudo_pair(changes: Floats, alpha: float, span: float) -> tuple[float, float]:
    """Mean and t reach after adding one case at +span and one at -span."""
    padded = np.append(changes, [span, -span])
    size = len(padded)
    error = math.sqrt(float(((padded - padded.mean()) ** 2).sum()) / ((size - 1) * size))
    return float(padded.mean()), t_quantile(1 - alpha, size - 1) * error


def _repeated(
    baseline: Sequence[Floats], candidate: Sequence[Floats], alpha: float, span: float
) -> tuple[float, float]:
    n = len(baseline)
    kb, kc = min(map(len, baseline)), min(map(len, candidate))
    within = sum(b.var(ddof=1) / len(b) + c.var(ddof=1) / len(c) for b, c in zip(baseline, candidate, strict=True))
    error = math.sqrt(float(within) / n**2 + (span / (n * kb)) ** 2 + (span / (n * kc)) ** 2)
    return float(change(baseline, candidate).mean()), normal_quantile(1 - alpha) * error


def runs_needed(margin: float, *, alpha: float) -> int:
    """Fewest candidate runs that can rule out a drop of `margin`: with fewer, "no failure seen" is likelier than alpha
    although the true rate fell by the margin. 59 for 5 points at 5 %; 1 for a margin that allows any drop.
    """
    return math.ceil(math.log(alpha) / math.log1p(-margin)) if margin < 1 else 1
