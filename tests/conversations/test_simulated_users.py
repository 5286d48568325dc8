"""Simulated users: a script of states and reactions leads the conversation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from talk import PROMPT, Recorded
from test_kept_conversations import APP

from evalharness.records import Request
from evalharness.testing import Project

USER: dict[str, Any] = {
    "start": "ask",
    "max_turns": 4,
    "states": {
        "ask": {
            "says": "I want {{ thing }} back.",
            "reactions": [{"if": {"contains": "order number"}, "go": "number"}, {"go": "insist"}],
        },
        "number": {
            "says": "It is 4711.",
            "reactions": [{"if": {"regex": "(?i)refunded"}, "go": "end"}, {"go": "insist"}],
        },
        "insist": {"says": "I insist.", "reactions": [{"go": "insist"}]},
    },
}


def project(root: Path, user: dict[str, Any] = USER, **keys: Any) -> Project:
    """A suite of one case with the user."""
    found = Project(root)
    case = {"id": "refund", "vars": {"thing": "my money"}, "user": user, "assert": [{"contains": "Refunded"}]}
    found.write_suite({"refund": "Refunded."}, **{"cases": [case], "prompts": {"plain": PROMPT}} | keys)
    return found


def helpful(request: Request) -> str:
    """Asks for the order number, and refunds."""
    return "Refunded." if "4711" in request.messages[-1].content else "What is your order number?"


def test_the_script_reacts_to_the_answers(tmp_path: Path) -> None:
    """Each answer leads to a state; the sample has the last answer, and the whole transcript."""
    model = Recorded(helpful)
    (sample,) = project(tmp_path).evaluate(models={"app": model}).samples
    assert sample.ok
    assert sample.response
    assert sample.response.text == "Refunded."
    assert [message.content for message in sample.messages] == ["Be brief.", "I want my money back."]
    assert [(one.role, one.content) for one in sample.response.turns] == [
        ("assistant", "What is your order number?"),
        ("user", "It is 4711."),
        ("assistant", "Refunded."),
    ]
    assert [len(request.messages) for request in model.requests] == [2, 4]


def test_a_bound_on_turns(tmp_path: Path) -> None:
    """A conversation that does not end is an error, and never green."""
    model = Recorded(lambda request: "No.")
    (sample,) = project(tmp_path).evaluate(models={"app": model}).samples
    assert len(model.requests) == 4
    assert str(sample.error) == (
        "turns: the conversation did not end within max_turns = 4: the user would go on with 'insist'"
    )


def test_conversations_are_replayed(tmp_path: Path) -> None:
    """A second run sends nothing; another sample is another conversation."""
    found, second = project(tmp_path), Recorded(helpful)
    found.evaluate(models={"app": Recorded(helpful)})
    found.evaluate(models={"app": second})
    assert second.requests == []
    third = Recorded(helpful)
    found.evaluate(models={"app": third}, repeat=2)
    assert len(third.requests) == 2


def test_an_application_that_keeps_the_conversation(tmp_path: Path) -> None:
    """It gets the new messages of each turn, under one id, and is replayed as a whole."""
    user = {
        "start": "name",
        "states": {
            "name": {"says": "My name is Ada.", "reactions": [{"go": "ask"}]},
            "ask": {"says": "What is my name?"},
        },
    }
    found = project(tmp_path, user, models=["app"])
    found.write("golden/demo.yaml", "refund: Your name is Ada.\n")
    found.write("app.py", APP.replace("FAULT", "pass"))
    options = {"recorded": True, "identity_files": ["app.py"]}
    found.configure(app={"provider": "python", "call": "app:answer", **options})
    for _ in range(2):
        assert found.evaluate().means["app", "plain"] == {"exact": 1.0}
        assert len(found.read("calls.txt").splitlines()) == 2


AGENT = """\
def answer(messages, tools):
    asked = max(at for at, one in enumerate(messages) if one["role"] == "user")
    calls = [] if len(messages) - asked > 2 * CALLS else [{"name": "look", "arguments": {}}]
    return {"text": "" if calls else "Here.", "tool_calls": calls}
"""


@pytest.mark.deep
def test_a_conversation_of_hundreds_of_requests_is_replayed(tmp_path: Path) -> None:
    """Fifty turns of an agent with seven tool calls each are followed from the ledger alone."""
    states = {f"s{n}": {"says": f"Look {n}.", "reactions": [{"go": f"s{n + 1}"}]} for n in range(49)}
    user = {"start": "s0", "max_turns": 50, "states": {**states, "s49": {"says": "Look 49."}}}
    world = {"tools": [{"name": "look"}], "world": {"results": [{"call": "look", "result": "found"}]}}
    found = project(tmp_path, user, models=["app"], **world)
    found.write("app.py", AGENT.replace("CALLS", "7"))
    found.configure(
        app={"provider": "python", "call": "app:answer", "recorded": True, "identity_files": ["app.py"]},
    )
    (sample,) = found.evaluate().samples
    assert sample.response, sample.error
    assert len(sample.response.tool_calls) == 50 * 7
    assert "400 of 400 responses" in found.command("record", "export", "demo").output


def changed(**states: Any) -> dict[str, Any]:
    """The user with other states."""
    return USER | {"states": USER["states"] | states}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "start": (USER | {"start": "aks"}, "no state 'aks'; did you mean 'ask'?"),
    "go": (changed(insist={"says": "x", "reactions": [{"go": "nubmer"}]}), "no state 'nubmer'; did you mean 'number'"),
    "no else": (
        changed(insist={"says": "x", "reactions": [{"if": {"contains": "x"}, "go": "ask"}]}),
        "the last reaction",
    ),
    "two else": (changed(insist={"says": "x", "reactions": [{"go": "ask"}, {"go": "ask"}]}), "expected 'if'"),
    "condition": (
        changed(insist={"says": "x", "reactions": [{"if": {"contians": "x"}, "go": "ask"}, {"go": "ask"}]}),
        "unknown key 'contians'",
    ),
    "pattern": (changed(insist={"says": "x", "reactions": [{"if": {"regex": "("}, "go": "ask"}, {"go": "ask"}]}), "("),
    "template": (changed(insist={"says": "{{ unknown }}"}), "user: state 'insist': 'unknown' is undefined"),
    "end": (changed(end={"says": "x"}), "the state 'end' is the end"),
    "turns": (USER | {"max_turns": 0}, "max_turns: must be greater than or equal to 1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_validate_names_the_place(tmp_path: Path, name: str) -> None:
    """A mistake is reported with its file, its line and what to do."""
    user, message = WRONG[name]
    found = project(tmp_path, user).command("validate", "demo")
    assert found.exit_code == 1
    assert re.search(rf"suites/demo\.yaml:\d+:\d+: .*{re.escape(message)}", found.output), found.output
