"""`messages:` and `turns:` of a case: what is sent, what a sample is, and what a missing answer does."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from talk import CASE, GOLDENS, PROMPT, Recorded, answer, case, talk

from evalharness.errors import ProviderError
from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import Request
from evalharness.testing.ci import leave_ci


def sent(request: Request) -> list[tuple[str, str]]:
    """Role and content of each message."""
    return [(message.role, message.content) for message in request.messages]


def test_a_turn_is_sent_with_the_conversation_so_far(tmp_path: Path) -> None:
    """Each turn follows the earlier ones and the answers that they got, and is sent once."""
    model = Recorded()
    evaluation = talk(tmp_path).evaluate(models={"app": model})
    assert model.asked == ["memory#1", "memory#2", "memory#3"]
    assert sent(model.requests[2]) == [
        ("system", "Be brief."),
        ("user", "My name is Ada."),
        ("assistant", "Hello Ada."),
        ("user", "My order is 4711."),
        ("assistant", "Noted."),
        ("user", "What is my name?"),
    ]
    assert [sample.messages for sample in evaluation.samples] == [request.messages for request in model.requests]
    assert all(request.dialogue is None for request in model.requests)


def test_a_turn_is_a_case(tmp_path: Path) -> None:
    """Each turn has its golden answer, its tags with those of the case, and the conversation as its cluster."""
    evaluation = talk(tmp_path).evaluate(models={"app": Recorded()})
    assert [(one.key.case, one.golden, one.tags, one.cluster) for one in evaluation.samples] == [
        ("memory#1", ("Hello Ada.",), ("talk",), "memory"),
        ("memory#2", ("Noted.",), ("talk", "order"), "memory"),
        ("memory#3", ("Your name is Ada.",), ("talk",), "memory"),
    ]
    assert evaluation.means["app", "plain"] == {"exact": 1.0}


def test_a_turn_has_its_own_assertions(tmp_path: Path) -> None:
    """An assertion holds for the answer of its turn; a broken one names the turn."""
    forgetful = ScriptedProvider(lambda request: answer(replace(request, messages=request.messages[-1:])))
    samples = talk(tmp_path).evaluate(models={"app": forgetful}).samples
    assert [(one.key.case, one.failed_checks) for one in samples if one.failed_checks] == [
        ("memory#3", ("must contain 'Ada'",))
    ]


def test_history_of_a_case(tmp_path: Path) -> None:
    """`messages` stand before the last user message of the prompt, word for word, and before the turns."""
    history = [{"user": "Hi, {{ braces }}"}, {"assistant": "Hello."}]
    single = {"id": "single", "vars": {"user": "Who are you?"}, "messages": history}
    model = Recorded(lambda request: "Yes.")
    project = talk(tmp_path, cases=[single, *case(messages=history)], metrics=[{"length": {"min_words": 1}}], gates=[])
    project.write("golden/demo.yaml", "single: A shop.\n")
    project.evaluate(models={"app": model})
    words = {request.key.case: [text for _, text in sent(request)] for request in model.requests}
    assert words["single"] == ["Be brief.", "Hi, {{ braces }}", "Hello.", "Who are you?"]
    assert words["memory#2"][:4] == ["Be brief.", "Hi, {{ braces }}", "Hello.", "My name is Ada."]
    assert words["memory#2"][4:] == ["Yes.", "My order is 4711."]


def test_a_prompt_that_does_not_end_with_the_user(tmp_path: Path) -> None:
    """The turns then follow the prompt as they are."""
    model = Recorded()
    talk(tmp_path, prompts={"plain": [{"system": "Be brief."}]}).evaluate(models={"app": model})
    assert sent(model.requests[0]) == [("system", "Be brief."), ("user", "My name is Ada.")]
    assert model.asked == ["memory#1", "memory#2", "memory#3"]


def test_the_turn_in_a_longer_message(tmp_path: Path) -> None:
    """The last user message of the prompt is rendered for each turn."""
    model = Recorded(lambda request: "Yes.")
    talk(tmp_path, prompts={"plain": [{"user": "Customer: {{ user }}"}]}).evaluate(models={"app": model})
    texts = [text for role, text in sent(model.requests[1]) if role == "user"]
    assert texts == ["Customer: My name is Ada.", "Customer: My order is 4711."]


def test_a_turn_without_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The later turns are not sent: they are errors that name it, and the run is not green."""
    leave_ci(monkeypatch)

    def script(request: Request) -> str:
        if request.key.case == "memory#2":
            raise ProviderError("overloaded", kind="status")
        return answer(request)

    model = Recorded(script)
    project = talk(tmp_path)
    project.accept(models={"scripted": Recorded()})
    evaluation = project.evaluate(models={"scripted": model}, record="all")
    assert model.asked == ["memory#1", "memory#2"]
    assert [str(sample.error) for sample in evaluation.samples[1:]] == [
        "status: overloaded",
        "turn: turn 'memory#2' has no answer: status: overloaded",
    ]
    assert evaluation.status == "error"


