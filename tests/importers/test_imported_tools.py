"""Tools of a provider, and the calls that tests expect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from promptfoo_project import Imported, PromptfooProject

FIND = {"name": "find", "description": "Find an order", "parameters": {"type": "object", "properties": {}}}
OPENAI = {"type": "function", "function": FIND}
ANTHROPIC = {"name": "find", "description": "Find an order", "input_schema": FIND["parameters"]}
CALLED = {"type": "tool-call-f1", "value": ["find"], "threshold": 0.8}


def imported(project: PromptfooProject, tools: Any, *tests: list[dict[str, Any]], **files: str) -> Imported:
    """A configuration whose provider has these tools."""
    provider = {"id": "openai:gpt-4o-mini", "config": {"tools": tools}}
    lines = [f"  - {json.dumps({'vars': {'q': str(n)}, 'assert': one})}" for n, one in enumerate(tests or ([],))]
    head = f"prompts: ['{{{{q}}}}']\nproviders: [{json.dumps(provider)}]\ntests:\n"
    return project.result_of(head + "\n".join(lines) + "\n", **files)


@pytest.mark.parametrize("tool", [OPENAI, ANTHROPIC, {"type": "function", **FIND}])
def test_tools(project: PromptfooProject, tool: dict[str, Any]) -> None:
    """The tools of the provider, in the forms of the APIs, are the tools of the suite."""
    found = imported(project, [tool])
    assert (found.suite["tools"], found.left_out) == ([FIND], [])


def test_tools_in_a_file(project: PromptfooProject) -> None:
    """Tools may be in a data file; a program is not run."""
    assert imported(project, "file://t.json", t__json=json.dumps([OPENAI])).suite["tools"] == [FIND]


@pytest.mark.parametrize(
    ("tools", "reason"),
    [
        ("file://tools.py", "expected tools in a .json or .yaml file"),
        ([{"type": "web_search_preview"}], "a tool is left out"),
        ([{"name": "no name!"}], "a tool is left out"),
        ([{"name": "find", "parameters": {"type": "array"}}], "expected parameters with type: object"),
        (["find"], "a tool is left out"),
    ],
)
def test_tools_that_are_left_out(project: PromptfooProject, tools: Any, reason: str) -> None:
    """A tool of another form is listed, and the suite offers none."""
    found = imported(project, tools)
    assert found.says("promptfooconfig.yaml:2: ", reason)
    assert "tools" not in found.suite


def test_expected_calls(project: PromptfooProject) -> None:
    """`tool-call-f1` is the metric `tool_calls`, with the names in each case and a gate; the limit is listed."""
    found = imported(project, [OPENAI], [CALLED], [{"type": "tool-call-f1", "value": "find, stop"}], [])
    assert [one.get("tool_calls") for one in found.vars] == [["find"], ["find", "stop"], None]
    assert found.suite["metrics"][-1] == {"tool_calls": {"mode": "any_order", "arguments": "ignore"}}
    assert found.suite["gates"][-1] == {"metric": "tool_calls", "margin": 0.2}
    assert found.says("promptfooconfig.yaml:4: ", "now the metric tool_calls", "threshold (0.8) is dropped")
    assert found.golden == {}


def test_few_expected_calls(project: PromptfooProject) -> None:
    """A metric of fewer than half of the cases has no gate."""
    found = imported(project, [OPENAI], [CALLED], [], [])
    assert [gate["metric"] for gate in found.suite["gates"]] == ["length"]


@pytest.mark.parametrize(
    ("tools", "item", "reason"),
    [
        ([], CALLED, "no provider has tools that can be imported"),
        ([OPENAI], {"type": "not-tool-call-f1", "value": "find"}, "its negation has no equivalent"),
        ([OPENAI], {"type": "tool-call-f1"}, "expected names of tools"),
        ([OPENAI], {"type": "tool-call-f1", "value": [[7]]}, "expected names of tools"),
    ],
)
def test_calls_that_are_left_out(project: PromptfooProject, tools: Any, item: dict[str, Any], reason: str) -> None:
    """Without tools, names or a plain form, the assertion is listed."""
    found = imported(project, tools, [item])
    assert found.says("promptfooconfig.yaml:4: ", reason)
    assert found.suite["metrics"] == [{"length": {"min_words": 1}}]
