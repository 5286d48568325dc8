"""How many requests one model may have under way: as many as it takes without complaint.

Additive increase, multiplicative decrease (Chiu and Jain 1989), begun as TCP begins (slow start, RFC 5681): the limit
doubles with each round of answers until the endpoint first complains, then grows by one a round. A burst of complaints
is one: requests that left before the last cut say nothing about the limit that holds since.
"""

from __future__ import annotations

START = 20
_CUT = 0.5
CALM_S = 2.0
"""After a cut the limit stays for this long: an endpoint that counts by the second would be asked too much again."""


class Limiter:
    """Times are those of one monotonic clock, in seconds."""

    def __init__(self, most: int, start: int = START) -> None:
        self._most = most
        self.limit = float(min(start, most))
        self.paused_until = 0.0
        self._last_cut = float("-inf")
        self._doubling = True

    def free(self, under_way: int) -> int:
        """How many more may leave, pauses aside."""
        return max(0, int(self.limit) - under_way)

    def succeeded(self, now: float, *, others_wait: bool) -> None:
        """An answer came. A limit that keeps nobody waiting is not raised."""
        if others_wait and now >= self._last_cut + CALM_S:
            self.limit = min(self._most, self.limit + (1 if self._doubling else 1 / self.limit))

    def throttled(self, sent_at: float, now: float) -> None:
        """The endpoint wants fewer requests, it said to one that left at `sent_at`."""
        if sent_at > self._last_cut:
            self.limit, self._last_cut = max(1.0, self.limit * _CUT), now
            self._doubling = False

    def pause(self, until: float) -> None:
        """Nothing may leave before."""
        self.paused_until = max(self.paused_until, until)
