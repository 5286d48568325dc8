"""An edit of a conversation or of scripted tools in a pull request is listed, and is not green."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from talk import CASE, case, talk
from test_world import TOOLS, WORLD

from evalharness.criteria.changes import changes
from evalharness.criteria.criteria import Criteria, criteria_of
from evalharness.suites import load_suite

TURNS = CASE["turns"]
START: dict[str, Any] = {"tools": TOOLS, "world": WORLD | {"faults": {"rate": "10%"}}, "gates": []}
EDITS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a turn is removed": ({"cases": case(turns=TURNS[:2])}, ["case memory#3: deleted"]),
    "a turn is reworded": (
        {"cases": case(turns=[TURNS[0], {"user": "Order 1."}, TURNS[2]])},
        ["2 cases (memory#2, memory#3): conversation changed", "case memory#2: tag order removed"],
    ),
    "an assertion of a turn is removed": (
        {"cases": case(turns=[*TURNS[:2], {"user": TURNS[2]["user"]}])},
        ['assertion contains "Ada": removed from case memory#3'],
    ),
    "messages are added": (
        {"cases": case(messages=[{"assistant": "Your name is Ada."}])},
        ["3 cases (memory#1, memory#2, memory#3): conversation changed"],
    ),
    "a result is edited": (
        {"world": START["world"] | {"results": [WORLD["results"][0], *WORLD["results"][2:]]}},
        ["world result of find_order: "],
    ),
    "faults are removed": ({"world": WORLD}, ["world faults: "]),
    "more steps": ({"world": START["world"] | {"max_steps": 20}}, ["world max_steps: 10 -> 20"]),
    "the world is removed": ({"world": None}, ["world state: "]),
}


def criteria(root: Path, **keys: Any) -> Criteria:
    """The criteria of the suite."""
    project = talk(root, **START | keys)
    project.write("golden/demo.yaml", "memory#1: Hello Ada.\n")
    return criteria_of(load_suite("demo", project.config), config={}, baselines={})


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_listed(tmp_path: Path, name: str) -> None:
    """The line names the turn or the part of the world, and the edit relaxes."""
    keys, expected = EDITS[name]
    found = {str(one): one.relaxes for one in changes(criteria(tmp_path / "old"), criteria(tmp_path / "new", **keys))}
    for text in expected:
        lines = [line for line in found if text in line]
        assert lines, list(found)
        assert all(found[line] for line in lines)


def test_an_added_turn_is_no_relaxation(tmp_path: Path) -> None:
    """More turns at the end leave the others as they are."""
    new = criteria(tmp_path / "new", cases=case(turns=[*TURNS, {"user": "Bye."}]))
    assert [(str(one), one.relaxes) for one in changes(criteria(tmp_path / "old"), new)] == [
        ("case memory#4: added", False)
    ]
