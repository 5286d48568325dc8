"""The page on the test kit: its examples are tests, and they pass."""

from __future__ import annotations

import re

import pytest
from doc_pages import ROOT, blocks

from evalharness import testing

PAGE = ROOT / "docs/testing.md"
EXAMPLES = [block.text for block in blocks(PAGE, "python") if "def test" in block.text]


def test_examples_pass(pytester: pytest.Pytester) -> None:
    """Each example is a complete test file, and passes."""
    for number, code in enumerate(EXAMPLES):
        pytester.makepyfile(**{f"test_example_{number}": code})
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=len(EXAMPLES))


def test_a_metric_takes_five_lines() -> None:
    """The first example, imports included, has at most five lines besides the metric's own import."""
    lines = [line for line in EXAMPLES[0].splitlines() if line and "import exact" not in line]
    assert len(lines) <= 5


def test_every_name_is_on_the_page() -> None:
    """The page mentions each name that the kit exports."""
    assert [name for name in testing.__all__ if not re.search(rf"\b{name}\b", PAGE.read_text(encoding="utf-8"))] == []
