"""Where a history changed: how often a mark is false, and how often a change is found where it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom

from evalharness.gate.stats.change_points import ALPHA, Blocks, Values, can_tell, change_points, each_its_own

BaselineSample = Callable[[np.random.Generator, int, int], np.ndarray]


def normal(rng: np.random.Generator, runs: int, cases: int) -> np.ndarray:
    """Cases of different difficulty, noise of the same size."""
    return rng.normal(size=cases) + 0.3 * rng.normal(size=(runs, cases))


def right_or_wrong(rng: np.random.Generator, runs: int, cases: int) -> np.ndarray:
    """0 or 1, some cases mostly right, others mostly wrong."""
    return (rng.random((runs, cases)) < rng.random(cases)).astype(float)


def heavy(rng: np.random.Generator, runs: int, cases: int) -> np.ndarray:
    """Seconds of a busy machine: now and then a hundred times as many."""
    return rng.pareto(1.1, (runs, cases))


def found(values: Values, blocks: Blocks | None = None, alpha: float = ALPHA, permutations: int = 1999) -> list[int]:
    """The runs with a mark."""
    blocks = each_its_own(values) if blocks is None else blocks
    return [change.run for change in change_points(values, blocks, alpha, permutations)]


def blocks_of(answers: Values) -> Blocks:
    """Where an answer is not the one before it, a new block begins."""
    changes = np.diff(answers, axis=0, prepend=answers[:1]) != 0
    blocks: Blocks = changes.cumsum(axis=0)
    return blocks


@pytest.mark.parametrize("draw", [normal, right_or_wrong, heavy])
@pytest.mark.parametrize(("runs", "cases"), [(2, 20), (7, 15), (12, 1)])
def test_false_alarms(draw: BaselineSample, runs: int, cases: int) -> None:
    """Of 300 histories without a change at most the stated share gets a mark (here 5 %, to be measurable)."""
    rng, histories, alpha = np.random.default_rng(5), 300, 0.05
    marked = sum(bool(found(draw(rng, runs, cases), None, alpha, 199)) for _ in range(histories))
    assert marked <= binom.ppf(0.9999, histories, alpha)
    assert draw is not normal or marked >= binom.ppf(0.001, histories, alpha), "it uses its error rate up"


@pytest.mark.parametrize("versions", [(3, 3), (1, 5, 2)])
@pytest.mark.parametrize("edited", [1.0, 0.4])
def test_copies_are_no_new_draws(versions: tuple[int, ...], edited: float) -> None:
    """A model that says the same until its prompt is edited, for better or worse by chance, gets no more false marks;
    it would, were each copy counted as a draw.
    """
    rng, histories, alpha, marked, naive = np.random.default_rng(7), 300, 0.05, 0, 0
    for _ in range(histories):
        draws = normal(rng, len(versions), 20)
        for version in range(1, len(versions)):
            draws[version] = np.where(rng.random(20) < edited, draws[version], draws[version - 1])
        answers = np.repeat(draws, versions, axis=0)
        marked += bool(found(answers, blocks_of(answers), alpha, 199))
        naive += bool(found(answers, None, alpha, 199))
    assert marked <= binom.ppf(0.9999, histories, alpha) < naive


def test_answers_that_are_the_same_by_chance() -> None:
    """Draws of two possible answers look like copies now and then: the false marks are no more."""
    rng, histories, alpha = np.random.default_rng(9), 300, 0.05
    drawn = (right_or_wrong(rng, 8, 15) for _ in range(histories))
    assert sum(bool(found(draw, blocks_of(draw), alpha, 199)) for draw in drawn) <= binom.ppf(0.9999, histories, alpha)


@pytest.mark.parametrize("runs", [8, 15, 30])
def test_days_are_no_changes(runs: int) -> None:
    """Where whole runs go up and down by chance, as an endpoint does, few histories get a mark; a jump is still seen,
    even of the last run alone.
    """
    rng, histories, marked = np.random.default_rng(6), 100, 0
    for _ in range(histories):
        values = 0.05 * normal(rng, runs, 40) + 0.3 * rng.normal(size=(runs, 1))
        marked += bool(found(values, permutations=199))
        values[-1] += 9
        assert found(values, permutations=199)[-1:] == [runs - 1]
    assert marked <= binom.ppf(0.9999, histories, 0.02)


@pytest.mark.parametrize(("runs", "cases", "at"), [(2, 40, 1), (8, 20, 3), (20, 20, 15), (30, 1, 12)])
def test_a_change_is_found_where_it_is(runs: int, cases: int, at: int) -> None:
    """A new level, two spreads of a draw's noise higher, gets a mark at its first run; for one column it is four."""
    rng, right = np.random.default_rng(8), 0
    for _ in range(40):
        values = normal(rng, runs, cases)
        values[at:] += 1.2 if cases == 1 else 0.6
        right += found(values, permutations=199) == [at]
    assert right >= 34


def test_several_changes() -> None:
    """Up and down again are two marks, in order, each with its p-value."""
    values = normal(np.random.default_rng(1), 24, 30)
    values[8:16] += 0.5
    changes = change_points(values, each_its_own(values))
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
    step = np.ones((runs, cases))
    step[: runs // 2] = 0
    assert can_tell(each_its_own(step)) == enough
    assert found(step) == ([runs // 2] if enough else [])


@pytest.mark.parametrize("values", [np.zeros((9, 9)), np.tile(np.arange(9.0), (9, 1))])
def test_nothing_moves(values: np.ndarray) -> None:
    """A history in which no case ever changes has no mark."""
    assert found(values) == []


def test_the_same_again() -> None:
    """The same history gets the same marks and p-values."""
    values = normal(np.random.default_rng(3), 12, 12)
    values[6:] += 0.4
    once, again = (change_points(copy, each_its_own(copy)) for copy in (values, values.copy()))
    assert once == again != []
