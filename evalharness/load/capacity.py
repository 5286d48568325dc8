"""Searches the highest rate at which the service level holds, by bisection.

A rate that passes raises the lower end, one that fails lowers the upper end. One that is inconclusive is near the
border: the search goes on below and above it. Each probe may be wrong with the chance of its bounds (0.1 % a side), so
that the interval of ten probes is wrong in at most 1 of 100 searches, if attainment falls with the rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from evalharness.records.load_result import Capacity, Probe

MOST_PROBES = 10
_CLOSE = 1.1
"""The search ends when the ends are this factor apart."""


@dataclass(slots=True)
class _Search:
    first: float
    last: float
    probes: list[Probe] = field(default_factory=list)

    def rates(self, *statuses: str) -> list[float]:
        return [one.rate_per_s for one in self.probes if one.status in statuses]

    @property
    def low(self) -> float | None:
        """The highest rate that passed below all that failed."""
        failed = min(self.rates("fail"), default=math.inf)
        return max((rate for rate in self.rates("pass") if rate < failed), default=None)

    @property
    def high(self) -> float | None:
        """The lowest rate that failed."""
        return min(self.rates("fail"), default=None)

    def next(self) -> float | None:
        """The next rate; None at the end."""
        if not self.probes:
            return self.first
        if self.low is None:
            return None  # the lowest rate did not pass
        gaps = [(low, high) for low, high in self._gaps() if high / low > _CLOSE]
        if gaps:
            low, high = max(gaps, key=lambda gap: gap[1] / gap[0])
            return math.sqrt(low * high)
        is_open = self.high is None and self.last not in self.rates("pass", "inconclusive")
        return self.last if is_open else None

    def _gaps(self) -> list[tuple[float, float]]:
        """The intervals that can still raise the lower end or lower the upper end."""
        low, high = self.low or self.first, self.high or self.last
        unclear = [rate for rate in self.rates("inconclusive") if low < rate < high]
        return [(low, min(unclear)), (max(unclear), high)] if unclear else [(low, high)]


def find_capacity(
    probe: Callable[[float], Probe | None], first: float, last: float, *, most: int = MOST_PROBES
) -> Capacity:
    """Probe at most so many rates from `first` to `last` a second. An invalid probe, or None, ends the search."""
    search = _Search(first, last)
    while len(search.probes) < most and (rate := search.next()) is not None:
        found = probe(rate)
        search.probes += [found] if found else []
        if found is None or found.status == "invalid":
            break
    return Capacity(search.low, search.high, tuple(search.probes))
