"""The keys of planned samples: a grid behaves like the list of its keys."""

from __future__ import annotations

import random
from itertools import product

import pytest

from evalharness.records import KeyGrid, KeyList, PlannedKeys, SampleKey

GRIDS = {
    "one": KeyGrid(["a"], ["p"], {"m": 1}),
    "repeats": KeyGrid(["a", "b", "c"], ["q", "p"], {"n": 3, "m": 1}),
    "a model without samples": KeyGrid(["a", "b"], ["p", "q"], {"m": 1, "n": 0, "o": 2}),
    "no cases": KeyGrid([], ["p"], {"m": 1}),
}
SOME = [SampleKey(case, prompt, model, repeat) for case, prompt, model, repeat in product("abz", "pqz", "mnoz", (0, 2))]


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_a_grid_is_the_list_of_its_keys(grid: KeyGrid) -> None:
    """Length, order, places, pairs, cases and numbers are those of the keys one by one."""
    keys = KeyList(grid)
    assert (len(grid), list(grid), [grid[i] for i in range(len(grid))]) == (len(keys), list(keys), list(keys))
    assert grid == keys == tuple(keys)
    assert grid.pairs == keys.pairs
    assert [key in grid for key in SOME] == [key in keys for key in SOME]
    for model, prompt in product("mnoz", "pqz"):
        assert list(grid.cases(model, prompt)) == list(keys.cases(model, prompt))
        assert (grid.number(model, prompt), grid.repeats(model)) == (keys.number(model, prompt), keys.repeats(model))
    assert grid[1:3] == keys[1:3] == tuple(keys)[1:3]


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_the_lacking_keys_of_a_grid(grid: KeyGrid) -> None:
    """What is lacking is in the order of the plan, whatever was found besides and in any order."""
    dice, keys = random.Random(1), list(grid)
    for _ in range(20):
        found = dice.sample([*keys, *SOME], k=dice.randint(0, len(keys)))
        assert (
            list(grid.lacking(found)) == [key for key in keys if key not in found] == list(KeyList(keys).lacking(found))
        )
    assert grid.are_in(grid)
    assert grid.are_in(reversed(keys))
    assert not keys or not grid.are_in(keys[1:])


@pytest.mark.parametrize("planned", [GRIDS["repeats"], KeyList(GRIDS["repeats"])], ids=["grid", "list"])
def test_only_planned_keys_are_in_a_plan(planned: PlannedKeys) -> None:
    """A sample of another purpose, and what is no key, are not planned."""
    key = SampleKey("a", "p", "n", 2)
    assert key in planned
    for other in (key._replace(purpose="rerun"), key._replace(repeat=3), key._replace(repeat=-1), key[:4], "a", None):
        assert other not in planned


def test_a_plan_differs_from_another() -> None:
    """Order counts, as in a tuple; a plan is not equal to what is no sequence."""
    grid = GRIDS["repeats"]
    assert grid != tuple(reversed(grid))
    assert grid != grid[:-1]
    assert grid != 3


def test_a_plan_of_millions_holds_its_cases_once() -> None:
    """A million keys for each of ten models take no more than their cases."""
    grid = KeyGrid((f"c{number}" for number in range(1_000)), [f"p{number}" for number in range(1_000)], {"m": 10})
    assert (len(grid), grid[-1], grid[0]) == (
        10_000_000,
        ("c999", "p999", "m", 9, "planned"),
        ("c0", "p0", "m", 0, "planned"),
    )
    assert grid.number("m", "p5") == 10_000
