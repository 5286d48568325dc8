"""Hard assertions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness import registry
from evalharness.scoring.checks import open_check
from evalharness.scoring.metrics import SampleView


@pytest.mark.parametrize(
    ("name", "value", "good", "bad", "requirement"),
    [
        ("contains", "30 days", "in 30 days", "soon", "must contain '30 days'"),
        ("not_contains", "As an AI", "Hello", "As an AI, I", "must not contain 'As an AI'"),
        ("regex", r"\d+", "30", "x", r"must match the pattern '\\d+'"),
        ("not_regex", r"\d+", "x", "30", r"must not match the pattern '\\d+'"),
        ("equals", "yes", " yes\n", "yes!", "must be 'yes'"),
        ("not_equals", "yes", "no", "yes", "must not be 'yes'"),
        ("json_valid", True, "{}", "{", "must be valid JSON: Expecting property name"),
        ("json_schema", {"type": "array"}, "[]", "1", "must be JSON that fits the schema: at $: 1 is not of type"),
        ("min_words", 2, "a b", "a", "must have at least 2 words, has 1"),
        ("max_words", 2, "a b", "a b c", "must have at most 2 words, has 3"),
        ("min_chars", 2, "ab", "a", "must have at least 2 characters, has 1"),
        ("max_chars", 2, "ab", "abc", "must have at most 2 characters, has 3"),
    ],
)
def test_checks(name: str, value: Any, good: str, bad: str, requirement: str) -> None:
    """Each check holds, or names its requirement in one sentence."""
    check = open_check(name, value)
    assert check.problem(SampleView.of(good)) is None
    assert str(check.problem(SampleView.of(bad))).startswith(requirement)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("contains", 30, "contains: expected a text, got 30; write contains: '30'"),
        ("contains", ["a"], r"contains: expected a text, got \['a'\]$"),
        ("not_contains", "", "blank"),
        ("regex", "(", "RE2"),
        ("json_valid", False, "expected true"),
        ("json_schema", "object", r"\(a mapping\)"),
        ("json_schema", {"type": "objet"}, "wrong at"),
        ("max_words", "5", "an integer from 0"),
        ("max_words", True, "an integer from 0"),
        ("min_chars", -1, "an integer from 0"),
    ],
)
def test_bad_values(name: str, value: Any, reason: str) -> None:
    """A value of the wrong type for a check is refused when the suite is read."""
    with pytest.raises(ValueError, match=reason):
        open_check(name, value)


def test_unknown_name() -> None:
    """The error for an unknown check has the nearest names."""
    with pytest.raises(LookupError, match="unknown check 'contain'; did you mean 'contains'"):
        open_check("contain", "x")


def test_what_cannot_be_decided_does_not_hold() -> None:
    """A check that cannot decide fails the answer."""
    requirement = open_check("json_schema", {"$ref": "#"}).problem(SampleView.of("1"))
    assert str(requirement).startswith("could not be checked by json_schema")


@given(st.text(max_size=30), st.text(min_size=1, max_size=3).filter(str.strip))
def test_opposites(text: str, word: str) -> None:
    """Exactly one of a check and its opposite holds."""
    for name in ("contains", "equals"):
        held = [open_check(kind, word).problem(SampleView.of(text)) is None for kind in (name, f"not_{name}")]
        assert sorted(held) == [False, True]


def test_names() -> None:
    """The names of checks in a suite."""
    opposites = {"contains", "not_contains", "regex", "not_regex", "equals", "not_equals"}
    bounds = {"min_words", "max_words", "min_chars", "max_chars"}
    traces = {"max_steps", "no_tool", "tool_calls"}
    assert set(registry.BUILT_IN["checks"]) == opposites | bounds | traces | {"json_valid", "json_schema", "similar"}
