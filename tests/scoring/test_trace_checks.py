"""Hard assertions on tool calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from answering import asserting
from test_application_metrics_page import block

CALLS = [{"name": "find_order"}, {"name": "get_postage", "arguments": {"country": "US"}}]
DELETED = [CALLS[0], {"name": "delete_order", "arguments": {"id": 7}}]


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
    sample = asserting(tmp_path, monkeypatch, check).sample({"text": "a", "tool_calls": calls})
    assert sample.error is None
    assert [one for one in sample.failed_checks if message and message in one] == list(sample.failed_checks)
    assert bool(sample.failed_checks) == (message is not None)


def test_a_broken_assertion_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run fails for a call that must not be; without a trace, it is an error and not green."""
    project = asserting(tmp_path, monkeypatch, {"no_tool": "delete_order"})
    project.answers({"*": {"text": "a", "tool_calls": CALLS}}).accept(because="good")
    assert project.answers({"*": {"text": "a", "tool_calls": DELETED}}).status == "fail"
    without = project.answers({"*": {"text": "a"}})
    assert without.status not in ("pass", "accepted")
    assert "no_tool: the response has no trace of tool calls" in str(without.samples[0].error)


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The assertions of the page hold for good calls, and print its message for bad ones."""
    project = asserting(tmp_path, monkeypatch, *yaml.safe_load(block("yaml", "assert"))["assert"])
    assert project.sample({"text": "a", "tool_calls": CALLS}).failed_checks == ()
    shown = project.sample({"text": "a", "tool_calls": DELETED}).failed_checks
    assert block("text", "must").strip() in shown
