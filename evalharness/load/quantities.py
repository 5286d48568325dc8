"""Durations and rates as people write them: `300ms`, `2s`, `5min`; `5/s`, `300/min`. A unit is required."""

from __future__ import annotations

import re

_NUMBER = r"(\d+(?:\.\d+)?|\.\d+)"
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_UNITS = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
MOST_S, MOST_PER_S = 86_400.0, 100_000.0


def seconds(text: str) -> float:
    """The seconds of a duration. Raises ValueError: no positive number with a unit, or more than a day."""
    found = re.fullmatch(rf"\s*{_NUMBER}\s*([a-z]+)\s*", text)
    if found is None or found[2] not in _SECONDS:
        raise ValueError(f"expected a duration with a unit, such as 300ms, 2s or 5min, got {text.strip()!r:.40}")
    value = float(found[1]) * _SECONDS[found[2]]
    if not 0 < value <= MOST_S:
        raise ValueError(f"expected a duration above 0 and of at most a day, got {text.strip()!r:.40}")
    return value


def per_second(text: str) -> float:
    """The rate in requests a second. Raises ValueError: no positive number with a unit, or too large."""
    found = re.fullmatch(rf"\s*{_NUMBER}\s*/\s*([a-z]+)\s*", text)
    if found is None or found[2] not in _UNITS:
        raise ValueError(f"expected a rate with a unit, such as 5/s or 300/min, got {text.strip()!r:.40}")
    value = float(found[1]) / _UNITS[found[2]]
    if not 0 < value <= MOST_PER_S:
        raise ValueError(f"expected a rate above 0 and of at most {MOST_PER_S:,.0f}/s, got {text.strip()!r:.40}")
    return value


def share(text: str) -> float:
    """The share of a percentage such as `95%` or of a fraction such as 0.95. Raises ValueError: not between 0 and 1."""
    found = re.fullmatch(rf"\s*{_NUMBER}\s*(%?)\s*", text)
    value = float(found[1]) / (100 if found[2] else 1) if found else 0.0
    if found is None or not 0 < value < 1:
        raise ValueError(
            f"expected a share between 0% and 100%, such as 95%, got {text.strip()!r:.40}: no number of requests can "
            "show that every one meets the bounds"
            if found and value == 1
            else f"expected a share between 0% and 100%, such as 95%, got {text.strip()!r:.40}"
        )
    return value


def duration_text(value_s: float) -> str:
    """The duration with three digits: `12.3 ms`, `1.50 s`, `12 min`."""
    if value_s < 1e-3:
        return f"{value_s * 1e6:.0f} us"
    if value_s < 1:
        return f"{_three(value_s * 1e3)} ms"
    return f"{_three(value_s)} s" if value_s < 1000 else f"{value_s / 60:,.0f} min"


def rate_text(per_s: float) -> str:
    """The rate with three digits: `5.00/s`, `0.0500/s`."""
    return f"{per_s:,.0f}/s" if per_s >= 1000 else f"{_three(per_s)}/s"


def _three(value: float) -> str:
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}" if value >= 0.01 or value == 0 else f"{value:.2g}"
