"""The vertical axis of a chart in the history: a few round numbers around the values."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10

_STEPS = (1, 2, 5, 10)
_MOST_INTERVALS = 3
_LEAST_POINTS = 2.0
"""Least height of an axis of scores in points: a chart of noise looks flat."""
_LEAST_SHARE = 0.05
"""Least height of other axes, as a share of the values."""


def ticks(values: Sequence[float], unit: str) -> list[float]:
    """Two to five ascending round numbers; the first and the last enclose the values."""
    low, high = min(values), max(values)
    least = _LEAST_POINTS if unit == "points" else _LEAST_SHARE * max(map(abs, values)) or 1.0
    if (missing := least - (high - low)) > 0:
        low = max(0.0, min(low - missing / 2, 100 - least if unit == "points" else low))
        high = low + least
    step = _step((high - low) / _MOST_INTERVALS)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, ... (and 0.5, 0.2, ...) that is at least this large."""
    size: float = 10.0 ** floor(log10(least))
    return next((step * size for step in _STEPS if step * size >= least * (1 - 1e-9)), 10 * size)
