"""The scripted tools of a suite in one conversation. Nothing is executed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from evalharness.errors import did_you_mean
from evalharness.records import Message, Request, ScriptedResult, Tool, ToolCall, World


class WorldState:
    """The state of a world after the calls so far."""

    def __init__(self, world: World, request: Request, name: str) -> None:
        """`name`: of the conversation. The calls in the messages of the request have happened."""
        self._world, self._tools = world, {tool.name: tool for tool in request.tools}
        self._seed, self._calls = f"{name}\0{request.key.repeat}", 0
        self._state = dict(world.state)
        for message in request.messages:
            self.answered(message.tool_calls)

    def answered(self, calls: Iterable[ToolCall]) -> tuple[ToolCall, ...]:
        """Return the calls with their results and ids."""
        return tuple(self._answered(call) for call in calls)

    def _answered(self, call: ToolCall) -> ToolCall:
        self._calls += 1
        named = call if call.id else replace(call, id=f"call_{self._calls}")
        if self._fails(call.name):
            assert self._world.faults
            return replace(named, result={"error": self._world.faults.error})
        if problem := _problem(call, self._tools):
            return replace(named, result={"error": problem}, unknown=True)
        found = next((one for one in self._world.results if self._fits(one, call)), None)
        if found is None:
            return replace(named, result={"error": "no result is known for these arguments"}, unknown=True)
        self._state |= found.set
        return replace(named, result={"error": found.error} if found.error else found.result)

    def _fits(self, one: ScriptedResult, call: ToolCall) -> bool:
        return one.call == call.name and _has(call.arguments, one.arguments) and _has(self._state, one.when)

    def _fails(self, name: str) -> bool:
        faults = self._world.faults
        if faults is None or (faults.calls and name not in faults.calls):
            return False
        digest = hashlib.sha256(f"{self._seed}\0{self._calls}".encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:4]) < faults.rate * 2**32


def results_of(calls: Iterable[ToolCall]) -> tuple[Message, ...]:
    """The messages that give the results to the model."""
    return tuple(Message("tool", _text(call.result), call_id=call.id) for call in calls)


def _problem(call: ToolCall, tools: Mapping[str, Tool]) -> str:
    """What is wrong with the name or the arguments of a call; "" if nothing is."""
    if call.name not in tools:
        return f"unknown tool '{call.name[:100]}'{did_you_mean(call.name[:100], tools)}"
    tool, given = tools[call.name], {} if call.arguments in (None, "") else call.arguments
    if not isinstance(given, Mapping):
        return "the arguments are not a JSON object"
    if (unknown := tool.unknown_argument(given)) is not None:
        known = tool.schema.get("properties", {})
        return f"unknown argument '{unknown[:100]}'{did_you_mean(unknown[:100], known) if known else ''}"
    missing = next((name for name in tool.schema.get("required", ()) if name not in given), None)
    return f"missing argument '{missing}'" if missing else ""


def _has(given: Any, wanted: Mapping[str, Any] | None) -> bool:
    """Whether a mapping has these values, among others. `true` is not 1; 1.0 is."""
    if not wanted:
        return True
    return isinstance(given, Mapping) and all(name in given and _equal(given[name], wanted[name]) for name in wanted)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)


def _text(result: Any) -> str:
    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, sort_keys=True)
