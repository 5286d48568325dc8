"""Hard assertions on tool calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from answering import Answers, answers_of
from test_application_metrics_page import block

CALLS = [{"name": "find_order"}, {"name": "get_postage", "arguments": {"country": "US"}}]
DELETED = [CALLS[0], {"name": "delete_order", "arguments": {"id": 7}}]


def project_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *checks: Any, **keys: Any) -> Answers:
    """A suite of two cases with these assertions."""
    project = answers_of(tmp_path, {"length": {"min_chars": 1}}, monkeypatch, {"c0": {}, "c1": {}})
    suite = yaml.safe_load(project.read("suites/demo.yaml")) | {"assert": list(checks)} | keys
    project.write("suites/demo.yaml", yaml.safe_dump(suite, sort_keys=False))
    return project


@pytest.mark.parametrize(
    ("check", "calls", "message"),
    [
        ({"max_steps": 2}, CALLS, None),
        ({"max_steps": 1}, CALLS, "must call at most 1 tools, calls 2"),
        ({"max_steps": 0}, [], None),
        ({"no_tool": "delete_order"}, CALLS, None),
        ({"no_tool": ["a", "delete_order"]}, DELETED, "must not call delete_order; call 2 is delete_order(id=7)"),
        ({"tool_calls": ["find_order", "get_postage"]}, CALLS, None),
        ({"tool_calls": []}, [], None),
        ({"tool_calls": []}, CALLS, "must call the expected tools: call 1, find_order(), is not expected"),
        ({"tool_calls": {"calls": ["get_postage"], "mode": "contains"}}, CALLS, None),
        ({"tool_calls": {"calls": [CALLS[1] | {"arguments": {"country": 1}}], "mode": "in_order"}}, CALLS,
         'call 2 has other arguments: country: expected 1, got "US"'),
    ],
)  # fmt: skip
def test_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: Any, calls: list[Any], message: str | None
) -> None:
    """A broken assertion names the call."""
    sample = project_of(tmp_path, monkeypatch, check).sample({"text": "a", "tool_calls": calls})
    assert sample.error is None
    assert [one for one in sample.failed_checks if message and message in one] == list(sample.failed_checks)
    assert bool(sample.failed_checks) == (message is not None)


def test_a_broken_assertion_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run fails for a call that must not be; without a trace, it is an error and not green."""
    project = project_of(tmp_path, monkeypatch, {"no_tool": "delete_order"})
    project.answers({"*": {"text": "a", "tool_calls": CALLS}}).accept(because="good")
    assert project.answers({"*": {"text": "a", "tool_calls": DELETED}}).status == "fail"
    without = project.answers({"*": {"text": "a"}})
    assert without.status not in ("pass", "accepted")
    assert "no_tool: the response has no trace of tool calls" in str(without.samples[0].error)


@pytest.mark.parametrize(
    ("check", "message"),
    [
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
    ],
)
def test_validate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: Any, message: str) -> None:
    """`validate` refuses wrong values at the line of the assertion."""
    project = project_of(tmp_path, monkeypatch, check)
    result = project.command("validate", "demo")
    line = project.read("suites/demo.yaml").split("\n").index("assert:") + 2
    assert result.exit_code == 1
    assert f"suites/demo.yaml:{line}:" in result.output
    assert message in result.output


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The assertions of the page hold for good calls, and print its message for bad ones."""
    project = project_of(tmp_path, monkeypatch, *yaml.safe_load(block("yaml", "assert"))["assert"])
    assert project.sample({"text": "a", "tool_calls": CALLS}).failed_checks == ()
    shown = project.sample({"text": "a", "tool_calls": DELETED}).failed_checks
    assert block("text", "must").strip() in shown
