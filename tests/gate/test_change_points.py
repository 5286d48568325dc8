"""Change points of a series: the rate of false ones, and the rate of detected ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom

from evalharness.gate.stats.change_points import ALPHA, Blocks, Values, can_tell, change_points, each_its_own

Generate = Callable[[np.random.Generator, int, int], np.ndarray]


def normal(rng: np.random.Generator, runs: int, cases: int) -> np.ndarray:
    """Cases of different difficulty with equal noise."""
    return rng.normal(size=cases) + 0.3 * rng.normal(size=(runs, cases))


def right_or_wrong(rng: np.random.Generator, runs: int, cases: int) -> np.ndarray:
    """0 or 1, some cases mostly right, others mostly wrong."""
    return (rng.random((runs, cases)) < rng.random(cases)).astype(float)


def heavy(rng: np.random.Generator, runs: int, cases: int) -> np.ndarray:
    """Seconds of a busy machine: a few are a hundred times as long."""
    return rng.pareto(1.1, (runs, cases))


def found(values: Values, blocks: Blocks | None = None, alpha: float = ALPHA, permutations: int = 1999) -> list[int]:
    """The first runs of new levels."""
    blocks = each_its_own(values) if blocks is None else blocks
    return [change.run for change in change_points(values, blocks, alpha, permutations)]


def blocks_of(answers: Values) -> Blocks:
    """Blocks of equal consecutive answers."""
    changes = np.diff(answers, axis=0, prepend=answers[:1]) != 0
    blocks: Blocks = changes.cumsum(axis=0)
    return blocks


@pytest.mark.parametrize("generate", [normal, right_or_wrong, heavy])
@pytest.mark.parametrize(("runs", "cases"), [(2, 20), (7, 15), (12, 1)])
def test_false_alarms(generate: Generate, runs: int, cases: int) -> None:
    """Of 300 series without a change, at most the stated share gets a change point (5 %, to be measurable)."""
    rng, count, alpha = np.random.default_rng(5), 300, 0.05
    marked = sum(bool(found(generate(rng, runs, cases), None, alpha, 199)) for _ in range(count))
    assert marked <= binom.ppf(0.9999, count, alpha)
    assert generate is not normal or marked >= binom.ppf(0.001, count, alpha), "the test is not too strict"


@pytest.mark.parametrize("versions", [(3, 3), (1, 5, 2)])
@pytest.mark.parametrize("edited", [1.0, 0.4])
def test_copies_are_not_new_samples(versions: tuple[int, ...], edited: float) -> None:
    """A deterministic model whose prompt is edited has no more false alarms, but would if copies counted as samples."""
    rng, count, alpha, marked, naive = np.random.default_rng(7), 150, 0.05, 0, 0
    for _ in range(count):
        samples = normal(rng, len(versions), 20)
        for version in range(1, len(versions)):
            samples[version] = np.where(rng.random(20) < edited, samples[version], samples[version - 1])
        answers = np.repeat(samples, versions, axis=0)
        marked += bool(found(answers, blocks_of(answers), alpha, 199))
        naive += bool(found(answers, None, alpha, 199))
    assert marked <= binom.ppf(0.9999, count, alpha) < naive


def test_answers_that_are_equal_by_chance() -> None:
    """Samples with two possible values can be equal by chance, without more false alarms."""
    rng, count, alpha = np.random.default_rng(9), 300, 0.05
    series = (right_or_wrong(rng, 8, 15) for _ in range(count))
    marked = sum(bool(found(values, blocks_of(values), alpha, 199)) for values in series)
    assert marked <= binom.ppf(0.9999, count, alpha)


@pytest.mark.parametrize("runs", [8, 15, 30])
def test_days_are_no_changes(runs: int) -> None:
    """Noise of whole runs, as an endpoint has it, gives few change points; a jump of the last run is still detected."""
    rng, count, marked = np.random.default_rng(6), 100, 0
    for _ in range(count):
        values = 0.05 * normal(rng, runs, 40) + 0.3 * rng.normal(size=(runs, 1))
        marked += bool(found(values, permutations=199))
        values[-1] += 9
        assert found(values, permutations=199)[-1:] == [runs - 1]
    assert marked <= binom.ppf(0.9999, count, 0.02)


@pytest.mark.parametrize(("runs", "cases", "at"), [(2, 40, 1), (8, 20, 3), (20, 20, 15), (30, 1, 12)])
def test_a_change_is_found_where_it_is(runs: int, cases: int, at: int) -> None:
    """A new level, two standard deviations higher (four with one case), has a change point at its first run."""
    rng, right = np.random.default_rng(8), 0
    for _ in range(40):
        values = normal(rng, runs, cases)
        values[at:] += 1.2 if cases == 1 else 0.6
        right += found(values, permutations=199) == [at]
    assert right >= 34


def test_several_changes() -> None:
    """A level that rises and falls has two change points, in order, each with its p-value."""
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
    """With too few runs or cases for a small p-value, `can_tell` is false and nothing is found."""
    step = np.ones((runs, cases))
    step[: runs // 2] = 0
    assert can_tell(each_its_own(step)) == enough
    assert found(step) == ([runs // 2] if enough else [])


@pytest.mark.parametrize("values", [np.zeros((9, 9)), np.tile(np.arange(9.0), (9, 1))])
def test_nothing_moves(values: np.ndarray) -> None:
    """A series in which no case changes has no change point."""
    assert found(values) == []


def test_the_same_again() -> None:
    """Equal series have equal change points and p-values."""
    values = normal(np.random.default_rng(3), 12, 12)
    values[6:] += 0.4
    once, again = (change_points(copy, each_its_own(copy)) for copy in (values, values.copy()))
    assert once == again != []
