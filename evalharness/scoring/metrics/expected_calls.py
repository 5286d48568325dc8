"""The tool calls that a case expects, and whether a call is one of them.

- get_order                                         # with any arguments
- {name: refund, arguments: {order: 7}}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from evalharness.errors import MetricError, SchemaError, did_you_mean
from evalharness.records import ToolCall
from evalharness.redaction import shortened
from evalharness.scoring.schemas.size import frozen

Arguments = Literal["exact", "subset", "ignore", "schema"]
"""How the arguments of a call must fit: equal; with these and perhaps more; in any way; as a JSON schema says."""
MOST_EXPECTED = 200
"""Calls that one case can expect."""
_MOST_COMPARED = {"subset": 500_000, "schema": 20_000}
"""Different pairs of arguments that one response may have compared: a few seconds."""
_KEYS = ("name", "arguments")


@dataclass(frozen=True, slots=True)
class ExpectedCall:
    """One call that must be made."""

    name: str
    arguments: Any = None
    """A JSON value, or a JSON schema."""
    has_arguments: bool = False
    """Whether the arguments count."""
    misfit: Callable[[Any], str | None] | None = field(default=None, compare=False)
    """With a schema: where and how arguments break it."""


def read_calls(value: Any, arguments: Arguments, place: str) -> tuple[ExpectedCall, ...]:
    """Return the expected calls in a suite. Raises ValueError with the place of what is wrong."""
    if not isinstance(value, list):
        raise ValueError(f"{place}: expected a list of tool calls, got {_kind(value)}")
    if len(value) > MOST_EXPECTED:
        raise ValueError(f"{place}: expected at most {MOST_EXPECTED} tool calls, got {len(value):,}")
    return tuple(_read(one, arguments, f"{place}[{number}]") for number, one in enumerate(value))


def _read(value: Any, arguments: Arguments, place: str) -> ExpectedCall:
    if isinstance(value, str) and value.strip():
        return ExpectedCall(value)
    if not isinstance(value, Mapping):
        raise ValueError(f"{place}: expected the name of a tool, or {{name: ..., arguments: ...}}, got {_kind(value)}")
    if unknown := [key for key in value if key not in _KEYS]:
        raise ValueError(f"{place}: unknown key '{unknown[0]}'{did_you_mean(str(unknown[0]), _KEYS)}")
    name = value.get("name")
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{place}: name: expected the name of a tool, got {_kind(name)}")
    if "arguments" not in value or arguments == "ignore":
        return ExpectedCall(name)
    given = value["arguments"]
    return ExpectedCall(name, given, True, _misfit(given, place) if arguments == "schema" else None)


def _misfit(schema: Any, place: str) -> Callable[[Any], str | None]:
    from evalharness.scoring.schemas.validator import open_schema

    if not isinstance(schema, Mapping):
        raise ValueError(f"{place}: arguments: expected a JSON schema (a mapping), got {_kind(schema)}")
    try:
        return open_schema(schema)[1]
    except SchemaError as error:
        where = "".join(f".{step}" for step in error.path)
        raise ValueError(f"{place}: arguments{where}: {error}") from None


def _kind(value: Any) -> str:
    names = {list: "a list", dict: "a mapping", type(None): "nothing"}
    return names.get(type(value), repr(shortened(str(value), 40)))


class Comparison:
    """Compares the calls of one response with expected ones. Equal arguments are compared once."""

    def __init__(self, calls: tuple[ToolCall, ...], arguments: Arguments) -> None:
        self.calls, self._arguments = calls, arguments
        self._numbers: dict[Hashable, int] = {}
        self._same = [self._numbers.setdefault(frozen(given(call)), len(self._numbers)) for call in calls]
        """For each call a number that is equal for equal arguments."""
        self._places: dict[str, list[int]] = {}
        for index, call in enumerate(calls):
            self._places.setdefault(call.name, []).append(index)
        self._compared = 0
        self._by_name: dict[str, int] = {}
        """The bits of all calls of a tool, made once: a response can have tens of thousands of calls."""

    def fitting(self, expected: ExpectedCall) -> int:
        """Return the calls that fit an expected one: bit j for call j. Raises MetricError beyond the bounds."""
        places = self._places.get(expected.name, [])
        if not expected.has_arguments:
            if expected.name not in self._by_name:
                self._by_name[expected.name] = sum(1 << index for index in places)
            return self._by_name[expected.name]
        if self._arguments == "exact":
            number = self._numbers.get(frozen(expected.arguments))
            return sum(1 << index for index in places if self._same[index] == number)
        known: dict[int, bool] = {}
        for index in places:
            if self._same[index] not in known:
                known[self._same[index]] = self._fits(expected, given(self.calls[index]))
        return sum(1 << index for index in places if known[self._same[index]])

    def _fits(self, expected: ExpectedCall, arguments: Any) -> bool:
        self._compared += 1
        if self._compared > _MOST_COMPARED[self._arguments]:
            raise MetricError(f"expected at most {_MOST_COMPARED[self._arguments]:,} different arguments to compare")
        if expected.misfit is not None:
            return expected.misfit(arguments) is None
        return _is_part(expected.arguments, arguments)

    def misfit(self, expected: ExpectedCall, call: ToolCall) -> str:
        """Return where the arguments of a call of the expected tool differ; empty if they fit."""
        if not expected.has_arguments:
            return ""
        if expected.misfit is not None:
            return expected.misfit(given(call)) or ""
        return difference(expected.arguments, given(call), partly=self._arguments == "subset")


def given(call: ToolCall) -> Any:
    """Return the arguments of a call. None are an empty object, since a call without arguments has either."""
    return {} if call.arguments is None else call.arguments


def _is_part(expected: Any, got: Any) -> bool:
    """Whether `difference(expected, got, partly=True)` is empty."""
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        return all(name in got and _is_part(value, got[name]) for name, value in expected.items())
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(_is_part, expected, got))
    return type(expected) not in (dict, list) and type(got) not in (dict, list) and frozen(expected) == frozen(got)


def difference(expected: Any, got: Any, *, partly: bool, place: str = "") -> str:
    """Return the first place where JSON values differ, as in `order: expected 7, got 8`; empty if there is none.

    1 equals 1.0, and true is not 1. `partly`: objects may have more than is expected, at each level.
    """
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        found = (
            difference(value, got[name], partly=partly, place=_joined(place, str(name)))
            if name in got
            else f"{_joined(place, str(name))} is missing"
            for name, value in expected.items()
        )
        more = (
            () if partly else (f"{_joined(place, str(name))} is not expected" for name in got if name not in expected)
        )
        return next(filter(None, found), "") or next(iter(more), "")
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        pairs = zip(expected, got, strict=True)
        found = (difference(one, other, partly=partly, place=f"{place}[{n}]") for n, (one, other) in enumerate(pairs))
        return next(filter(None, found), "")
    if type(expected) not in (dict, list) and type(got) not in (dict, list) and frozen(expected) == frozen(got):
        return ""
    return f"{place or 'arguments'}: expected {_shown(expected)}, got {_shown(got)}"


def _joined(place: str, name: str) -> str:
    return shortened(f"{place}.{name}" if place else name, 80)


def _shown(value: Any) -> str:
    return shortened(json.dumps(value, ensure_ascii=False, default=str), 60)


def shown_call(call: ToolCall) -> str:
    """Return a call as `name(argument=value)`, for people."""
    return _as_call(call.name, given(call))


def shown_expected(call: ExpectedCall) -> str:
    """Return an expected call as `name(argument=value)`, as `name(...)` if the arguments do not count."""
    return _as_call(call.name, call.arguments) if call.has_arguments else f"{shortened(call.name, 40)}(...)"


def _as_call(name: str, arguments: Any) -> str:
    if isinstance(arguments, Mapping):
        shown = ", ".join(f"{shortened(key, 40)}={_shown(value)}" for key, value in islice(arguments.items(), 5))
    else:
        shown = _shown(arguments)
    return f"{shortened(name, 40)}({shortened(shown, 100)})"
