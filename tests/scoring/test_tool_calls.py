"""Tool calls against those that a case expects."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hang import in_time
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import MetricError
from evalharness.records import ToolCall
from evalharness.scoring.metrics.expected_calls import Arguments, difference, read_calls
from evalharness.scoring.metrics.tool_calls import Compared, Mode, compare_calls

MODES: tuple[Mode, ...] = get_args(Mode)


def called(text: str) -> tuple[ToolCall, ...]:
    """One call for each letter."""
    return tuple(ToolCall(letter) for letter in text)


def compared(expected: Any, calls: Any, mode: Mode = "exact_order", arguments: Arguments = "exact") -> Compared:
    """The comparison of calls, each a letter or a pair of name and arguments."""
    wanted = [one if isinstance(one, str) else {"name": one[0], "arguments": one[1]} for one in expected]
    made = tuple(ToolCall(one) if isinstance(one, str) else ToolCall(*one) for one in calls)
    return compare_calls(read_calls(wanted, arguments, "tool_calls"), made, mode, arguments)


@pytest.mark.parametrize(
    ("expected", "calls", "values"),
    [
        # exact_order, in_order, any_order, contains. The first three rows are the trajectories of Vertex AI's
        # documentation (exact match, in-order match, any-order match): equal, with an extra call, and in another order.
        ("ab", "ab", (1, 1, 1, 1)),
        ("ab", "axb", (4 / 5, 1, 4 / 5, 1)),
        ("ab", "ba", (1 / 2, 1 / 2, 1, 1)),
        ("ab", "xbya", (2 / 6, 1 / 2, 4 / 6, 1)),
        ("ab", "a", (2 / 3, 1 / 2, 2 / 3, 1 / 2)),
        ("ab", "", (0, 0, 0, 0)),
        ("aa", "a", (2 / 3, 1 / 2, 2 / 3, 1 / 2)),
        ("a", "aa", (2 / 3, 1, 2 / 3, 1)),
        ("abc", "xyz", (0, 0, 0, 0)),
        ("", "", (1, 1, 1, 1)),
        ("", "a", (0, 0, 0, 0)),
    ],
)
def test_modes(expected: str, calls: str, values: tuple[float, ...]) -> None:
    """The share of calls that match, in each mode; 1 only if the expectation holds."""
    found = [compared(expected, calls, mode) for mode in MODES]
    assert [one.value for one in found] == pytest.approx(values)
    assert [one.divergence == "" for one in found] == [value == 1 for value in values]


@pytest.mark.parametrize(
    ("expected", "got", "fitting"),
    [
        # exact, subset, ignore
        ({"id": 1}, {"id": 1}, "exact subset ignore"),
        ({"id": 1}, {"id": 1.0}, "exact subset ignore"),
        ({"id": 1}, {"id": True}, "ignore"),
        ({"id": 0}, {"id": False}, "ignore"),
        ({"id": 1}, {"id": "1"}, "ignore"),
        ({"id": None}, {}, "ignore"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "exact subset ignore"),
        ({"a": 1}, {"a": 1, "b": 2}, "subset ignore"),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": [2]}}, "subset ignore"),
        ({"a": [1, 2]}, {"a": [1, 2, 3]}, "ignore"),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}, "subset ignore"),
        ({"a": [1, 2]}, {"a": [2, 1]}, "ignore"),
        ({}, None, "exact subset ignore"),  # a call without arguments
        ({}, {"a": 1}, "subset ignore"),
        ({"a": "é"}, {"a": "e\u0301"}, "ignore"),
        ({"a": 2**53 + 1}, {"a": float(2**53)}, "ignore"),
        ("text", "text", "exact subset ignore"),
        ({"a": 1}, '{"a": 1}', "ignore"),  # arguments that stayed text
    ],
)
def test_arguments(expected: Any, got: Any, fitting: str) -> None:
    """Arguments are equal, contained or ignored; 1 is 1.0, and true is not 1."""
    kinds: list[Arguments] = ["exact", "subset", "ignore"]
    found = [kind for kind in kinds if compared([("a", expected)], [("a", got)], "contains", kind).value]
    assert " ".join(found) == fitting
    assert (difference(expected, {} if got is None else got, partly=False) == "") == ("exact" in found)
    assert (difference(expected, {} if got is None else got, partly=True) == "") == ("subset" in found)


def test_arguments_by_schema() -> None:
    """Arguments fit a JSON schema, whose misfit is named."""
    schema = {"type": "object", "properties": {"id": {"type": "integer", "minimum": 1}}, "required": ["id"]}
    assert compared([("a", schema)], [("a", {"id": 3, "note": "x"})], arguments="schema").value == 1
    wrong = compared([("a", schema)], [("a", {"id": 0})], arguments="schema")
    assert wrong.value == 0
    assert "at $.id: 0 is less than the minimum of 1" in wrong.divergence


def test_the_largest_matching_counts() -> None:
    """A loose expectation leaves the call that only a strict one takes, whatever their order."""
    for expected in (["a", ("a", {"id": 1})], [("a", {"id": 1}), "a"]):
        assert compared(expected, [("a", {"id": 1}), ("a", {"id": 2})], "any_order").value == 1


@pytest.mark.parametrize(
    ("mode", "expected", "calls", "divergence"),
    [
        ("exact_order", [("a", {"id": 7})], [("a", {"id": 8})],
         "call 1: expected a(id=7), got a(id=8): id: expected 7, got 8"),
        ("exact_order", ["a", "b"], ["a", "c"], "call 2: expected b(...), got c()"),
        ("exact_order", ["a", "b"], ["a"], "call 2: expected b(...), got no further call"),
        ("exact_order", ["a"], ["a", ("b", {"x": [1]})], "call 2: expected no further call, got b(x=[1])"),
        ("in_order", ["a", "b"], ["b", "a"], "expected call 2, b(...), is missing after call 2; the calls are b, a"),
        ("in_order", ["a", ("b", {"x": 1})], ["a", "c", ("b", {"y": 1})],
         "expected call 2, b(x=1), is missing after call 1; call 3 has other arguments: x is missing"),
        ("any_order", ["a"], ["c", "a"], "call 1, c(), is not expected"),
        ("any_order", ["get"], ["fetch"], "expected call 1, get(...), is missing; the calls are fetch"),
        ("contains", ["a", "a"], ["a", "b"], "expected call 2, a(...), is missing; the calls are a, b"),
        ("contains", ["a"], [], "expected call 1, a(...), is missing; no tool was called"),
        ("contains", [("a", {"x": {"y": [1, 2]}})], [("a", {"x": {"y": [1, 3]}})],
         'expected call 1, a(x={"y": [1, 2]}), is missing; call 1 has other arguments: x.y[1]: expected 2, got 3'),
        ("contains", [], ["a"], "call 1, a(), is not expected"),
    ],
)  # fmt: skip
def test_the_first_divergence(mode: Mode, expected: Any, calls: Any, divergence: str) -> None:
    """The message names the first call that differs, and where."""
    assert compared(expected, calls, mode).divergence == divergence


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("a", "calls: expected a list of tool calls, got 'a'"),
        ([3], "calls[0]: expected the name of a tool, or {name: ..., arguments: ...}, got '3'"),
        ([{"nmae": "a"}], "calls[0]: unknown key 'nmae'; did you mean 'name'?"),
        ([{"arguments": {}}], "calls[0]: name: expected the name of a tool, got nothing"),
        ([" "], "calls[0]: expected the name of a tool"),
        (["a"] * 201, "calls: expected at most 200 tool calls, got 201"),
        ([{"name": "a", "arguments": {"type": "objct"}}], "calls[0]: arguments.type: "),
        ([{"name": "a", "arguments": [1]}], "calls[0]: arguments: expected a JSON schema (a mapping), got a list"),
    ],
)
def test_wrong_expectations(value: Any, message: str) -> None:
    """An expectation that cannot be read is an error with its place."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared
        read_calls(value, "schema", "calls")
    assert str(caught.value).startswith(message)


