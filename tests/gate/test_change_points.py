"""Where a history changed: how often a mark is false, and how often a change is found where it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom

from evalharness.gate.change_points import ALPHA, can_tell, change_points

Draw = Callable[[np.random.Generator, int, int], np.ndarray]


def normal(rng: np.random.Generator, runs: int, cases: int) -> np.ndarray:
    """Cases of different difficulty, noise of the same size."""
    return rng.normal(size=cases) + 0.3 * rng.normal(size=(runs, cases))


def right_or_wrong(rng: np.random.Generator, runs: int, cases: int) -> np.ndarray:
    """0 or 1, some cases mostly right, others mostly wrong."""
    return (rng.random((runs, cases)) < rng.random(cases)).astype(float)


def heavy(rng: np.random.Generator, runs: int, cases: int) -> np.ndarray:
    """Seconds of a busy machine: now and then a hundred times as many."""
    return rng.pareto(1.1, (runs, cases))


@pytest.mark.parametrize("draw", [normal, right_or_wrong, heavy])
@pytest.mark.parametrize(("runs", "cases"), [(2, 20), (7, 15), (12, 1)])
def test_false_alarms(draw: Draw, runs: int, cases: int) -> None:
    """Of 300 histories without a change at most the stated share gets a mark (here 5 %, to be measurable)."""
    rng, histories, alpha = np.random.default_rng(5), 300, 0.05
    marked = sum(bool(change_points(draw(rng, runs, cases), alpha, permutations=199)) for _ in range(histories))
    assert marked <= binom.ppf(0.9999, histories, alpha)
    assert draw is not normal or marked >= binom.ppf(0.001, histories, alpha), "it uses its error rate up"


@pytest.mark.parametrize(("runs", "cases", "at"), [(2, 40, 1), (8, 20, 3), (20, 20, 15), (30, 1, 12)])
def test_a_change_is_found_where_it_is(runs: int, cases: int, at: int) -> None:
    """A new level, a whole spread of noise higher, gets a mark at its first run; for one column it is four."""
    rng, found = np.random.default_rng(8), 0
    for _ in range(40):
        values = normal(rng, runs, cases)
        values[at:] += 1.2 if cases == 1 else 0.3
        found += [change.run for change in change_points(values, permutations=199)] == [at]
    assert found >= 34


def test_several_changes() -> None:
    """Up and down again are two marks, in order, each with its p-value."""
    values = normal(np.random.default_rng(1), 24, 30)
    values[8:16] += 0.5
    changes = change_points(values)
    assert [change.run for change in changes] == [8, 16]
    assert all(0 < change.p_value <= ALPHA for change in changes)


@pytest.mark.parametrize(
    ("runs", "cases", "enough"),
    [
        *((0, 0, False), (1, 500, False), (2, 0, False)),
        *((2, 7, False), (2, 8, True), (3, 4, False), (3, 5, True)),
        *((9, 1, False), (10, 1, True)),
    ],
)
def test_too_little_to_tell(runs: int, cases: int, enough: bool) -> None:
    """Where not even the clearest step is rare enough by chance, it is known beforehand, and nothing is marked."""
    assert can_tell(runs, cases) == enough
    step = np.ones((runs, cases))
    step[: runs // 2] = 0
    assert [change.run for change in change_points(step)] == ([runs // 2] if enough else [])


@pytest.mark.parametrize("values", [np.zeros((9, 9)), np.tile(np.arange(9.0), (9, 1))])
def test_nothing_moves(values: np.ndarray) -> None:
    """A history in which no case ever changes has no mark."""
    assert change_points(values) == []


def test_the_same_again() -> None:
    """The same history gets the same marks and p-values."""
    values = normal(np.random.default_rng(3), 12, 12)
    values[6:] += 0.4
    assert change_points(values) == change_points(values.copy()) != []
