"""Read the tools that a suite offers to the model."""

from __future__ import annotations

from evalharness import registry
from evalharness.errors import EvalHarnessError, SchemaError
from evalharness.records import Tool
from evalharness.suites.document import Document, Loc
from evalharness.suites.reading import Reading
from evalharness.suites.schema import ToolSchema


def read_tools(raw: list[ToolSchema], document: Document, reading: Reading) -> tuple[Tool, ...]:
    """The tools. Notes duplicate names and invalid schemas."""
    first: dict[str, int] = {}
    for index, tool in enumerate(raw):
        if first.setdefault(tool.name, index) != index:
            where = document.locate(("tools", first[tool.name], "name"))
            reading.note(document, ("tools", index, "name"), f"duplicate tool '{tool.name}': first at {where}")
    return tuple(_tool(tool, document, ("tools", index), reading) for index, tool in enumerate(raw))


def _tool(raw: ToolSchema, document: Document, loc: Loc, reading: Reading) -> Tool:
    if raw.parameters is None:
        return Tool(raw.name, raw.description)
    from evalharness.constraints import canonical_schema

    try:
        if raw.parameters.get("type") != "object":
            raise SchemaError("expected a JSON schema with `type: object`: arguments have names", ())
        registry.find("checks", "json_schema")(raw.parameters)
        return Tool(raw.name, raw.description, canonical_schema(raw.parameters))
    except (ValueError, EvalHarnessError) as error:
        inside = error.path if isinstance(error, SchemaError) else ()
        reading.note(document, (*loc, "parameters", *inside), f"parameters: {error}")
        return Tool(raw.name, raw.description)
