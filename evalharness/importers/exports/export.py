"""The fields of the rows that one tool exports, and how a row is spread out as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from evalharness.importers.datasets.chat import as_chat
from evalharness.importers.datasets.names import key
from evalharness.importers.datasets.table import Values
from evalharness.importers.datasets.texts import is_empty, structure

Use = Literal["id", "tag", "variable"]
EARLIER = ": earlier turns"
"""Ends the name of the column with the turns of a conversation before the question."""
_MAX_EARLIER = 1_000
_MAX_FIELDS = 200
"""Of one object: a larger one stays one column, as JSON."""


class _NoCaseError(Exception):
    """A row cannot be a case: the text has the reason."""


@dataclass(frozen=True)
class Export:
    """The format of one tool."""

    command: str
    title: str
    """For readers: `goldens of deepeval`."""
    source: str
    """The version whose fields these are."""
    input: str
    """The column with the question: a text, a conversation, or an object with variables."""
    golden: str
    """The column with the right answer."""
    several: bool = False
    """Whether each answer in a list is right."""
    uses: Mapping[str, Use] = field(default_factory=dict)
    """Other columns with a use."""
    dropped: Mapping[str, str] = field(default_factory=dict)
    """Columns that are left out, with the reason."""
    metadata: str = ""
    """The column with an object whose values are tags."""
    calls: str = ""
    """The column with the expected tool calls: a list of objects with `name` and `input_parameters`."""
    wrapper: str = ""
    """An object around the columns of a row, if there is one."""
    problem: Callable[[Values], str] = lambda row: ""
    """Why a row cannot be a case, for reasons of this tool; "" if it can."""

    def read(self, values: Values) -> Values | str:
        """The columns of a row by their documented names, with objects spread out, or why it cannot be a case."""
        inner = values.get(self.wrapper) if self.wrapper else None
        row = {self.usual(name): value for name, value in (inner if isinstance(inner, Mapping) else values).items()}
        if reason := self.problem(row):
            return f"{reason}, left out"
        try:
            found = dict(pair for name, value in row.items() for pair in self._columns(name, value))
        except _NoCaseError as error:
            return f"{error}, left out"
        asked = [value for name, value in found.items() if self.is_input(name)]
        return f"no '{self.input}', left out" if all(map(is_empty, asked)) else found

    def usual(self, name: str) -> str:
        """The documented name of a column: `expected_output` for `expectedOutput`."""
        return self._names.get(key(name), name)

    def is_input(self, column: str) -> bool:
        """Whether the column is the question, or a part of it."""
        return column == self.input or column.startswith(f"{self.input}.")

    def is_answer(self, column: str) -> bool:
        """Whether the column is the right answer, or a part of it."""
        return column == self.golden or column.startswith(f"{self.golden}.")

    def knows_answer(self, columns: Iterable[str]) -> bool:
        """Whether one of these columns is the right answer, by any of its names."""
        return any(self.is_answer(self.usual(column)) for column in columns)

    def known(self, columns: Iterable[str]) -> int:
        """The number of these columns that the tool documents."""
        return sum(key(column) in self._names for column in columns)

    @cached_property
    def _names(self) -> Mapping[str, str]:
        known = (self.input, self.golden, self.metadata, self.calls, *self.uses, *self.dropped)
        return {key(name): name for name in known if name}

    def _columns(self, name: str, value: Any) -> Iterator[tuple[str, Any]]:
        """The column, or those of its object: `metadata.topic`."""
        if name == self.input:
            yield from self._input(structure(value, lists=False))
        elif name == self.golden:
            yield from self._answer(structure(value, lists=False))
        elif name == self.calls:
            yield name, _calls(name, structure(value, lists=False))
        elif name == self.metadata:
            yield from _fields(name, structure(value, lists=False))
        else:
            yield name, value

    def _input(self, value: Any) -> Iterator[tuple[str, Any]]:
        chats = [name for name, item in _fields(self.input, value) if as_chat(item)]
        for name, item in _fields(self.input, value):
            if chats == [name]:
                yield from _conversation(name, item)
            elif name == self.input and isinstance(item, list | Mapping) and item:
                what = "turns of tools, images or other roles" if _has_roles(item) else "neither text nor variables"
                raise _NoCaseError(f"'{name}' has {what}")
            else:
                yield name, item

    def _answer(self, value: Any) -> Iterator[tuple[str, Any]]:
        """The answer: the text of a message, or the only field of an object, or each field."""
        found = dict(_fields(self.golden, value))
        if isinstance(value, Mapping) and value.get("role") in ("assistant", "ai") and not value.get("tool_calls"):
            yield self.golden, value.get("content")
        elif len(found) == 1 and isinstance(item := next(iter(found.values())), Mapping) and "role" in item:
            yield from self._answer(item)
        else:
            yield from found.items()


def _fields(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and 0 < len(value) <= _MAX_FIELDS:
        yield from ((f"{name}.{inner}", item) for inner, item in value.items())
    else:
        yield name, value


def _conversation(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The last turn, which is the question, and the turns before it."""
    *earlier, (role, text) = as_chat(value) or []
    if role != "user":
        raise _NoCaseError(f"'{name}' ends with a turn of the {role}")
    yield name, text
    if len(earlier) > _MAX_EARLIER:
        raise _NoCaseError(f"'{name}' has more than {_MAX_EARLIER:,} earlier turns")
    if earlier:
        yield f"{name}{EARLIER}", [{role: text} for role, text in earlier]


def _calls(name: str, value: Any) -> Any:
    """The calls as the metric `tool_calls` expects them. An empty list expects no call; null expects nothing."""
    if value in (None, ""):
        return None
    calls: list[Any] = value if isinstance(value, list) else [None]
    if not all(isinstance(call, Mapping) and isinstance(call.get("name"), str) and call["name"] for call in calls):
        raise _NoCaseError(f"'{name}' is not a list of tool calls with a name")
    return [_call(call["name"], call.get("input_parameters")) for call in calls]


def _call(name: str, arguments: Any) -> dict[str, Any]:
    return {"name": name} if arguments is None else {"name": name, "arguments": arguments}


def _has_roles(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, Mapping) and {"role", "type"} & {*item} for item in value)
