"""How changes, means and bounds are written in Python; tests/browser/test_amounts_page.py reads the same examples."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from evalharness import amounts

EXAMPLES: dict[str, list[tuple[list[Any], str]]] = json.loads(
    Path(__file__).with_name("amounts.json").read_text("utf-8")
)


@pytest.mark.parametrize("name", EXAMPLES)
def test_written(name: str) -> None:
    """Each function writes the examples that its counterpart on the page writes."""
    rule = getattr(amounts, name)
    assert [rule(*values) for values, _ in EXAMPLES[name]] == [text for _, text in EXAMPLES[name]]


@pytest.mark.parametrize(
    ("number", "expected"), [(-1.25, -1.3), (1.25, 1.3), (-0.04, 0.0), (66.65, 66.7), (-math.inf, -math.inf)]
)
def test_rounded(number: float, expected: float) -> None:
    """The number in a file is the one that is shown; zero has no sign."""
    assert amounts.rounded(number) == expected
    assert math.copysign(1, amounts.rounded(-0.04)) == 1


def test_amount() -> None:
    """The size of a change has no sign."""
    assert amounts.amount(-13.25, "points") == "13.3 pts"


@pytest.mark.parametrize(
    ("value", "unit", "expected"), [(64.866, "points", 64.9), (412.5, "tokens", 413), (0.8315, "seconds", 0.832)]
)
def test_rounded_level(value: float, unit: str, expected: float) -> None:
    """A mean in a file has the digits that are shown."""
    assert amounts.rounded_level(value, unit) == expected
