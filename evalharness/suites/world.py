"""Read the scripted tools of a suite."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from evalharness.errors import Problem, did_you_mean
from evalharness.records import Faults, ScriptedResult, Tool, World
from evalharness.suites.dialogue_schema import FaultsSchema, ScriptedResultSchema, WorldSchema
from evalharness.suites.document import Document, Loc
from evalharness.suites.reading import Reading


def read_world(raw: WorldSchema | None, tools: Collection[Tool], document: Document, reading: Reading) -> World | None:
    """The world; None for a suite without one. Notes calls of tools that the suite does not offer."""
    if raw is None:
        return None
    reading.problems += _problems(raw, {tool.name: tool for tool in tools}, document)
    return World(tuple(map(_result, raw.results)), raw.state, _faults(raw.faults), raw.max_steps)


def _result(raw: ScriptedResultSchema) -> ScriptedResult:
    return ScriptedResult(raw.call, raw.arguments, raw.when, raw.result, raw.error, raw.set)


def _faults(raw: FaultsSchema | None) -> Faults | None:
    return Faults(raw.rate, raw.error, tuple(raw.calls)) if raw else None


def _problems(raw: WorldSchema, tools: dict[str, Tool], document: Document) -> Iterator[Problem]:
    if not tools:
        yield document.problem(("world",), "world: the suite offers no tools: add `tools`, or remove `world`")
        return
    for index, name in enumerate(raw.faults.calls if raw.faults else ()):
        if name not in tools:
            yield document.problem(("world", "faults", "calls", index), _unknown(name, tools))
    for index, result in enumerate(raw.results):
        loc: Loc = ("world", "results", index)
        if result.call not in tools:
            yield document.problem((*loc, "call"), _unknown(result.call, tools))
        else:
            yield from _argument_problems(result, tools[result.call], document, loc)
        if result.error and result.result is not None:
            yield document.problem((*loc, "error"), "expected a result or an error, got both")
        for key in ("when", "set"):
            for name in getattr(result, key):
                if name not in raw.state:
                    known = did_you_mean(name, raw.state)
                    yield document.problem((*loc, key, name), f"{key}: no '{name}' in the state of the world{known}")


def _argument_problems(result: ScriptedResultSchema, tool: Tool, document: Document, loc: Loc) -> Iterator[Problem]:
    if (name := tool.unknown_argument(result.arguments or {})) is not None:
        known = tool.schema.get("properties", {})
        hint = did_you_mean(name, known) if known else ""
        yield document.problem((*loc, "arguments", name), f"the tool '{tool.name}' has no argument '{name}'{hint}")


def _unknown(name: str, tools: Collection[str]) -> str:
    return f"the suite offers no tool '{name}'{did_you_mean(name, tools)}"
