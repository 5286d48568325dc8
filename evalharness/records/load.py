"""Load tests: what was asked of the server, when, and what came back.

A record has a header, a line for each request in the order of their ends, and an end. Seconds count from the start of
the load on one steady clock. Latencies count from the scheduled start of a request, never from its send: a client that
sends late must not make a slow server look fast ("coordinated omission").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Word = Literal["ttft", "tpot", "itl", "e2el"]
"""Latencies by the words of `vllm bench serve`, in seconds. `ttft`: until the first token; `tpot`: for each token after
the first, (e2el - ttft) / (output tokens - 1); `itl`: between two pieces of the stream; `e2el`: until the end."""
WORDS: tuple[Word, ...] = get_args(Word)
Arrivals = Literal["constant", "poisson", "trace"]
"""Equal distances, independent exponential distances, or the times of a file."""
Version = Literal["candidate", "baseline"]
"""Which version a request went to: the tested one, or the one of `--against`."""
LoadStatus = Literal["pass", "fail", "inconclusive", "invalid"]
"""`invalid`: this machine could not apply the load, or a time that a bound needs was not measured."""
Stopped = Literal["", "interrupt", "budget", "deadline", "unavailable", "killed"]
"""Why a load ended early; empty if it did not."""

NOT_SENT = ("in-flight", "budget", "stopped")
"""Error kinds of requests that were due and never left: too many were in flight, the budget was used up, or the load
was stopped."""


@dataclass(frozen=True, slots=True)
class LoadBound:
    """An upper bound on a latency of one request."""

    word: Word
    limit_s: float
    """A request meets the bound if its latency is smaller than this."""


@dataclass(frozen=True, slots=True)
class LoadObjective:
    """A share of requests that must meet bounds: one term of a service level, with its own verdict."""

    text: str
    """As written, such as `attainment>=95%`, `p95(ttft)<300ms` or `goodput>=4/s`."""
    bounds: tuple[LoadBound, ...]
    """A request counts if it has no error and meets all of these."""
    target: float
    """Share of the requests, from 0 to 1. For goodput: the goodput divided by the rate."""


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """A service level objective (SLO)."""

    text: str
    bounds: tuple[LoadBound, ...]
    """What a good request meets: the bounds of attainment and goodput."""
    objectives: tuple[LoadObjective, ...]


@dataclass(frozen=True, slots=True)
class LoadHeader:
    """The first line of a record: everything that was decided before the first request."""

    id: str
    suite: str
    file: str
    started_at: str
    """UTC, ISO 8601."""
    seed: int
    arrivals: Arrivals
    rate_per_s: float
    """Scheduled requests a second while a version is under load; the mean rate of a trace."""
    duration_s: float
    """Seconds of scheduled arrivals for each version."""
    scheduled: int
    """Number of requests for each version."""
    warmup_s: float
    """Requests scheduled earlier, in each block, are sent and recorded, and count for nothing."""
    most_in_flight: int
    timeout_s: float
    """Seconds from the send of a request until it counts as failed."""
    service_level: ServiceLevel
    model: str
    models: Mapping[Version, Mapping[str, Any]]
    """Identity of the model for each version."""
    prompts: tuple[str, ...]
    blocks: int = 1
    """Number of blocks for each version: with `--against`, the versions take turns."""
    against: str = ""
    """The commit or the address of the baseline; empty for none."""
    late_s: float = 0.0
    """A send later than this after its scheduled time counts as late."""
    cases: int = 0
    machine_class: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    price: str = ""
    """Source of the price; empty without one."""


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """One scheduled request and what became of it."""

    index: int
    """From 0, in the order of the scheduled times."""
    version: Version
    block: int
    """From 0; both versions of a pair of blocks have the same number."""
    case: str
    prompt: str
    scheduled_s: float
    sent_s: float | None = None
    """None if it never left, see `NOT_SENT`."""
    first_token_s: float | None = None
    """None without a token, or if the model does not stream."""
    ended_s: float | None = None
    """When the answer was complete or the error came; None for a request that never left."""
    output_tokens: int | None = None
    error: str = ""
    """Kind of the error; empty for a complete answer."""
    message: str = ""
    """Text of the error, shortened."""
    gaps_s: tuple[float, ...] = ()
    """Seconds between two pieces of the stream (`itl`)."""
    cost_usd: float | None = None

    @property
    def late_s(self) -> float:
        """Seconds between the scheduled time and the send; 0 for a request that never left."""
        return 0.0 if self.sent_s is None else self.sent_s - self.scheduled_s

    def latency_s(self, word: Word) -> float | None:
        """Seconds of one of the `WORDS`, from the scheduled time on; None if it is unknown or there is none.

        `itl` is the longest gap of the request.
        """
        if self.ended_s is None:
            return None
        if word == "e2el":
            return self.ended_s - self.scheduled_s
        if word == "itl":
            return max(self.gaps_s, default=None)
        if self.first_token_s is None:
            return None
        if word == "ttft":
            return self.first_token_s - self.scheduled_s
        further = (self.output_tokens or 0) - 1
        return (self.ended_s - self.first_token_s) / further if further > 0 else None


@dataclass(frozen=True, slots=True)
class LoadEnd:
    """The last line of a record."""

    seconds: float
    """Until the last answer."""
    stopped: Stopped = ""


@dataclass(frozen=True, slots=True)
class LoadRun:
    """A record as a whole."""

    header: LoadHeader
    requests: tuple[LoadRequest, ...]
    """In the order of their ends."""
    end: LoadEnd | None = None
    """None for the record of a load that was killed."""
