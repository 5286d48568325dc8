"""Which responses are in time: they meet every bound of a gate. The words are those of vLLM and guidellm.

ttft   time to first token
tpot   time per output token after the first
e2el   end-to-end latency, until the response is complete
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

from evalharness.records import TIMINGS, TimeBounds

_FEWEST_TOKENS = 2
"""A shorter response has no token after the first. As in vLLM, it meets any bound on `tpot`."""
_WORDS: Mapping[str, str] = {"e2el": "latency", "ttft": "first_token", "tpot": "per_token"}
assert set(_WORDS.values()) == set(TIMINGS)


class Timed(Protocol):
    """A sample of a run or of a baseline."""

    def seconds(self, timing: str) -> float | None:
        """Seconds of one of the `TIMINGS`; None if they cannot be compared."""


def is_in_time(sample: Timed, tokens: int, within: TimeBounds) -> bool | None:
    """Whether a response of so many tokens meets the bounds; None if it has no time for one, and misses no other."""
    found = [_is_met(sample, tokens, name, bound) for name, bound in within._asdict().items() if bound is not None]
    return False if False in found else None if None in found else True


def _is_met(sample: Timed, tokens: int, name: str, bound: float) -> bool | None:
    seconds, total = sample.seconds(_WORDS[name]), sample.seconds("latency")
    if name == "tpot" and tokens < _FEWEST_TOKENS and total is not None:
        return True
    return None if seconds is None or not 0 < seconds < math.inf else seconds <= bound