_CALLS = st.text("abc", max_size=6)


@given(expected=_CALLS, calls=_CALLS)
def test_laws(expected: str, calls: str) -> None:
    """A value is 1 exactly where Python's own comparison says that the mode holds, and lies in [0, 1]."""
    rest = iter(calls)
    holds = {
        "exact_order": expected == calls,
        "in_order": all(one in rest for one in expected) and bool(expected or not calls),
        "any_order": sorted(expected) == sorted(calls),
        "contains": all(calls.count(one) >= expected.count(one) for one in expected) and bool(expected or not calls),
    }
    for mode in MODES:
        found = compared(expected, calls, mode)
        assert (found.value == 1) == holds[mode]
        assert 0 <= found.value <= 1
        assert (found.divergence == "") == holds[mode]


@pytest.mark.parametrize(
    ("mode", "arguments"),
    [
        *((mode, arguments) for mode in MODES for arguments in ("exact", "ignore")),
        (MODES[0], "subset"),
        *(pytest.param(mode, "subset", marks=pytest.mark.deep) for mode in MODES[1:]),
    ],
)
def test_many_calls(mode: Mode, arguments: Arguments) -> None:
    """Ten thousand calls with different arguments against two hundred expected ones take a bounded time."""
    expected = [("a", {"id": number}) for number in range(200)]
    calls = [("a", {"id": number, "note": "x"}) for number in range(10_000)]
    with in_time():
        if arguments == "subset":
            with pytest.raises(MetricError, match="at most 500,000 different arguments"):
                compared(expected, calls, mode, arguments)
        else:
            assert 0 <= compared(expected, calls, mode, arguments).value <= 1
