"""Limits of metrics whose time is the product of two lengths. Beyond them a sample has an error instead of a score."""

from __future__ import annotations

from collections.abc import Sized

from evalharness.errors import MetricError

MAX_CHAR_PAIRS = 10_000_000_000
"""Of a response and a golden answer: at most a second or two, because 64 pairs take one step."""
MAX_TOKEN_PAIRS = 1_000_000_000


def check_pairs(unit: str, most: int, ours: Sized, theirs: Sized) -> None:
    """Raise MetricError for texts whose lengths multiply to more than `most`."""
    if len(ours) * len(theirs) > most:
        lengths = f"{len(ours):,} and {len(theirs):,} {unit}"
        raise MetricError(f"expected texts whose lengths multiply to at most {most:,}, got {lengths}")
