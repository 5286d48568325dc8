"""Which request starts when: blocks of arrivals, filled with the requests of a suite."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalharness.load.arrivals import Arrival
from evalharness.records import Request
from evalharness.records.load import Version


@dataclass(frozen=True, slots=True)
class Due:
    """A request and its scheduled start."""

    index: int
    at_s: float
    """Seconds from the start of its block."""
    version: Version
    block: int
    request: Request


@dataclass(frozen=True, slots=True)
class Block:
    """Requests to one version, without a pause between them."""

    number: int
    version: Version
    dues: tuple[Due, ...]


Requests = Mapping[Version, Sequence[Request]]


def schedule(requests: Requests, arrivals: Sequence[Sequence[Arrival]], *, seed: int) -> Iterator[Block]:
    """The blocks in the order of sending.

    `requests` holds those of each version; `arrivals` those of each block. Both versions of a pair of blocks have the
    same arrivals and the same cases; a coin decides which comes first.
    """
    orders = {version: _Order(given, seed) for version, given in requests.items()}
    index, coin = 0, random.Random(f"{seed}:coin")  # noqa: S311 - no secret
    for number, times in enumerate(arrivals):
        versions = list(requests)
        if coin.random() < 0.5:
            versions.reverse()
        for version in versions:
            dues = []
            for one in times:
                dues.append(Due(index, one.at_s, version, number, orders[version].next(one.case)))
                index += 1
            yield Block(number, version, tuple(dues))


class _Order:
    """The requests of a version in turn: every case once, in a shuffled order, before any comes again."""

    def __init__(self, requests: Sequence[Request], seed: int) -> None:
        names = sorted({(one.key.case, one.key.prompt) for one in requests})
        random.Random(f"{seed}:order").shuffle(names)  # noqa: S311 - no secret
        by_name = {(one.key.case, one.key.prompt): one for one in requests}
        self._all = [by_name[name] for name in names]
        self._next = 0

    def next(self, case: str) -> Request:
        """The next request; the next one of this case if it is not empty."""
        for _ in range(len(self._all)):
            found = self._all[self._next % len(self._all)]
            self._next += 1
            if case in ("", found.key.case):
                return found
        raise AssertionError("a trace names cases of the suite only")
