"""Scripted tools: what a call returns, what the model sees, and what a sample shows."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from talk import Recorded

from evalharness.records import Request, Response, Timing, ToolCall, Usage
from evalharness.testing import Project

TOOLS = [
    {
        "name": "find_order",
        "parameters": {
            "type": "object",
            "properties": {"id": {"type": "string"}, "deep": {"type": "boolean"}},
            "required": ["id"],
        },
    },
    {"name": "refund", "parameters": {"type": "object", "properties": {"id": {"type": "string"}}}},
]
WORLD: dict[str, Any] = {
    "state": {"refunded": False},
    "results": [
        {"call": "find_order", "arguments": {"id": "1"}, "when": {"refunded": True}, "result": {"state": "refunded"}},
        {"call": "find_order", "arguments": {"id": "1"}, "result": {"state": "paid"}},
        {"call": "refund", "when": {"refunded": True}, "error": "refunded before"},
        {"call": "refund", "arguments": {"id": "1"}, "result": "done", "set": {"refunded": True}},
    ],
}
FIND, REFUND = ("find_order", {"id": "1"}), ("refund", {"id": "1"})


def calling(*rounds: list[tuple[str, Any]]) -> Any:
    """A model that makes these calls, round by round, and then answers with their results."""

    def script(request: Request) -> Any:
        asked = max(n for n, message in enumerate(request.messages) if message.role == "user")
        done = sum(bool(message.tool_calls) for message in request.messages[asked:])
        if done == len(rounds):
            return " | ".join(message.content for message in request.messages if message.role == "tool")
        calls = [{"name": name, "arguments": arguments} for name, arguments in rounds[done]]
        return {"tool_calls": calls, "text": ""}

    return script


def project(root: Path, **keys: Any) -> Project:
    """A suite of one case with the tools and the world."""
    found = Project(root)
    found.write_suite({"order": "x"}, **{"tools": TOOLS, "world": WORLD} | keys)
    return found


def answer(root: Path, *rounds: list[tuple[str, Any]], **keys: Any) -> tuple[Response, Recorded]:
    """The response of the case's sample to these rounds of calls."""
    model = Recorded(calling(*rounds))
    (sample,) = project(root, **keys).evaluate(models={"app": model}).samples
    assert sample.response, sample.error
    return sample.response, model


def test_calls_get_their_results(tmp_path: Path) -> None:
    """The first result that fits is sent to the model, and the state changes from then on."""
    response, model = answer(tmp_path, [FIND], [REFUND, FIND], [REFUND])
    results = [{"state": "paid"}, "done", {"state": "refunded"}, {"error": "refunded before"}]
    assert [(one.name, one.result) for one in response.tool_calls] == list(
        zip(["find_order", "refund", "find_order", "refund"], results, strict=True)
    )
    assert response.text == " | ".join(r if isinstance(r, str) else json.dumps(r) for r in results)
    assert [len(request.messages) for request in model.requests] == [1, 3, 6, 8]
    _, call, result = model.requests[1].messages
    assert (call.role, call.tool_calls[0].name) == ("assistant", "find_order")
    assert (result.role, result.call_id) == ("tool", call.tool_calls[0].id)


def test_the_sample_shows_the_conversation(tmp_path: Path) -> None:
    """The transcript has each call and each result; tokens and seconds are those of all requests."""

    def script(request: Request) -> Response:
        done = len(request.messages) > 1
        calls = () if done else (ToolCall("find_order", {"id": "1"}, id="c1"),)
        return Response("Paid." if done else "", "stop", Usage(10, 5), Timing(0.5), tool_calls=calls)

    (sample,) = project(tmp_path).evaluate(models={"app": Recorded(script)}).samples
    assert sample.response
    assert [(one.role, one.shown) for one in sample.response.turns] == [
        ("assistant", 'find_order(id="1")'),
        ("tool", '{"state": "paid"}'),
        ("assistant", "Paid."),
    ]
    assert (sample.response.usage, sample.response.timing.total_s) == (Usage(20, 10), 1.0)
    assert [message.role for message in sample.messages] == ["user"]


def test_a_schema_that_allows_other_arguments(tmp_path: Path) -> None:
    """An argument that a tool allows without naming it is not unknown, neither in a call nor in a result."""
    parameters = {"type": "object", "properties": {"id": {"type": "string"}}, "additionalProperties": True}
    call = ("find_order", {"id": "1", "year": 2024})
    world = {"results": [{"call": call[0], "arguments": {"year": 2024}, "result": "found"}]}
    tools = [{"name": "find_order", "parameters": parameters}]
    response, _ = answer(tmp_path, [call], tools=tools, world=world)
    assert [(one.result, one.unknown) for one in response.tool_calls] == [("found", False)]


