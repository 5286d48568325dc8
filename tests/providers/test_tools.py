"""Tools of a suite: what is sent in each format, what comes back, and which models get none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalharness.config import Config, ModelConfig
from evalharness.errors import BilledError, ConfigError, ProviderError
from evalharness.evaluation.plan import make_plan
from evalharness.execution.keys import request_text
from evalharness.providers import Provider, open_provider
from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import Message, Request, Tool, ToolCall
from evalharness.suites import load_suite
from evalharness.testing import Project, complete, request
from evalharness.testing.fault_server import FaultServer, Send, json_answer

SCHEMA = {"type": "object", "properties": {"to": {"type": "string"}, "at": {"type": "integer"}}, "required": ["to"]}
TOOLS = (Tool("order", "Order a ride.", json.dumps(SCHEMA)), Tool("cancel"))
SUITE_TOOLS = [{"name": "order", "description": "Order a ride.", "parameters": SCHEMA}, {"name": "cancel"}]
LOOP = (
    Message("system", "Be brief."),
    Message("user", "Two rides, please."),
    Message("assistant", "", (ToolCall("order", {"to": "A", "at": 9}, id="c1"), ToolCall("cancel", id="c2"))),
    Message("tool", "ordered", call_id="c1"),
    Message("tool", '{"error": "nothing to cancel"}', call_id="c2"),
    Message("user", "And one more."),
    Message("assistant", "Sure.", (ToolCall("order", '{"to": B', id="c3"),)),
    Message("tool", "wrong arguments", call_id="c3"),
)
CHAT_CALL = {"type": "function", "id": "call_9", "function": {"name": "order", "arguments": '{"to": "C"}'}}
ANSWERS: dict[str, dict[str, Any]] = {
    "openai": {
        "choices": [{"message": {"content": None, "tool_calls": [CHAT_CALL]}, "finish_reason": "tool_calls"}],
    },
    "anthropic": {
        "content": [{"type": "tool_use", "id": "call_9", "name": "order", "input": {"to": "C"}}],
        "stop_reason": "tool_use",
    },
}


def sent(provider: str, asked: Request) -> tuple[dict[str, Any], Any]:
    """The body that an endpoint received, and the response."""
    with FaultServer(lambda _: [Send(json_answer(ANSWERS[provider]))]) as server:
        response = complete(opened(provider, server.url.removesuffix("/v1")), asked)
    return server.log[0].body, response


def opened(provider: str, url: str) -> Provider:
    """The provider of one model at this address."""
    table = {"provider": provider, "base_url": url, "model": "m"}
    return open_provider("m", Config(root=Path(), models={"m": ModelConfig(**table)}))


TEXTS: dict[str, dict[str, Any]] = {
    "openai": {"choices": [{"message": {"content": "No."}, "finish_reason": "stop"}]},
    "anthropic": {"content": [{"type": "text", "text": "No."}], "stop_reason": "end_turn"},
}


@pytest.mark.parametrize("provider", TEXTS)
@pytest.mark.parametrize(("tools", "empty"), [(TOOLS, ("tool_calls",)), ((), ())])
def test_no_call(provider: str, tools: tuple[Tool, ...], empty: tuple[str, ...]) -> None:
    """A model that may call tools and calls none is known to call none."""
    with FaultServer(lambda _: [Send(json_answer(TEXTS[provider]))]) as server:
        found = complete(opened(provider, server.url.removesuffix("/v1")), request(tools=tools))
    assert (found.text, found.tool_calls, found.empty) == ("No.", (), empty)
    script = ScriptedProvider({"*": "No."})
    assert complete(script, request(tools=tools)).empty == empty


def test_openai() -> None:
    """OpenAI gets functions, the calls of the assistant with arguments as text, and a message for each result."""
    body, response = sent("openai", request(messages=LOOP, tools=TOOLS))
    empty = {"type": "object", "properties": {}}
    assert body["tools"] == [
        {"type": "function", "function": {"name": "order", "description": "Order a ride.", "parameters": SCHEMA}},
        {"type": "function", "function": {"name": "cancel", "parameters": empty}},
    ]
    first, second = body["messages"][2], body["messages"][6]
    assert first == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "order", "arguments": '{"at": 9, "to": "A"}'}},
            {"id": "c2", "type": "function", "function": {"name": "cancel", "arguments": "{}"}},
        ],
    }
    assert (second["content"], second["tool_calls"][0]["function"]["arguments"]) == ("Sure.", '{"to": B')
    assert body["messages"][3] == {"role": "tool", "tool_call_id": "c1", "content": "ordered"}
    assert response.tool_calls == (ToolCall("order", {"to": "C"}, id="call_9"),)


def test_anthropic() -> None:
    """Anthropic gets blocks; the results of one turn and the user's next text are one message."""
    body, response = sent("anthropic", request(messages=LOOP, tools=TOOLS))
    assert body["tools"] == [
        {"name": "order", "description": "Order a ride.", "input_schema": SCHEMA},
        {"name": "cancel", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert body["messages"] == [
        {"role": "user", "content": "Two rides, please."},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "c1", "name": "order", "input": {"to": "A", "at": 9}},
                {"type": "tool_use", "id": "c2", "name": "cancel", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "ordered"},
                {"type": "tool_result", "tool_use_id": "c2", "content": '{"error": "nothing to cancel"}'},
                {"type": "text", "text": "And one more."},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Sure."},
                {"type": "tool_use", "id": "c3", "name": "order", "input": {"INVALID_JSON": '{"to": B'}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c3", "content": "wrong arguments"}]},
    ]
    assert response.tool_calls == (ToolCall("order", {"to": "C"}, id="call_9"),)


@pytest.mark.parametrize("provider", ANSWERS)
def test_no_tools(provider: str) -> None:
    """Without tools in the request, a tool call is an error, and nothing about tools is sent."""
    with pytest.raises(BilledError, match="calls a tool instead of responding"):
        sent(provider, request())


def test_keys() -> None:
    """The key of a request contains its tools and the order of their properties, and only what is set."""
    properties = {"at": {"type": "integer"}, "to": {"type": "string"}}
    turned = Tool("order", "Order a ride.", json.dumps(SCHEMA | {"properties": properties}))
    asked = [request(), request(tools=TOOLS), request(tools=(turned, TOOLS[1])), request(messages=LOOP, tools=TOOLS)]
    keys = [request_text(opened("openai", "http://a.test"), {}, one) for one in asked]
    assert len(set(keys)) == 4
    assert json.loads(keys[0])["wire"] == {
        "model": "m",
        "messages": [{"role": "user", "content": "case-0"}],
        "max_tokens": 50,
        "temperature": 0.0,
    }


def test_a_finish_reason_without_a_call() -> None:
    """A finish reason that names a call which is not there is an error of the case."""
    lost = {"choices": [{"message": {"content": ""}, "finish_reason": "tool_calls"}]}
    with (
        FaultServer(lambda _: [Send(json_answer(lost))]) as server,
        pytest.raises(BilledError, match="no tool call, but the finish reason 'tool_calls'"),
    ):
        complete(opened("openai", server.url), request(tools=TOOLS))


APP = """\
def told(messages, tools):
    return {"text": tools[0]["name"], "data": tools[0]["parameters"]}

def plain(text):
    return text

def own(text, tools=("mine",)):
    return f"{text} {tools[0]}"

def _given(text):
    return text

hidden = _given
"""
MODELS: dict[str, dict[str, Any]] = {
    "told": {"provider": "python", "call": "app:told"},
    "plain": {"provider": "python", "call": "app:plain"},
    "hidden": {"provider": "python", "call": "app:hidden"},
    "http": {"provider": "http", "url": "http://localhost:9/a", "body": {"q": "{{ question }}", "t": "{{ tools }}"}},
    "http-plain": {"provider": "http", "url": "http://localhost:9/a"},
    "taken": {"provider": "openai", "base_url": "http://a.test", "model": "m", "extra": {"tools": []}},
    "claude": {"provider": "anthropic", "model": "m"},
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A suite with tools, and models of several providers."""
    made = Project(tmp_path)
    made.write_suite({"a": "order"}, tools=SUITE_TOOLS, gates=None)
    made.write("app.py", APP)
    made.configure(**MODELS)
    return made


@pytest.mark.parametrize(
    ("model", "gets"),
    [
        ("told", True),
        ("plain", False),
        ("hidden", True),
        ("http", True),
        ("http-plain", False),
        ("taken", False),
        ("claude", True),
        ("scripted", True),
    ],
)
def test_who_gets_tools(project: Project, model: str, gets: bool) -> None:
    """A suite with tools refuses a model that would not get them, before the first request."""
    suite = load_suite("demo", project.config)
    if gets:
        make_plan(suite, project.config, models=[model])
    else:
        with pytest.raises(ConfigError, match=rf"suites/demo.yaml: tools: the model '{model}' gets no tools"):
            make_plan(suite, project.config, models=[model])


def test_a_function_gets_tools(project: Project) -> None:
    """A function with a parameter `tools` gets name, description and schema; one behind another name must ask too."""
    told, hidden = (project.evaluate(models=[name]).run.samples[0] for name in ("told", "hidden"))
    assert told.response
    assert (told.response.text, told.response.data) == ("order", SCHEMA)
    assert hidden.error
    assert "the suite has tools: add a parameter 'tools' to the function" in hidden.error.message


def test_a_function_keeps_its_own_tools(project: Project) -> None:
    """Without tools in the suite, a default of the function stays."""
    project.write_suite({"a": "a? mine"}, gates=None)
    project.configure(own={"provider": "python", "call": "app:own"})
    (sample,) = project.evaluate(models=["own"]).run.samples
    assert sample.response
    assert sample.response.text == "a? mine"


def test_an_http_application_gets_tools(project: Project) -> None:
    """`{{ tools }}` becomes a list of name, description and schema."""
    provider: Any = open_provider("http", project.config)
    body = provider.wire(request("Hi", tools=TOOLS))["body"]
    assert body == {
        "q": "Hi",
        "t": [
            {"name": "order", "description": "Order a ride.", "parameters": SCHEMA},
            {"name": "cancel", "description": "", "parameters": {"type": "object", "properties": {}}},
        ],
    }


def test_a_scripted_loop(project: Project) -> None:
    """Scripted steps follow the rounds of tool calls; calls and messages are in the record, and are read back."""
    steps = {"steps": [{"tool_calls": [{"name": "order", "arguments": {"to": "A"}}]}, "Done."]}
    provider = ScriptedProvider({"*": steps})
    first = complete(provider, request())
    assert (first.text, first.tool_calls) == ("", (ToolCall("order", {"to": "A"}, id="call_1"),))
    history = (Message("user", "Hi"), Message("assistant", "", first.tool_calls), Message("tool", "ok", (), "call_1"))
    assert complete(ScriptedProvider({"*": steps}), request(messages=history)).text == "Done."
    with pytest.raises(ProviderError, match="expected a step 3, got 2"):
        complete(ScriptedProvider({"*": steps}), request(messages=(*history, *history[1:])))

    project.answer({"a": steps})
    run = project.evaluate().run
    (stored,) = project.record().samples
    assert stored == run.samples[0]
    assert stored.response
    assert stored.response.tool_calls == first.tool_calls


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"steps": [], "text": "x"}, "expected a list 'steps' and no other key"),
        ({"tool_calls": [{"nam": "f"}]}, "tool_calls: expected name, arguments and id"),
        ({"tool_calls": [{"name": 1}]}, "tool_calls: name: expected a str, got int"),
    ],
)
def test_wrong_scripts(answer: Any, message: str) -> None:
    """A mistake in a script is an error that names it."""
    with pytest.raises(ProviderError, match=message):
        complete(ScriptedProvider({"*": answer}))
