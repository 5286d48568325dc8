"""When requests start: an open loop, which no answer delays.

A closed loop sends the next request when an answer is there, so a slow server gets fewer requests and looks better than
it is. Here every start is scheduled before the first one.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.errors import ConfigError, StoreError
from evalharness.load.quantities import MOST_S
from evalharness.records.load import Arrivals
from evalharness.store.files import read_regular

MOST_REQUESTS = 1_000_000
_MOST_TRACE_BYTES = 200 * 2**20


@dataclass(frozen=True, slots=True)
class Arrival:
    """One scheduled start."""

    at_s: float
    """Seconds from the start of its block."""
    case: str = ""
    """The case that a trace names; empty: the next one."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """How arrivals are made."""

    kind: Arrivals
    rate_per_s: float
    duration_s: float
    most: int | None = None
    """Most requests of each version."""
    seed: int = 0

    def block(self, number: int, blocks: int) -> list[Arrival]:
        """The arrivals of one of equally long blocks. The same number always gives the same ones."""
        length_s = self.duration_s / blocks
        most = None if self.most is None else self.most // blocks + (number < self.most % blocks)
        found = self._constant(length_s) if self.kind == "constant" else self._poisson(length_s, number)
        arrivals: list[Arrival] = []
        for at_s in found:
            if most is not None and len(arrivals) >= most:
                break
            arrivals.append(Arrival(at_s))
        return arrivals

    def _constant(self, length_s: float) -> Iterator[float]:
        count = math.floor(length_s * self.rate_per_s + 1e-9)
        yield from (index / self.rate_per_s for index in range(max(1, count)))

    def _poisson(self, length_s: float, number: int) -> Iterator[float]:
        rng = random.Random(f"{self.seed}:arrivals:{number}")  # noqa: S311 - no secret
        at_s = rng.expovariate(self.rate_per_s)
        while at_s < length_s:
            yield at_s
            at_s += rng.expovariate(self.rate_per_s)


def check_size(pattern: Pattern) -> None:
    """Raise ConfigError for more requests than a record should hold."""
    expected = pattern.rate_per_s * pattern.duration_s
    if min(expected, pattern.most or math.inf) > MOST_REQUESTS:
        raise ConfigError(
            f"{expected:,.0f} requests in {pattern.duration_s:g} s at {pattern.rate_per_s:g}/s: expected at most "
            f"{MOST_REQUESTS:,}: shorten --duration, or set --max-requests"
        )


def read_trace(path: Path, known: Sequence[str]) -> list[Arrival]:
    """The arrivals of a file: a line for each, with the seconds, or `{"at_s": 1.5, "case": "refund"}`.

    The first arrival is the start. Raises StoreError with file and line: no number, a time that goes back, an unknown
    case, an empty file.
    """
    try:
        if path.is_file() and path.stat().st_size > _MOST_TRACE_BYTES:
            raise StoreError(f"{path}: expected a trace of at most {_MOST_TRACE_BYTES >> 20} MiB")
        lines = read_regular(path).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(f"{path}: cannot be read: {reason}") from None
    arrivals: list[Arrival] = []
    cases = frozenset(known)
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            arrivals.append(_arrival(f"{path}:{number}", line.strip(), cases, arrivals[-1] if arrivals else None))
    if not arrivals or len(arrivals) > MOST_REQUESTS:
        raise StoreError(f"{path}: expected 1 to {MOST_REQUESTS:,} arrivals, got {len(arrivals):,}")
    first = arrivals[0].at_s
    return [Arrival(one.at_s - first, one.case) for one in arrivals]


def _arrival(place: str, line: str, cases: frozenset[str], before: Arrival | None) -> Arrival:
    value, case = _parsed(place, line)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_S:
        raise StoreError(f"{place}: expected seconds from 0 to {MOST_S:g}, got {str(value)[:40]!r}")
    if before is not None and value < before.at_s:
        raise StoreError(f"{place}: expected {before.at_s:g} s or later, as on the line before, got {value:g} s")
    if case and case not in cases:
        raise StoreError(f"{place}: the suite has no case {case[:60]!r}")
    return Arrival(float(value), case)


def _parsed(place: str, line: str) -> tuple[Any, str]:
    """The time and the case of a line."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise StoreError(f"{place}: expected seconds, or a JSON object with at_s, got {line[:40]!r}") from None
    if not isinstance(value, dict):
        return value, ""
    if unknown := value.keys() - {"at_s", "case"}:
        raise StoreError(f"{place}: unknown key {sorted(unknown)[0][:40]!r}: expected at_s, and optionally case")
    case = value.get("case", "")
    if not isinstance(case, str):
        raise StoreError(f"{place}: case: expected the id of a case")
    return value.get("at_s"), case


def mean_rate(arrivals: Sequence[Arrival]) -> float:
    """Requests a second of a trace, over the time from its first to one mean distance after its last arrival."""
    span_s = arrivals[-1].at_s - arrivals[0].at_s
    return (len(arrivals) - 1) / span_s if span_s > 0 else float(len(arrivals))
