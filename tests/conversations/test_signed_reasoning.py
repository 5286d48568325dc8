"""Reasoning that an endpoint has signed goes back to it with the results of the calls that it led to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_world import project

from evalharness.store import read_run
from evalharness.testing.fault_server import FaultServer, Received, Send, json_answer

THINKING = [
    {"type": "thinking", "thinking": "Look first.", "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3h"},
    {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix"},
    {"type": "text", "text": "I will look."},
    {"type": "tool_use", "id": "toolu_1", "name": "find_order", "input": {"id": "1"}},
]
THEN = [
    {"type": "thinking", "thinking": "Paid.", "signature": "EpQB"},
    {"type": "text", "text": "It is paid."},
]


def claude(received: Received) -> list[Any]:
    """The model thinks and calls in the first round of each turn, and then answers."""
    body: Any = received.body
    is_result = isinstance(body["messages"][-1]["content"], list)
    content, reason = (THEN, "end_turn") if is_result else (THINKING, "tool_use")
    usage = {"input_tokens": 25, "output_tokens": 15}
    message = {"type": "message", "role": "assistant", "model": "claude", "content": content}
    return [Send(json_answer(message | {"stop_reason": reason, "usage": usage}))]


def test_reasoning_is_sent_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both kinds of blocks are sent unchanged with the results, also in later turns and after a replay."""
    monkeypatch.setenv("KEY", "k")
    talk = {"id": "talk", "turns": [{"user": "Is it paid?"}, {"user": "Sure?"}]}
    found = project(tmp_path, cases=[talk], prompts={"plain": [{"user": "{{ user }}"}]})
    found.write("golden/demo.yaml", "talk#1: It is paid.\ntalk#2: It is paid.\n")
    with FaultServer(claude) as server:
        url = server.url.removesuffix("/v1")
        found.configure(app={"provider": "anthropic", "base_url": url, "model": "m", "api_key_env": "KEY"})
        assert found.evaluate(models=["app"]).means["app", "plain"] == {"exact": 1.0}
        bodies: list[Any] = [one.body for one in server.log]
    contents = [[one["content"] for one in body["messages"]] for body in bodies]
    result = [{"type": "tool_result", "tool_use_id": "toolu_1", "content": '{"state": "paid"}'}]
    assert contents[1][1:] == [THINKING, result]
    assert contents[3][1:3] == [THINKING, result]
    assert contents[3][-2:] == [THINKING, result]
    assert found.evaluate(models=["app"], record="none").means["app", "plain"] == {"exact": 1.0}
    samples = read_run(tmp_path / "reports/demo/run.jsonl").samples
    assert all(one.response and one.response.reasoning == "Paid." for one in samples)
    assert "EqQB" not in json.dumps([one.response.added() for one in samples if one.response])