UNKNOWN: dict[str, tuple[tuple[str, Any], str]] = {
    "tool": (("find_ordr", {"id": "1"}), "unknown tool 'find_ordr'; did you mean 'find_order'?"),
    "argument": (("find_order", {"id": "1", "idd": 2}), "unknown argument 'idd'; did you mean 'id'?"),
    "missing": (("find_order", {}), "missing argument 'id'"),
    "no object": (("find_order", "{broken"), "the arguments are not a JSON object"),
    "value": (("find_order", {"id": "2"}), "no result is known for these arguments"),
    "type": (("find_order", {"id": 1}), "no result is known for these arguments"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_call(tmp_path: Path, name: str) -> None:
    """The model sees an error, and the call is marked; the run goes on."""
    call, message = UNKNOWN[name]
    response, _ = answer(tmp_path, [call], [FIND])
    assert [(one.result, one.unknown) for one in response.tool_calls] == [
        ({"error": message}, True),
        ({"state": "paid"}, False),
    ]
    assert response.text.startswith(json.dumps({"error": message}))


def test_unknown_calls_are_counted(tmp_path: Path) -> None:
    """The summary says how many calls have no result, and shows the first; the record keeps the mark."""
    found = project(tmp_path)
    found.answer({"order": {"steps": [{"tool_calls": [{"name": "look_up", "arguments": {"id": "1"}}]}, "Sorry."]}})
    result = found.command("run", "demo")
    assert 'no scripted result: order: look_up(id="1")' in found.read("reports/demo/summary.md")
    assert '1 tool call has no scripted result: order: look_up(id="1")' in " ".join(result.output.split())
    (sample,) = found.record().samples
    assert sample.response
    assert sample.response.tool_calls[0].unknown


def test_a_bound_on_steps(tmp_path: Path) -> None:
    """A model that never answers is an error of its case after `max_steps` requests."""
    model = Recorded(calling(*[[FIND]] * 9))
    (sample,) = project(tmp_path, world=WORLD | {"max_steps": 3}).evaluate(models={"app": model}).samples
    assert len(model.requests) == 3
    assert str(sample.error) == (
        'steps: no answer within max_steps = 3 of the world: the last call was find_order(id="1") -> {"state": "paid"}'
    )


def test_faults_are_the_same_in_each_run(tmp_path: Path) -> None:
    """A share of the calls fails, chosen by case, repeat and number; a fault changes no state."""
    cases = [{"id": f"c{n}", "vars": {"question": "?"}} for n in range(60)]
    faults = {"rate": "30%", "error": "503", "calls": ["find_order"]}
    found = project(tmp_path, cases=cases, world=WORLD | {"faults": faults})
    found.write("golden/demo.yaml", "".join(f"c{n}: x\n" for n in range(60)))
    runs = []
    for _ in range(2):
        samples = found.evaluate(models={"app": Recorded(calling([FIND], [REFUND], [FIND]))}, record="all").samples
        runs.append([[call.result for call in one.response.tool_calls] for one in samples if one.response])
    assert runs[0] == runs[1]
    results = Counter(json.dumps(result) for one in runs[0] for result in one)
    assert 20 <= results['{"error": "503"}'] <= 55
    assert results['"done"'] == 60
    assert len({json.dumps(one) for one in runs[0]}) == 4


def test_each_step_is_recorded(tmp_path: Path) -> None:
    """A second run replays all steps; after a change of the world, only the steps from there on are sent."""
    found = project(tmp_path)
    found.evaluate(models={"app": Recorded(calling([FIND], [REFUND]))})
    again = Recorded(calling([FIND], [REFUND]))
    evaluation = found.evaluate(models={"app": again})
    assert again.requests == []
    assert evaluation.samples[0].recorded_at
    found.write("suites/demo.yaml", found.read("suites/demo.yaml").replace("state: paid", "state: open"))
    changed = Recorded(calling([FIND], [REFUND]))
    found.evaluate(models={"app": changed})
    assert len(changed.requests) == 2


def test_turns_share_the_state(tmp_path: Path) -> None:
    """What a call has set in one turn holds in the next one, which sees the earlier calls."""
    case = {"id": "order", "turns": [{"user": "Refund 1."}, {"user": "What is its state?"}]}

    def script(request: Request) -> Any:
        last = request.messages[-1]
        if last.role == "tool":
            return last.content
        name = "refund" if last.content == "Refund 1." else "find_order"
        return {"tool_calls": [{"name": name, "arguments": {"id": "1"}}], "text": ""}

    found = project(tmp_path, cases=[case], prompts={"plain": [{"user": "{{ user }}"}]})
    found.write("golden/demo.yaml", "order#1: done\n")
    model = Recorded(script)
    samples = found.evaluate(models={"app": model}).samples
    assert [one.response and one.response.text for one in samples] == ["done", '{"state": "refunded"}']
    assert [one.role for one in samples[1].messages] == ["user", "assistant", "tool", "assistant", "user"]


def result(**changes: Any) -> dict[str, Any]:
    """The world with one result."""
    return {"world": WORLD | {"results": [{"call": "refund"} | changes]}}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no tools": ({"tools": None}, "world: the suite offers no tools: add `tools`, or remove `world`"),
    "another tool": (result(call="find"), "the suite offers no tool 'find'; did you mean"),
    "another argument": (result(arguments={"di": 1}), "the tool 'refund' has no argument 'di'; known: id"),
    "unknown state": (result(when={"refund": True}), "when: no 'refund' in the state of the world; did you mean"),
    "set unknown": (result(set={"x": True}), "set: no 'x' in the state of the world"),
    "two outcomes": (result(result="x", error="y"), "expected a result or an error, got both"),
    "unknown key": (result(return_="x"), "unknown key 'return_'"),
    "no results": ({"world": {"results": []}}, "results: must have at least 1 item"),
    "too many steps": ({"world": WORLD | {"max_steps": 51}}, "max_steps: must be less than or equal to 50"),
    "faults of no tool": (
        {"world": WORLD | {"faults": {"rate": "10%", "calls": ["x"]}}},
        "the suite offers no tool 'x'",
    ),
    "rate": ({"world": WORLD | {"faults": {"rate": "110%"}}}, "rate: "),
}


@pytest.mark.parametrize("name", WRONG)
def test_validate_names_the_place(tmp_path: Path, name: str) -> None:
    """A mistake is reported with its file, its line and what to do."""
    keys, message = WRONG[name]
    found = project(tmp_path, **keys).command("validate", "demo")
    assert found.exit_code == 1
    assert re.search(rf"suites/demo\.yaml:\d+:\d+: .*{re.escape(message)}", found.output), found.output