def test_recorded_turns_are_replayed(tmp_path: Path) -> None:
    """A second run sends nothing; after a change of the first turn's prompt, every turn is sent again."""
    project, second, third = talk(tmp_path), Recorded(), Recorded()
    project.evaluate(models={"app": Recorded()})
    again = project.evaluate(models={"app": second}, record="none")
    assert (second.asked, again.run.complete) == ([], True)
    assert all(sample.recorded_at for sample in again.samples)
    project.write("suites/demo.yaml", project.read("suites/demo.yaml").replace("Be brief.", "Be kind."))
    project.evaluate(models={"app": third})
    assert third.asked == list(GOLDENS)


def test_a_changed_answer_changes_what_follows(tmp_path: Path) -> None:
    """A turn is replayed only after the answers that it followed."""
    project = talk(tmp_path)
    project.evaluate(models={"app": Recorded()})
    changed = Recorded(lambda request: "Welcome!" if request.key.case == "memory#1" else answer(request))
    project.evaluate(models={"app": changed}, record="all")
    assert sent(changed.requests[1])[2] == ("assistant", "Welcome!")


def test_repeats_are_conversations_of_their_own(tmp_path: Path) -> None:
    """Each repeat follows its own answers."""
    model = Recorded(lambda request: f"{request.key.case} {request.key.repeat}")
    talk(tmp_path).evaluate(models={"app": model}, repeat=2)
    histories = [[text for role, text in sent(one) if role == "assistant"] for one in model.requests]
    assert sorted(histories) == sorted(
        [[], [], *([f"memory#1 {n}"] for n in (0, 1)), *([f"memory#1 {n}", f"memory#2 {n}"] for n in (0, 1))]
    )


def wrong(**changes: Any) -> list[dict[str, Any]]:
    """The case with changes of its second turn."""
    return case(turns=[CASE["turns"][0], CASE["turns"][1] | changes, CASE["turns"][2]])


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no turn": ({"cases": case(turns=[])}, "turns: must have at least 1 item"),
    "text in place of turns": ({"cases": case(turns="Hello")}, "turns: must be a valid list, got 'Hello'"),
    "empty turn": ({"cases": wrong(user="")}, "user: "),
    "unknown key": ({"cases": wrong(asert=[])}, "unknown key 'asert'; did you mean 'assert' or"),
    "unknown role": ({"cases": case(messages=[{"bot": "Hi"}])}, "unknown key 'bot'"),
    "two roles": ({"cases": case(messages=[{"user": "Hi", "system": "x"}])}, "a message must have exactly one role"),
    "assert of the case": ({"cases": case(**{"assert": [{"contains": "x"}]})}, "move 'assert' into the turns"),
    "variable user": ({"cases": case(vars={"user": "x"})}, "the variable 'user' has the text of each turn"),
    "assertion of a turn": (
        {"cases": wrong(**{"assert": [{"contians": "x"}]})},
        "unknown check 'contians'; did you mean 'contains'",
    ),
    "prompt without the turn": (
        {"prompts": {"plain": [{"user": "{{ question }}"}]}, "vars": {"question": "Hi"}},
        "expected {{ user }} in the last user message, because case 'memory' (suites/demo.yaml:",
    ),
    "turn in the system message": ({"prompts": {"plain": [{"system": "{{ user }}"}, *PROMPT]}}, "'user' is undefined"),
    "duplicate id": ({"cases": [*case(), {"id": "memory#2", "vars": {"user": "x"}}]}, "duplicate id 'memory#2'"),
    "golden of no turn": ({"cases": case(turns=CASE["turns"][:2])}, "no case 'memory#3' in the suite"),
}


@pytest.mark.parametrize("name", WRONG)
def test_validate_names_the_place(tmp_path: Path, name: str) -> None:
    """A mistake is reported with its file, its line and what to do."""
    keys, message = WRONG[name]
    result = talk(tmp_path, **keys).command("validate", "demo")
    assert result.exit_code == 1
    assert re.search(rf"(suites|golden)/demo\.yaml:\d+:\d+: .*{re.escape(message)}", result.output), result.output


def test_a_turn_without_a_golden(tmp_path: Path) -> None:
    """A turn without a golden answer has no score, and counts by its assertions alone."""
    project = talk(tmp_path)
    project.write("golden/demo.yaml", "memory#3: Your name is Ada.\n")
    evaluation = project.evaluate(models={"app": Recorded()})
    assert [len(sample.scores) for sample in evaluation.samples] == [0, 0, 1]
    assert evaluation.run.complete
