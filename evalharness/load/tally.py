"""What is known of each request of a load, without texts: as much as the verdict needs."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from evalharness.load.dependence import Flags, Floats
from evalharness.records.load import NOT_SENT, LoadBound, LoadHeader, LoadRequest, Version, Word
from evalharness.records.load_result import PERCENTILES, LatencySummary

_NEEDS_TOKENS = ("tpot", "itl")


@dataclass(slots=True)
class Tally:
    """The requests of one version. Gaps between tokens are kept as numbers, not by request."""

    version: Version
    requests: list[LoadRequest] = field(default_factory=list)
    gaps: dict[int, array[float]] = field(default_factory=dict)
    """By index of the request."""

    def add(self, request: LoadRequest) -> None:
        """Add a request that has ended."""
        if len(request.gaps_s) > 1:
            self.gaps[request.index] = array("f", request.gaps_s)
            request = replace(request, gaps_s=(max(request.gaps_s),))
        self.requests.append(request)

    def counted(self, header: LoadHeader) -> list[LoadRequest]:
        """The requests after the warm-up of their block, in the order of their scheduled times."""
        ordered = sorted(self.requests, key=lambda one: one.scheduled_s)
        first: dict[int, float] = {}
        for one in ordered:
            first.setdefault(one.block, one.scheduled_s)
        return [one for one in ordered if one.scheduled_s >= first[one.block] + header.warmup_s - 1e-9]

    def latencies(self, counted: Iterable[LoadRequest], word: Word) -> Floats:
        """The latencies of the complete answers in seconds, sorted; every gap for `itl`."""
        answered = [one for one in counted if not one.error]
        if word == "itl":
            known = [self.gaps.get(one.index, one.gaps_s) for one in answered]
            return np.sort(np.concatenate([np.asarray(one, dtype=float) for one in known] or [np.zeros(0)]))
        values = [one.latency_s(word) for one in answered]
        return np.sort(np.array([value for value in values if value is not None], dtype=float))

    def summary(self, counted: Sequence[LoadRequest], word: Word) -> LatencySummary:
        """The percentiles of a latency, by the nearest rank."""
        values = self.latencies(counted, word)
        ranks = {number: math.ceil(number / 100 * len(values)) - 1 for number in PERCENTILES} if len(values) else {}
        return LatencySummary(word, len(values), {number: float(values[rank]) for number, rank in ranks.items()})


@dataclass(frozen=True, slots=True)
class Met:
    """Which requests met bounds, one entry each."""

    surely: Flags
    possibly: Flags
    """Also those of which nothing is known, because they never left or the load was stopped."""
    strain: Floats
    """The largest latency in multiples of its bound; infinite for an error. Seconds without a bound."""
    unmeasured: int
    """Answers without the time that a bound needs."""


def meets(request: LoadRequest, bounds: Sequence[LoadBound]) -> bool:
    """Whether a request has no error and meets all bounds."""
    strain = _strain(request, bounds)
    return strain is not None and (strain < 1 if bounds else math.isfinite(strain))


def met_of(requests: Sequence[LoadRequest], bounds: Sequence[LoadBound]) -> Met:
    """Compare each request with the bounds. An error, a cut stream or a timeout is a miss."""
    strains = [_strain(one, bounds) for one in requests]
    unknown = np.array([strain is None or one.error in NOT_SENT for one, strain in zip(requests, strains, strict=True)])
    unmeasured = sum(strain is None for strain in strains)
    values = np.array([math.inf if strain is None else strain for strain in strains], dtype=float)
    met = (values < 1) if bounds else np.isfinite(values)
    return Met(met, met | unknown.astype(bool), values, unmeasured)


def _strain(request: LoadRequest, bounds: Sequence[LoadBound]) -> float | None:
    """The largest multiple of a bound; None if one was not measured."""
    if request.error:
        return math.inf
    if not bounds:
        return request.latency_s("e2el")
    multiples = [_multiple(request, bound) for bound in bounds]
    known = [one for one in multiples if one is not None]
    return max(known) if len(known) == len(multiples) else None


def _multiple(request: LoadRequest, bound: LoadBound) -> float | None:
    """An answer of one token has no time for further tokens, and meets a bound on it, as in `vllm bench serve`."""
    value = request.latency_s(bound.word)
    if value is None and bound.word in _NEEDS_TOKENS and request.first_token_s is not None:
        return 0.0
    return None if value is None else value / bound.limit_s


def errors_of(requests: Iterable[LoadRequest]) -> tuple[dict[str, int], dict[str, str]]:
    """The number of errors by kind, the most frequent first, and a text for each."""
    failed = [one for one in requests if one.error]
    messages: dict[str, str] = {}
    for one in failed:
        messages.setdefault(one.error, one.message)
    return dict(Counter(one.error for one in failed).most_common()), messages


def window_s(counted: Sequence[LoadRequest], rate_per_s: float) -> float:
    """Seconds of arrivals that the counted requests stand for: of each block from its first to one distance after its
    last one.
    """
    return sum(last - first + 1 / rate_per_s for first, last in _spans(counted))


def _spans(counted: Sequence[LoadRequest]) -> Iterator[tuple[float, float]]:
    blocks: dict[int, tuple[float, float]] = {}
    for one in counted:
        first, _ = blocks.get(one.block, (one.scheduled_s, one.scheduled_s))
        blocks[one.block] = first, one.scheduled_s
    yield from blocks.values()
