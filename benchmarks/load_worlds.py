"""Queues whose latencies have an exact distribution, and their simulation.

A request arrives (Poisson), waits for one of c servers in the order of arrival, and is served; mean service time 1. The
exact shares of requests with a sojourn time below t are those of the steady state:

    M/M/1, M/M/c   Erlang's C formula; the wait of those who wait is exponential
    M/D/1          Erlang's series (Crommelin, Post Office Electrical Engineers' Journal 25, 1932), in 120 digits
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class World:
    """A queue at a load."""

    name: str
    servers: int
    load: float
    """Arrivals a second for each server."""
    constant: bool = False
    """Whether the service times are constant."""

    @property
    def rate(self) -> float:
        """Arrivals a second."""
        return self.load * self.servers

    def share_below(self, limit: float) -> float:
        """The exact share of requests with a sojourn time below the limit."""
        return _md1(limit, self.load) if self.constant else _mmc(limit, self.rate, self.servers)

    def limit(self, share: float) -> float:
        """The limit that this share of the requests meets."""
        return _limit(self, share)

    def latencies(self, rng: Rng, runs: int, requests: int) -> Floats:
        """Sojourn times, a row a run. Each run begins with an idle system, and its first tenth is cut off."""
        arrivals = np.cumsum(rng.exponential(1 / self.rate, (requests, runs)), axis=0)
        services = np.ones((requests, runs)) if self.constant else rng.exponential(1.0, (requests, runs))
        return sojourns(arrivals, services, self.servers)[:, requests // 10 :]


WORLDS = tuple(
    World(f"{name}, load {load}", servers, load, constant)
    for load in (0.5, 0.8)
    for name, servers, constant in (
        ("M/M/1", 1, False),
        ("M/D/1", 1, True),
        ("M/M/4", 4, False),
        ("M/M/16", 16, False),
    )
)


def sojourns(arrivals: Floats, services: Floats, servers: int) -> Floats:
    """Sojourn times of a queue in the order of arrival: requests x runs to runs x requests."""
    requests, runs = arrivals.shape
    free, found, columns = np.zeros((servers, runs)), np.empty((requests, runs)), np.arange(runs)
    for index in range(requests):
        place = free.argmin(axis=0)
        end = np.maximum(arrivals[index], free[place, columns]) + services[index]
        free[place, columns] = end
        found[index] = end - arrivals[index]
    return found.T


@lru_cache
def _limit(world: World, share: float) -> float:
    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if world.share_below(middle) < share else (low, middle)
    return high


def _mmc(limit: float, rate: float, servers: int) -> float:
    """Wait (Erlang's C, then exponential) plus an exponential service."""
    top = rate**servers / math.factorial(servers) * servers / (servers - rate)
    waits = top / (sum(rate**k / math.factorial(k) for k in range(servers)) + top)
    spare = servers - rate
    if abs(spare - 1) < 1e-9:
        both = (1 + limit) * math.exp(-limit)
    else:
        both = (spare * math.exp(-limit) - math.exp(-spare * limit)) / (spare - 1)
    return 1 - (1 - waits) * math.exp(-limit) - waits * both


def _md1(limit: float, load: float) -> float:
    if limit < 1:
        return 0.0
    with localcontext() as context:
        context.prec = 120
        wait, rate, total = Decimal(limit - 1), Decimal(repr(load)), Decimal(0)
        for k in range(math.floor(limit - 1) + 1):
            power = rate * (k - wait)
            total += power**k / math.factorial(k) * (-power).exp() if k or power else Decimal(1)
        return float((1 - rate) * total)


@dataclass(frozen=True, slots=True)
class Blocks:
    """Pairs of blocks of a comparison: both versions from an idle system, with the same arrivals."""

    servers: int
    limit: float
    services: Callable[[Rng, int], Floats]

    def met(self, arrivals: Floats, rng: Rng) -> npt.NDArray[np.bool_]:
        """Which requests of a block meet the limit."""
        services = self.services(rng, len(arrivals))
        return sojourns(arrivals[:, None], services[:, None], self.servers)[0] < self.limit
