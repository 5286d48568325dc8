"""The capacity search, on servers whose capacity is known."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evalharness.load.capacity import find_capacity
from evalharness.load.wording import capacity_text
from evalharness.records.load import LoadStatus
from evalharness.records.load_result import Capacity, Interval, Probe

Statuses = Callable[[float], LoadStatus]


def search(status: Statuses, first: float = 1.0, last: float = 50.0, most: int = 10) -> Capacity:
    """Search among these statuses."""
    return find_capacity(
        lambda rate: Probe(rate, status(rate), Interval(0.5, 0.4, 0.6), 100, "load.jsonl"), first, last, most=most
    )


@pytest.mark.parametrize("capacity", [1.5, 7.0, 20.0, 45.0])
def test_the_capacity_is_between_the_ends(capacity: float) -> None:
    """The interval contains it, and is 10 % wide, within ten probes."""
    found = search(lambda rate: "pass" if rate <= capacity else "fail")
    assert found.low_per_s is not None
    assert found.high_per_s is not None
    assert found.low_per_s <= capacity < found.high_per_s
    assert found.high_per_s / found.low_per_s < 1.11


@pytest.mark.parametrize("capacity", [5.0, 12.0, 30.0])
def test_inconclusive_rates_stay_in_the_interval(capacity: float) -> None:
    """Within 20 % of the capacity nothing is decided: the ends are outside of that."""

    def status(rate: float) -> LoadStatus:
        return "pass" if rate < capacity / 1.2 else "fail" if rate > capacity * 1.2 else "inconclusive"

    found = search(status)
    assert found.low_per_s is not None
    assert found.high_per_s is not None
    assert found.low_per_s < capacity < found.high_per_s
    assert found.high_per_s / found.low_per_s < 1.2**2 * 1.6


def test_a_capacity_outside_of_the_search_is_said() -> None:
    """Below the first rate one probe is enough; above the last one, the last one is tried."""
    below = search(lambda _: "fail")
    assert (below.low_per_s, below.high_per_s, len(below.probes)) == (None, 1.0, 1)
    assert capacity_text(below) == "the capacity is below 1.00/s: lower --from"
    above = search(lambda _: "pass")
    assert (above.low_per_s, above.high_per_s) == (50.0, None)
    assert capacity_text(above) == "the capacity is at least 50.0/s: raise --to"


def test_nothing_decided_is_said() -> None:
    """Every probe is inconclusive."""
    found = search(lambda _: "inconclusive")
    assert (found.low_per_s, found.high_per_s) == (None, None)
    assert capacity_text(found) == "no rate was decided: lengthen --duration"


def test_the_search_is_bounded() -> None:
    """Three probes, and what they show."""
    found = search(lambda rate: "pass" if rate <= 7 else "fail", most=3)
    assert len(found.probes) == 3
    assert capacity_text(found).startswith("the capacity is between 2.66/s and 7.07/s")


def test_an_invalid_probe_ends_the_search() -> None:
    """Where this machine cannot send fast enough, a higher rate shows nothing."""
    found = search(lambda rate: "pass" if rate < 5 else "invalid")
    assert [one.status for one in found.probes] == ["pass", "invalid"]
    assert (found.low_per_s, found.high_per_s) == (1.0, None)


def test_an_interrupted_probe_ends_the_search() -> None:
    """None is no probe."""
    assert find_capacity(lambda _: None, 1.0, 50.0) == Capacity(None, None, ())
