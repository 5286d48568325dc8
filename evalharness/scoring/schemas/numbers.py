"""JSON numbers as they are written: 4.02 is 402 hundredths, which no double is.

A whole number is an int, however it is written (1.0, 1e2), because JSON Schema compares numbers by their value. Every
other number is an `Exact`.
"""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

MAX_DIGITS = 1_000
"""RFC 8259, section 9, lets a reader set limits."""


class Exact(Decimal):
    """A decimal number that messages show as JSON writes it."""

    __repr__ = Decimal.__str__


def read_integer(digits: str) -> int:
    """Return the integer. Raises ValueError for more than 1,000 digits."""
    _check_length(digits)
    return int(digits)


def read_number(digits: str) -> int | Exact:
    """Return the number of a JSON text with a fraction or an exponent.

    Raises ValueError for more than 1,000 digits, and for a number that a double cannot hold: beyond 1.8e308, or so near
    to 0 that it would become 0.
    """
    _check_length(digits)
    value, nearest = Exact(digits), float(digits)
    if not value:
        return 0
    if math.isinf(nearest) or not nearest:
        raise ValueError(f"the number {digits[:20]} is beyond the range of a double")
    return int(value) if value == value.to_integral_value() else value


def is_multiple(value: int | Decimal, divisor: int | Decimal) -> bool:
    """Return whether `value` is an integer times `divisor`, without rounding."""
    return (Fraction(value) / Fraction(divisor)).denominator == 1


def _check_length(digits: str) -> None:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS:,} digits")
