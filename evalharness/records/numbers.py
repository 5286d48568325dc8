"""The numbers of a sample, without its texts: what means, sums and most gates need of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from evalharness.records.response import Timing, Usage
from evalharness.records.sample import TIMINGS, Sample

_NO_USAGE, _NO_TIMING = Usage(0, 0), Timing(0.0)
_DAY = len("2026-01-01")


class Numbers(NamedTuple):
    """The numbers of a sample."""

    scored: tuple[tuple[str, str], ...]
    """Metric and signature of each score."""
    values: Sequence[float]
    """The value of each score."""
    not_applicable: tuple[str, ...]
    """The metrics that have nothing to score here."""
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    metrics_cost_usd: float
    latency_s: float | None
    """None if the seconds cannot be compared; the others are None then too."""
    first_token_s: float | None
    decode_tokens_per_s: float | None
    slots: int | None
    recorded_on: str
    """The day of a replayed response."""
    text_hash: int
    """Python's hash of the answer: equal answers have equal ones in a process. 0 without one."""

    @property
    def timings(self) -> tuple[float | None, float | None, float | None]:
        """Seconds of each of the `TIMINGS`; None if they cannot be compared."""
        rate = self.decode_tokens_per_s
        return self.latency_s, self.first_token_s, 1 / rate if rate else None

    def seconds(self, timing: str) -> float | None:
        """Seconds of one of the `TIMINGS`; None if they cannot be compared."""
        return self.timings[TIMINGS.index(timing)]


def numbers_of(sample: Sample) -> Numbers:
    """The numbers of a sample."""
    response, is_timed = sample.response, sample.latency_s is not None
    usage, timing = (response.usage, response.timing) if response else (_NO_USAGE, _NO_TIMING)
    return Numbers(
        tuple([(score.metric, score.signature) for score in sample.scores]),
        [score.value for score in sample.scores],
        tuple([one.metric for one in sample.not_applicable]),
        usage.prompt_tokens,
        usage.completion_tokens,
        sample.cost_usd,
        sample.metrics_cost_usd,
        timing.total_s if is_timed else None,
        timing.first_token_s if is_timed else None,
        timing.decode_tokens_per_s if is_timed else None,
        timing.slots,
        sample.recorded_at[:_DAY],
        hash(response.text) if response else 0,
    )
