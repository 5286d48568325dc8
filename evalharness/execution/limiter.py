"""How many requests one model may have in flight.

Additive increase, multiplicative decrease (Chiu and Jain 1989), with TCP's slow start (RFC 5681): the limit
doubles with each round of responses until the endpoint throttles for the first time, then grows by one a round. A burst
of throttled requests cuts the limit once: requests sent before the last cut do not count again.
"""

from __future__ import annotations

from evalharness.logs import get_logger

_log = get_logger(__name__)
START = 20
_CUT = 0.5
CALM_S = 2.0
"""Seconds without growth after a cut: an endpoint that counts by the second would throttle again."""


class Limiter:
    """Times are seconds of one monotonic clock."""

    def __init__(self, most: int, start: int = START, model: str = "") -> None:
        self._most, self._model = most, model
        self.limit = float(min(start, most))
        self.paused_until = 0.0
        self._last_cut = float("-inf")
        self._doubling = True

    def free(self, under_way: int) -> int:
        """Return how many more requests may leave, pauses aside."""
        return max(0, int(self.limit) - under_way)

    def succeeded(self, now: float, *, others_wait: bool) -> None:
        """Raise the limit after a response, if requests wait for it."""
        if others_wait and now >= self._last_cut + CALM_S:
            self._set(min(self._most, self.limit + (1 if self._doubling else 1 / self.limit)))

    def throttled(self, sent_at: float, now: float) -> None:
        """Cut the limit: the endpoint throttled a request sent at `sent_at`."""
        if sent_at > self._last_cut:
            self._set(max(1.0, self.limit * _CUT))
            self._last_cut, self._doubling = now, False

    def pause(self, until: float) -> None:
        """Let nothing leave before `until`."""
        self.paused_until = max(self.paused_until, until)

    def _set(self, limit: float) -> None:
        if int(limit) != int(self.limit):
            _log.debug("model %s: at most %d requests at once", self._model, limit)
        self.limit = limit
