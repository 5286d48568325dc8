"""The margin of a gate that a number of cases can decide."""

from __future__ import annotations

_DECIDABLE = ((72, 0.05), (36, 0.10), (23, 0.15))
"""Numbers of cases, and the smallest drop that a gate can rule out with them in two stages (docs/gate.md)."""
_FEW = 0.20


def decidable_margin(cases: int) -> float:
    """The smallest margin, as a fraction, that a gate can rule out with this number of cases."""
    return next((margin for least, margin in _DECIDABLE if cases >= least), _FEW)
