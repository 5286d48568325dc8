"""Convert the tools of a provider to `tools` of a suite, and expected calls to the metric `tool_calls`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from evalharness.importers.margins import decidable_margin
from evalharness.importers.promptfoo.source import FILE, Node, Source, is_data_file
from evalharness.suites.schema import ToolSchema

Tools = list[dict[str, Any]]
_METRIC: Any = {"mode": "any_order", "arguments": "ignore"}
_KEYS = ("name", "description", "parameters")


def read_tools(source: Source, tools: Node) -> Tools:
    """The tools in the form of OpenAI or Anthropic, also in a data file; notes about those that cannot be imported."""
    if tools.text.startswith(FILE):
        opened = source.open_reference(tools, tools.text) if is_data_file(tools.text) else None
        if opened is None:
            source.note(tools, "of a provider: 'tools' is left out: expected tools in a .json or .yaml file")
            return []
        tools = opened
    return [found for item in tools.each() if (found := _tool(source, item))]


def _tool(source: Source, item: Node) -> dict[str, Any] | None:
    inner = item["function"] if isinstance(item["function"].value, dict) else item
    values = {
        "name": inner["name"].text,
        "description": inner["description"].text,
        "parameters": (inner["parameters"] or inner["input_schema"]).plain,
    }
    found = {key: values[key] for key in _KEYS if values[key] not in (None, "", {})}
    parameters = found.get("parameters")
    try:
        ToolSchema.model_validate(found)
    except ValidationError as error:
        source.note(item, f"of a provider: a tool is left out: {error.errors()[0]['msg']}")
        return None
    if parameters is not None and parameters.get("type") != "object":
        source.note(item, "of a provider: a tool is left out: expected parameters with type: object")
        return None
    return found


def common_tools(source: Source, models: Mapping[str, Any]) -> Tools:
    """The tools of the first model, with a note for each model that has others."""
    shared: Tools = next(iter(models.values())).tools
    for name, model in models.items():
        if model.tools != shared and model.node:
            source.note(model.node, f"the model '{name}' has other tools: the suite offers those of the first model")
    return shared


def expected_calls(value: Any) -> list[str]:
    """The names in the value of `tool-call-f1`: a list, or a text with commas. Empty if it is neither."""
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        return []
    return [name.strip() for name in names]


def add_calls(suite: dict[str, Any], calls: Sequence[Sequence[str]]) -> None:
    """Add the expected calls of each case to a suite, with the metric, and a gate if most cases have some."""
    number = sum(map(bool, calls))
    if not number:
        return
    name = "tool_calls"
    while any(name in case.get("vars", {}) for case in (suite, *suite["cases"])):
        name += "_"
    for case, names in zip(suite["cases"], calls, strict=True):
        case |= {"vars": {**case.get("vars", {}), name: [*names]}} if names else {}
    suite["metrics"].append({"tool_calls": {**_METRIC, **({"expected": name} if name != "tool_calls" else {})}})
    if number * 2 >= len(calls):
        suite["gates"].append({"metric": "tool_calls", "margin": decidable_margin(number)})
