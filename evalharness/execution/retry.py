"""Whether and when a request is asked again. The one place: no client below this one asks twice."""

from __future__ import annotations

import random
from dataclasses import dataclass

from evalharness.errors import ProviderError

_FIRST_S, _MOST_S = 0.5, 8.0
_AFTER_TOLD = 0.1
"""Share of a told wait that is added at random, so that all who were told the same do not come back at once."""
_MOST_UNKNOWN = 1
"""A request whose outcome is unknown may have been billed: it is asked once more at most."""
_WHILE_SERVING = 3
"""Times as many tries for who was only turned away, by an endpoint that served others meanwhile: he waits his turn."""


@dataclass(slots=True)
class Tries:
    """What has become of one request so far."""

    most: int
    """Tries after the first."""
    failed: int = 0
    unknown: int = 0
    turned_away: int = 0

    def wait_s(self, error: ProviderError, *, serving: bool = False) -> float | None:
        """Count this failure; the seconds to wait before the next try, or None when there is none.

        `serving`: whether the endpoint has answered another request since this one left.
        """
        if error.throttled and serving:
            self.turned_away += 1
        else:
            self.failed += 1
        self.unknown += error.again == "once"
        if error.again == "never" or self._too_often():
            return None
        if error.wait_s is not None:
            return error.wait_s + random.uniform(0, min(1.0, _AFTER_TOLD * error.wait_s + 0.05))  # noqa: S311
        times = self.failed + self.turned_away
        return random.uniform(0, min(_MOST_S, _FIRST_S * 2 ** (times - 1)))  # noqa: S311 - "full jitter"

    def _too_often(self) -> bool:
        return self.failed > self.most or self.turned_away > _WHILE_SERVING * self.most or self.unknown > _MOST_UNKNOWN
