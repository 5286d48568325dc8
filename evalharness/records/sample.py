"""Samples: scored responses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from evalharness.records.response import Purpose, Response, SampleKey
from evalharness.records.score import NotApplicable, SampleError, Score, Violation
from evalharness.records.suite import Message

TIMINGS = ("latency", "first_token", "per_token")
"""Seconds of a response: in total, until its first token, and for each further token."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One scored response: case x prompt x model x repeat."""

    key: SampleKey
    digest: str
    """Digest of the case."""
    tags: tuple[str, ...]
    messages: tuple[Message, ...]
    golden: tuple[str, ...]
    response: Response | None
    scores: tuple[Score, ...] = ()
    failed_checks: tuple[str, ...] = ()
    """A message for each assertion that fails."""
    failed_stable: tuple[str, ...] = ()
    """A message for each assertion with `must_pass: stable` that fails."""
    error: SampleError | None = None
    cost_usd: float | None = None
    """None if the price is unknown."""
    recorded_at: str = ""
    """When a replayed response was generated: UTC, ISO 8601. Empty for a fresh response."""
    attempts: int = 1
    """Number of times the request was sent, including killed runs; 0 if the sample shares another sample's response."""
    cluster: str = ""
    """Name of the group of dependent cases to which the case belongs."""
    metrics_cost_usd: float = 0.0
    """Dollars for the requests of metrics on this sample in this run. Gates on cost ignore them."""
    recorded_from: tuple[str, ...] = ()
    """Recordings that the response, or a reply to a metric, was imported from: `FILE@SHA256` each."""
    violations: tuple[Violation, ...] = ()
    """The assertions with `must_pass: baseline` or `must_pass: 90%` that fail."""
    not_applicable: tuple[NotApplicable, ...] = ()
    """The metrics that have nothing to score here, such as those that need a golden answer where the case has none."""

    @property
    def purpose(self) -> Purpose:
        """Why the sample was generated."""
        return self.key.purpose

    @property
    def latency_s(self) -> float | None:
        """Seconds of the response, if they can be compared.

        Those of a fresh response at the first attempt, without a prompt cache.
        """
        first_attempt = not self.recorded_at and self.attempts == 1
        if self.response is None or not first_attempt or self.response.usage.cached_tokens:
            return None
        return self.response.timing.total_s

    def seconds(self, timing: str) -> float | None:
        """Seconds of one of the `TIMINGS`; None if they cannot be compared."""
        return self.timings[timing]

    @property
    def timings(self) -> dict[str, float | None]:
        """Seconds of each of the `TIMINGS`; None if they cannot be compared."""
        if self.latency_s is None or self.response is None:
            return dict.fromkeys(TIMINGS)
        measured = self.response.timing
        rate = measured.decode_tokens_per_s
        per_token = 1 / rate if rate else None
        return {"latency": measured.total_s, "first_token": measured.first_token_s, "per_token": per_token}

    @property
    def slots(self) -> int | None:
        """Number of responses that the engine generated at once; None if unknown."""
        return self.response.timing.slots if self.response else None

    @property
    def answered(self) -> bool:
        """Whether there is a response, scored by every metric that applies."""
        return self.error is None and self.response is not None

    @property
    def ok(self) -> bool:
        """Whether there is a response, scored by every metric that applies, and all assertions hold."""
        return self.answered and not self.failed_checks

    def score(self, metric: str) -> Score | None:
        """The score by `metric`; None if there is none."""
        return next((score for score in self.scores if score.metric == metric), None)

    def row(self) -> dict[str, Any]:
        """Return the sample as a table row, without the columns of its run."""
        return {
            **self.key._asdict(),
            "tags": list(self.tags),
            "cluster": self.cluster or None,
            "digest": self.digest,
            **{f"score_{score.metric}": score.value for score in self.scores},
            **(_response_row(self.response) if self.response else {}),
            "error_kind": self.error.kind if self.error else None,
            "error_message": self.error.message if self.error else None,
            "failed_checks": list(self.failed_checks),
            **{f"{timing}_s": seconds for timing, seconds in self.timings.items()},
            "recorded_at": self.recorded_at or None,
            "cost_usd": self.cost_usd,
            "attempts": self.attempts,
        }


def _response_row(response: Response) -> dict[str, Any]:
    return {
        "answer": response.text,
        "finish_reason": response.finish_reason,
        "prompt_tokens": response.usage.prompt_tokens,
        "completion_tokens": response.usage.completion_tokens,
        "cached_tokens": response.usage.cached_tokens,
        "tokens_estimated": response.usage.estimated,
    }


class Timed(Protocol):
    """What has seconds: a sample, or its numbers."""

    @property
    def latency_s(self) -> float | None:
        """Seconds of the response, if they can be compared."""

    @property
    def slots(self) -> int | None:
        """Number of responses that the engine generated at once."""


def slots_of(samples: Iterable[Timed]) -> int | None:
    """The `slots` of the samples whose seconds can be compared.

    None if unknown, or not the same for all.
    """
    found = {sample.slots for sample in samples if sample.latency_s is not None}
    return found.pop() if len(found) == 1 else None
