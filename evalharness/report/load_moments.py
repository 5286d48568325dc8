"""A load test over time: requests by the moment at which they were scheduled.

A moment is a part of a block, so that a moment has requests of one version. What a server did shows at the time of the
request, not of the answer: an answer that took ten seconds belongs to the moment that caused it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalharness.records.load import LoadBound, LoadHeader, LoadRequest, LoadRun, Version, Word
from evalharness.records.load_result import PERCENTILES

MOST_MOMENTS = 60
"""Of a version; more would be narrower than a finger."""
_FEWEST_REQUESTS = 20
"""Of a moment, so that a percentile is not a single request."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The requests of one version that were scheduled within a part of a block."""

    version: Version
    start_s: float
    end_s: float
    scheduled: int
    ended: int
    """Requests of the block that were answered within it. What ends after the block is in no moment."""
    met: int
    """Requests without an error that meet all bounds."""
    errors: int
    percentiles: Mapping[Word, Mapping[int, float]]
    """Of the complete answers, by the numbers of `PERCENTILES`; without a word that no answer has."""

    @property
    def middle_s(self) -> float:
        """The middle of the moment."""
        return (self.start_s + self.end_s) / 2

    @property
    def seconds(self) -> float:
        """The length of the moment."""
        return self.end_s - self.start_s


def moments_of(run: LoadRun, words: Sequence[Word]) -> list[Moment]:
    """The moments of all versions in the order of time."""
    blocks: dict[tuple[Version, int], list[LoadRequest]] = {}
    for request in run.requests:
        blocks.setdefault((request.version, request.block), []).append(request)
    parts = _parts(run.header, max(map(len, blocks.values()), default=0))
    found: list[Moment] = []
    for (version, _), requests in blocks.items():
        found += _of_block(run.header, version, requests, parts, words)
    return sorted(found, key=lambda one: (one.start_s, one.version))


def _parts(header: LoadHeader, most: int) -> int:
    """The number of parts of a block."""
    return max(1, min(MOST_MOMENTS // max(1, header.blocks), most // _FEWEST_REQUESTS))


def _of_block(
    header: LoadHeader, version: Version, requests: Sequence[LoadRequest], parts: int, words: Sequence[Word]
) -> Iterator[Moment]:
    first = min(one.scheduled_s for one in requests)
    length = header.duration_s / max(1, header.blocks) / parts
    length = length if length > 0 else 1.0
    by_start: list[list[LoadRequest]] = [[] for _ in range(parts)]
    ended = [0] * parts
    for one in requests:
        by_start[min(parts - 1, math.floor((one.scheduled_s - first) / length))].append(one)
        if one.ended_s is not None and not one.error and (place := math.floor((one.ended_s - first) / length)) < parts:
            ended[place] += 1
    for number, found in enumerate(by_start):
        start = first + number * length
        yield _moment(header, version, (start, start + length), found, ended[number], words)


def _moment(
    header: LoadHeader,
    version: Version,
    span: tuple[float, float],
    requests: Sequence[LoadRequest],
    ended: int,
    words: Sequence[Word],
) -> Moment:
    complete = [one for one in requests if not one.error]
    values = {word: sorted(s for one in complete if (s := one.latency_s(word)) is not None) for word in words}
    bounds = header.service_level.bounds
    return Moment(
        version,
        *span,
        scheduled=len(requests),
        ended=ended,
        met=sum(meets(one, bounds) for one in complete),
        errors=len(requests) - len(complete),
        percentiles={word: {p: _rank(found, p) for p in PERCENTILES} for word, found in values.items() if found},
    )


def meets(request: LoadRequest, bounds: Sequence[LoadBound]) -> bool:
    """Whether a complete answer meets all bounds. One token has no time for further ones, and meets a bound on it."""
    return not request.error and all(_is_met(request, bound) for bound in bounds)


def _is_met(request: LoadRequest, bound: LoadBound) -> bool:
    seconds = request.latency_s(bound.word)
    if seconds is None:
        return bound.word in ("tpot", "itl") and request.first_token_s is not None
    return seconds < bound.limit_s


def _rank(ordered: Sequence[float], percentile: int) -> float:
    """The percentile by the nearest rank: a measured value."""
    return ordered[max(0, math.ceil(percentile * len(ordered) / 100) - 1)]
