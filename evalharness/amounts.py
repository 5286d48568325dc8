"""How changes, means and bounds are written: one rule for every report.

A score is shown in points, from 0 to 100. A change is in points of a score, where minus is worse, or in percent of
tokens or seconds, where plus is dearer or slower. `report/templates/amounts.js` is the same rule in JavaScript;
`tests/amounts.json` has examples for both.
"""

from __future__ import annotations

import math

MINUS = "−"
"""The sign of negative changes."""
_UNITS = {"points": "pts", "percent": "%"}
_LEVEL_UNITS = {"tokens": " tokens", "seconds": " s"}
_STEPS = ((100.0, 0), (10.0, 1), (1.0, 2), (0.1, 3), (0.01, 4), (0.001, 5), (0.0001, 6))
"""Smallest value -> digits after the point: three significant digits, and whole numbers from 100 on."""
_SMALLEST = 0.0001
_P_STEPS = ((0.1, 2), (0.01, 3), (0.001, 4))
"""Smallest p-value -> digits after the point: two significant digits."""


def rounded(number: float, digits: int = 1) -> float:
    """The number with so many digits after the point, halves away from zero.

    A thousandth of the last digit does not decide: the order of a floating-point sum changes it.
    """
    if not math.isfinite(number):
        return number
    factor = math.pow(10, digits)
    nearest = math.floor(round(abs(number) * factor, 3) + 0.5) / factor
    return -nearest if number < 0 and nearest else nearest


def level(value: float, unit: str) -> str:
    """A mean without its unit: points of a score have one digit, tokens and seconds three significant ones."""
    digits = _digits(value, unit)
    return f"{rounded(value, digits):,.{digits}f}".replace("-", MINUS)


def rounded_level(value: float, unit: str) -> float:
    """The number that `level` shows."""
    return rounded(value, _digits(value, unit))


def signed(change: float, unit: str) -> str:
    """A change with its unit: '−13.3 pts', '+10.4 %', '±0.0 pts'."""
    return f"{_signed(change)} {_UNITS[unit]}"


def span(low: float | None, high: float | None, unit: str) -> str:
    """The bounds of a change: '−18.4 … −7.4 pts'. None is infinite."""
    return f"{_signed(-math.inf if low is None else low)} … {signed(math.inf if high is None else high, unit)}"


def levels(before: float, after: float, unit: str) -> str:
    """Both means with their unit: '78.2 → 64.9', '412 → 455 tokens'."""
    return f"{level(before, unit)} → {level(after, unit)}{_LEVEL_UNITS.get(unit, '')}"


def moved(before: float | None, after: float | None, change: float, unit: str, level_unit: str) -> str:
    """Both means and the change: '78.2 → 64.9, −13.3 pts'."""
    shown = signed(change, unit)
    return shown if before is None or after is None else f"{levels(before, after, level_unit)}, {shown}"


def score(value: float) -> str:
    """A score from 0 to 1 in points: 0.782 becomes '78.2'."""
    return level(100 * value, "points")


def points(change: float) -> str:
    """A change of a score from 0 to 1: -0.064 becomes '−6.4 pts'."""
    return signed(100 * change, "points")


def scores(before: float, after: float) -> str:
    """Two scores from 0 to 1 and their change: '78.2 → 64.9, −13.3 pts'."""
    return moved(100 * before, 100 * after, 100 * (after - before), "points", "points")


def amount(change: float, unit: str) -> str:
    """The size of a change with its unit, without a sign: '13.3 pts'."""
    return f"{abs(rounded(change)):.1f} {_UNITS[unit]}"


def seconds(value: float) -> str:
    """Measured seconds without a unit: two digits after the point below ten, then one."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def probability(p_value: float) -> str:
    """A p-value with two significant digits: '0.023', or '< 0.0001'."""
    if p_value < _SMALLEST:
        return f"< {_SMALLEST:.4f}"
    digits = next((digits for smallest, digits in _P_STEPS if p_value >= smallest), 5)
    return f"{rounded(p_value, digits):g}"


def size(number: float, unit: str) -> str:
    """A margin with its unit: '5 pts', '10 %'."""
    return f"{number:g} {_UNITS[unit]}"


def _digits(value: float, unit: str) -> int:
    if unit == "points":
        return 1
    digits = _significant(value)
    return _significant(rounded(value, digits))  # 99.96 is shown as 100, not as 100.0


def _significant(value: float) -> int:
    return next((digits for smallest, digits in _STEPS if abs(value) >= smallest), 7) if value else 0


def _signed(change: float) -> str:
    if math.isinf(change):
        return "+∞" if change > 0 else f"{MINUS}∞"
    shown = rounded(change)
    sign = "+" if shown > 0 else MINUS if shown < 0 else "±"
    return f"{sign}{abs(shown):.1f}"
