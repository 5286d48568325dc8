"""A verdict as plain data, with its numbers as every report shows them."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from evalharness.amounts import rounded, rounded_level
from evalharness.records import Verdict


def gate_data(verdict: Verdict) -> dict[str, Any]:
    """The fields of a verdict. Means, changes and bounds are rounded like in a report; None for NaN and infinity."""
    means = {name: _mean(getattr(verdict, name), verdict) for name in ("before", "after")}
    names = ("change", "low", "high", "minimum_detectable_drop")
    changes = {name: _change(getattr(verdict, name)) for name in names}
    return {
        **asdict(verdict),
        **means,
        **changes,
        "margin": _finite(verdict.margin),
        "p_value": _finite(verdict.p_value),
        "worst": [(case, _change(change)) for case, change in verdict.worst],
        "slices": [asdict(one) | {"change": _change(one.change)} for one in verdict.slices],
    }


def _change(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else rounded(value)


def _mean(value: float | None, verdict: Verdict) -> float | None:
    return None if value is None or not math.isfinite(value) else rounded_level(value, verdict.level_unit)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
