"""Whether and when a request is retried. No other layer retries."""

from __future__ import annotations

import random
from dataclasses import dataclass

from evalharness.errors import LostWorkerError, ProviderError, RetryableError, ThrottledError, UnknownOutcomeError

_FIRST_S, _MOST_S = 0.5, 8.0
_SPREAD = 0.1
"""Share of a wait from the endpoint that is added at random, so that throttled requests do not return together."""
_MOST_UNKNOWN = 1
"""Retries after an unknown outcome, which may be billed."""
_WHILE_SERVING = 3
"""Times `retries` that a throttled request is retried while the endpoint serves others."""


@dataclass(slots=True)
class Tries:
    """The failed attempts of one request."""

    most: int
    """Attempts after the first."""
    only_throttled: bool = False
    """Retry after a throttled attempt alone: after another failure, the application may know the message already."""
    failed: int = 0
    unknown: int = 0
    throttled: int = 0
    """Attempts throttled while the endpoint served other requests; not counted in `failed`."""

    def wait_s(self, error: ProviderError, *, serving: bool = False) -> float | None:
        """Count a failure and return the seconds until the retry, or None for no retry.

        `serving`: the endpoint has served another request since this one was sent.
        """
        if serving and isinstance(error, ThrottledError):
            self.throttled += 1
        else:
            self.failed += not isinstance(error, LostWorkerError)  # the failure of a machine, not of the model
        self.unknown += isinstance(error, UnknownOutcomeError)
        retryable = ThrottledError if self.only_throttled else RetryableError
        if not isinstance(error, retryable) or self._are_used_up():
            return None
        if error.wait_s is not None:
            return error.wait_s + random.uniform(0, min(1.0, _SPREAD * error.wait_s + 0.05))  # noqa: S311
        times = self.failed + self.throttled
        return random.uniform(0, min(_MOST_S, _FIRST_S * 2 ** (times - 1)))  # noqa: S311 - "full jitter"

    def _are_used_up(self) -> bool:
        is_unknown = self.unknown > _MOST_UNKNOWN
        return is_unknown or self.failed > self.most or self.throttled > _WHILE_SERVING * self.most
