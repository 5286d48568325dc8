"""Values that `evalharness validate` refuses in the assertions of a suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from answering import asserting
from test_similar import SUNNY, TABLE, real

OF_TRACES: list[tuple[dict[str, Any], str]] = [
    ({"max_steps": -1}, "max_steps: expected an integer from 0, got -1"),
    ({"max_steps": True}, "max_steps: expected an integer from 0, got True"),
    ({"no_tool": []}, "no_tool: expected the name of a tool, or a list of names, got []"),
    ({"no_tool": {"a": 1}}, "no_tool: expected the name of a tool, or a list of names"),
    ({"tool_calls": "a"}, "tool_calls: calls: expected a list of tool calls, got 'a'"),
    ({"tool_calls": {"calls": [], "order": 1}}, "tool_calls: unknown key 'order'; did you mean 'mode'?"),
    ({"tool_calls": {"calls": [], "mode": "any"}}, "tool_calls: mode: expected exact_order, in_order, any_order"),
    ({"tool_calls": [{"nam": "a"}]}, "tool_calls: calls[0]: unknown key 'nam'; did you mean 'name'?"),
    (
        {"max_steps": 3, "must_pass": "baseline"},
        "the check 'max_steps' reads tool_calls, which a baseline does not",
    ),
]
SIMILAR: list[tuple[dict[str, Any], str]] = [
    ({"similar": SUNNY}, "similar: expected {to: ..., model: ..., threshold: ...}, got"),
    ({"similar": {"to": SUNNY}}, "similar: model: expected a text, got None"),
    ({"similar": {"to": " ", "model": "minilm"}}, "similar: to: expected a text, got ' '"),
    ({"similar": {"to": SUNNY, "model": "minlm"}}, "unknown embedder 'minlm': no [tool.evalharness.embedders.minlm]"),
    (
        {"similar": {"to": SUNNY, "model": "minilm", "treshold": 0.5}},
        "unknown key 'treshold'; did you mean 'threshold'?",
    ),
    (
        {"similar": {"to": SUNNY, "model": "minilm", "threshold": 80}},
        "threshold: expected a cosine above 0 and at most 1",
    ),
]


@pytest.mark.parametrize(
    ("check", "message"), [*OF_TRACES, *(pytest.param(*row, marks=real) for row in SIMILAR)], ids=str
)
def test_validate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: Any, message: str) -> None:
    """`validate` refuses a wrong value at the line of the assertion."""
    project = asserting(tmp_path, monkeypatch, check)
    project.write("pyproject.toml", project.read("pyproject.toml") + TABLE)
    result = project.command("validate", "demo")
    line = project.read("suites/demo.yaml").split("\n").index("assert:") + 2
    assert result.exit_code == 1
    assert f"suites/demo.yaml:{line}:" in result.output
    assert message in result.output
