"""Tool calls of a response, put together from the pieces of a stream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from evalharness.errors import BilledError
from evalharness.providers.parse import join_text, json_object, text_of
from evalharness.records import Request, ToolCall
from evalharness.records.application import json_problem
from evalharness.wire import EndpointError

_MOST_CALLS = 1_000
"""Of one response."""


@dataclass(slots=True)
class _Call:
    id: str
    name: str
    arguments: list[str] = field(default_factory=list)
    value: Any = None
    """Arguments that came as an object."""


@dataclass(slots=True)
class CallPieces:
    """The calls so far, in the order in which they began."""

    _calls: list[_Call] = field(default_factory=list)
    _open: dict[Any, _Call] = field(default_factory=dict)
    """By the index that the endpoint gives: pieces of parallel calls may alternate."""

    def __bool__(self) -> bool:
        return bool(self._calls)

    def take_chat(self, message: Mapping[str, Any]) -> bool:
        """Take the calls in a message or a delta of a chat completion. Return whether there is one."""
        pieces = message.get("tool_calls") or []
        if not isinstance(pieces, list):
            raise EndpointError(f"tool_calls: expected a list, got {type(pieces).__name__}")
        for piece in pieces:
            self._take_piece(json_object(piece, "a tool call"))
        if legacy := message.get("function_call"):
            self._take_function(json_object(legacy, "function_call"), "function_call", "")
        return bool(pieces or legacy)

    def _take_piece(self, piece: Mapping[str, Any]) -> None:
        function = json_object(piece.get("function") or {}, "the function of a tool call")
        self._take_function(function, piece.get("index"), text_of(piece.get("id"), "the id of a tool call"))

    def _take_function(self, function: Mapping[str, Any], index: Any, given: str) -> None:
        name = text_of(function.get("name"), "the name of a tool call")
        call = self._open.get(str(index))
        is_other = call is not None and bool(given and call.id) and given != call.id  # all may have the index 0
        is_whole = index is None and bool(name)
        if call is None or is_other or is_whole:
            call = self.begin(index, given, name)
        else:
            call.id = call.id or given
            call.name += name if name != call.name else ""  # some endpoints repeat it in each piece
        self._add(call, function.get("arguments"))

    def begin(self, index: Any, given: str, name: str, arguments: Any = None) -> _Call:
        """Begin a call, and return it. Raises BilledError: there are too many."""
        if len(self._calls) == _MOST_CALLS:
            raise BilledError(f"the response has more than {_MOST_CALLS:,} tool calls", kind="malformed")
        call = self._open[str(index)] = _Call(given, name)
        self._calls.append(call)
        self._add(call, arguments)
        return call

    def add(self, index: Any, text: str) -> None:
        """Add a piece of the arguments of the call with this index. Skips an index without a call."""
        if call := self._open.get(str(index)):
            call.arguments.append(text)

    @staticmethod
    def _add(call: _Call, arguments: Any) -> None:
        if isinstance(arguments, dict):
            call.value = arguments or None
        elif arguments:
            call.arguments.append(text_of(arguments, "the arguments of a tool call"))

    def text(self) -> str:
        """All names and arguments, whose tokens are billed."""
        return "".join(f"{call.name}{json.dumps(call.value or '')}{''.join(call.arguments)}" for call in self._calls)

    def finished(self, request: Request) -> tuple[ToolCall, ...]:
        """Return the calls. One without an id gets its number in the conversation.

        Raises BilledError: a call has no name.
        """
        first = 1 + sum(len(message.tool_calls) for message in request.messages)
        return tuple(_finished(call, number) for number, call in enumerate(self._calls, start=first))


def _finished(call: _Call, number: int) -> ToolCall:
    if not call.name:
        raise BilledError("the model calls a tool without a name", kind="malformed")
    arguments = call.value if call.value is not None else arguments_of(join_text(call.arguments))
    return ToolCall(call.name, arguments, id=call.id or f"call_{number}")


def empty_fields(request: Request, calls: tuple[ToolCall, ...]) -> tuple[str, ...]:
    """Return `Response.empty`: a model that may call tools, and calls none, is known to call none."""
    return ("tool_calls",) if request.tools and not calls else ()


def arguments_of(text: str) -> Any:
    """Return the JSON value of the arguments, `{}` for none, and the text itself if it is not JSON.

    Wrong arguments are an answer of the model, which checks must see, and no failure of the endpoint.
    """
    if not text.strip():
        return {}
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    if value is None:
        return {}
    return text if json_problem(value) else value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
