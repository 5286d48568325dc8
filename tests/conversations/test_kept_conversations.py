"""Applications that keep the conversation: a function, and a server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from json_server import JsonServer
from talk import GOLDENS, case, talk

from evalharness.testing import Project

APP = """\
import json
import os
from pathlib import Path

MEMORY = {}

def answer(question, conversation_id, messages, case):
    said = MEMORY.setdefault(conversation_id, [])
    said.append(question)
    with Path("calls.txt").open("a") as calls:
        calls.write(json.dumps([case, conversation_id, [one["content"] for one in messages]]) + "\\n")
    FAULT
    if question == "What is my name?":
        return "Your name is Ada." if "My name is Ada." in said else "I do not know."
    return "Hello Ada." if "name" in question else "Noted."
"""
CRASH = """\
if case == "memory#2" and not Path("crashed").exists():
        Path("crashed").touch()
        os._exit(3)"""
NEW = [["Be brief.", "My name is Ada."], ["My order is 4711."], ["What is my name?"]]
"""The messages that each turn adds."""
Call = tuple[str, str, list[str]]


def project_with(root: Path, *, fault: str = "pass", **options: Any) -> Project:
    """The conversation, and a function that remembers it by its id."""
    project = talk(root, models=["app"])
    project.write("app.py", APP.replace("FAULT", fault))
    project.configure(app={"provider": "python", "call": "app:answer", **options})
    return project


def calls(project: Project) -> list[Call]:
    """Case, conversation and messages of each call so far; later calls start again."""
    path = project.root / "calls.txt"
    found = [tuple(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def ids(made: list[Call]) -> list[str]:
    """The conversations of these calls, each once, in order."""
    return list(dict.fromkeys(conversation for _, conversation, _ in made))


def test_a_function_gets_the_new_messages_of_a_turn(tmp_path: Path) -> None:
    """All turns have one id; a turn brings its own messages; the sample shows the whole conversation."""
    project = project_with(tmp_path)
    evaluation = project.evaluate()
    made = calls(project)
    assert [(name, messages) for name, _, messages in made] == list(zip(GOLDENS, NEW, strict=True))
    assert len(ids(made)) == 1
    assert evaluation.means["app", "plain"] == {"exact": 1.0}
    last = evaluation.samples[-1].messages
    assert [one.role for one in last] == ["system", "user", "assistant", "user", "assistant", "user"]


def test_each_sample_has_a_conversation_of_its_own(tmp_path: Path) -> None:
    """Cases and repeats have their own ids, also those of a single question."""
    project = project_with(tmp_path)
    single = [{"id": f"single-{n}", "vars": {"user": "My name?"}} for n in range(2)]
    project.write_suite(
        GOLDENS | {"single-0": "x", "single-1": "x"},
        models=["app"],
        prompts={"plain": [{"user": "{{ user }}"}]},
        cases=[*case(), *single],
    )
    project.configure(app={"provider": "python", "call": "app:answer"})
    project.evaluate(repeat=2)
    made = calls(project)
    assert len(made) == 2 * 3 + 2 * 2
    assert len(ids(made)) == 2 + 2 * 2


def test_a_conversation_is_replayed_as_a_whole(tmp_path: Path) -> None:
    """A second run replays all turns; a run with a new last turn starts the conversation again."""
    project = project_with(tmp_path, recorded=True, identity_files=["app.py"])
    project.evaluate()
    first = calls(project)
    again = project.evaluate()
    assert (calls(project), again.run.complete) == ([], True)
    project.write("suites/demo.yaml", project.read("suites/demo.yaml").replace("What is my name?", "My name, please?"))
    project.evaluate()
    made = calls(project)
    assert [name for name, _, _ in made] == list(GOLDENS)
    assert len(ids(made)) == 1
    assert ids(made) != ids(first)
    project.evaluate(record="none")
    assert calls(project) == []


def test_no_turn_is_sent_where_only_replays_are_allowed(tmp_path: Path) -> None:
    """A conversation that is recorded in part is an error with --llm-record=none."""
    project = project_with(tmp_path, recorded=True, identity_files=["app.py"])
    project.evaluate()
    calls(project)
    project.write("suites/demo.yaml", project.read("suites/demo.yaml").replace("What is my name?", "My name, please?"))
    errors = [sample.error and sample.error.kind for sample in project.evaluate(record="none").samples]
    assert (errors, calls(project)) == ([None, None, "not recorded"], [])


def test_a_turn_that_crashes(tmp_path: Path) -> None:
    """A crash in a call that ran alone is the error of its turn."""
    samples = project_with(tmp_path, fault=CRASH).evaluate().samples
    assert [sample.error and sample.error.kind for sample in samples] == [None, "crash", "turn"]


LONG = """\
if case == "other#1":
        import time
        Path("waiting").touch()
        time.sleep(0.5)
        if not Path("crashed").exists():
            Path("crashed").touch()
            os._exit(3)
    if case == "memory#2" and not Path("crashed").exists():
        import time
        while not Path("waiting").exists():
            time.sleep(0.01)
        time.sleep(60)"""


def test_a_crash_of_another_conversation(tmp_path: Path) -> None:
    """A turn that a crash of another one interrupts is answered in a new conversation, which knows its first turn."""
    project = project_with(tmp_path, fault=LONG, concurrency=2)
    project.write_suite(
        GOLDENS | {"other#1": "x"},
        models=["app"],
        prompts={"plain": [{"system": "Be brief."}, {"user": "{{ user }}"}]},
        cases=[*case(), {"id": "other", "turns": [{"user": "wait"}]}],
    )
    project.configure(app={"provider": "python", "call": "app:answer", "concurrency": 2})
    evaluation = project.evaluate()
    made = [one for one in calls(project) if one[0] != "other#1"]
    assert [name for name, _, _ in made] == ["memory#1", "memory#2", "memory#1", "memory#2", "memory#3"]
    assert len(ids(made)) == 2
    assert [sample.error for sample in evaluation.samples] == [None] * 4
    assert evaluation.samples[2].response
    assert evaluation.samples[2].response.text == "Your name is Ada."


ALWAYS = """\
import time
    started = time.monotonic()
    if case == "other#2":
        while not Path("waiting").exists() and time.monotonic() < started + 1:
            time.sleep(0.01)
        Path("waiting").unlink(missing_ok=True)
        os._exit(3)
    if case == "memory#2":
        Path("waiting").touch()
        time.sleep(0.3)"""


def test_a_conversation_that_always_crashes(tmp_path: Path) -> None:
    """It costs no other conversation: an interrupted one starts again in a process of its own."""
    project = project_with(tmp_path, fault=ALWAYS)
    other = {"id": "other", "turns": [{"user": "one"}, {"user": "two"}]}
    project.write_suite(
        GOLDENS | {"other#1": "x", "other#2": "x"},
        models=["app"],
        prompts={"plain": [{"system": "Be brief."}, {"user": "{{ user }}"}]},
        cases=[*case(), other],
    )
    project.configure(app={"provider": "python", "call": "app:answer", "concurrency": 2})
    samples = project.evaluate().samples
    assert [sample.error and sample.error.kind for sample in samples] == [None] * 4 + ["crash"]
    assert samples[4].error
    assert samples[4].error.message.endswith("while it answered case 'other#2'")


def test_a_parameter_that_the_source_does_not_show(tmp_path: Path) -> None:
    """A function from elsewhere cannot keep conversations unnoticed: the error says what to write."""
    project = project_with(tmp_path)
    project.write("inner.py", project.read("app.py"))
    project.write("app.py", "from inner import answer\n")
    (error, *_) = [sample.error for sample in project.evaluate().samples]
    assert error is not None
    assert "expected the parameter conversation_id in a function of app.py" in error.message


class Server(JsonServer):
    """An application that keeps conversations, and fails where `faults` says so."""

    def __init__(self) -> None:
        super().__init__()
        self.memory: dict[str, list[str]] = {}
        self.faults: list[str] = []

    def reply(self, given: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[int, Any]:
        """The answer to a question; it is remembered also if the reply fails."""
        conversation, question = given.get("session") or headers["x-session"].removeprefix("eval-"), given["q"]
        if isinstance(question, list):  # of a query
            (conversation,), (question,) = conversation, question
        said = self.memory.setdefault(conversation, [])
        said.append(question)
        if question in self.faults:
            self.faults.remove(question)
            return 500, {"text": ""}
        text = "Hello Ada." if "name" in question else "Noted."
        if question == "What is my name?":
            text = f"Your name is Ada. ({len(said)})" if "My name is Ada." in said else "I do not know."
        return 200, {"text": text}


@pytest.fixture
def server() -> Iterator[Server]:
    """The application, in threads of this process."""
    found = Server()
    with found.serving():
        yield found


PLACES: dict[str, dict[str, Any]] = {
    "body": {"body": {"q": "{{ question }}", "session": "{{ conversation_id }}"}},
    "query": {"method": "GET", "query": {"q": "{{ question }}", "session": "{{ conversation_id }}"}},
    "header": {"body": {"q": "{{ question }}"}, "headers": {"X-Session": "eval-{{ conversation_id }}"}},
}


def served(root: Path, server: Server, **options: Any) -> Project:
    """The conversation with the server."""
    project = talk(root, models=["app"])
    project.write("app.py", "# the code of the server\n")
    project.configure(app={"provider": "http", "url": server.url, "identity_files": ["app.py"], **options})
    return project


@pytest.mark.parametrize("place", PLACES)
def test_a_server_gets_the_id(tmp_path: Path, server: Server, place: str) -> None:
    """The placeholder is filled in the body, the query or a header; a run replays what the one before has recorded."""
    project = served(tmp_path, server, **PLACES[place])
    evaluation = project.evaluate()
    assert list(server.memory.values()) == [["My name is Ada.", "My order is 4711.", "What is my name?"]]
    assert evaluation.samples[2].response
    assert evaluation.samples[2].response.text == "Your name is Ada. (3)"
    assert all(len(name) == 16 for name in server.memory)
    assert project.evaluate().run.complete
    assert len(server.requests) == 3


def test_a_turn_that_failed_is_not_sent_twice(tmp_path: Path, server: Server) -> None:
    """After a failure, the application may know the message: the conversation starts again."""
    server.faults = ["What is my name?", "My name is Ada."]
    evaluation = served(tmp_path, server, **PLACES["body"]).evaluate()
    assert [len(said) for said in server.memory.values()] == [1, 3, 3]
    assert evaluation.samples[2].response
    assert evaluation.samples[2].response.text == "Your name is Ada. (3)"


def test_a_server_that_keeps_failing(tmp_path: Path, server: Server) -> None:
    """After three attempts at the conversation, the turn is an error, and the next one names it."""
    server.faults = ["My order is 4711."] * 9
    evaluation = served(tmp_path, server, **PLACES["body"]).evaluate()
    assert [len(said) for said in server.memory.values()] == [2, 2, 2]
    errors = [str(sample.error) for sample in evaluation.samples[1:]]
    assert "500" in errors[0]
    assert errors[1].startswith("turn: turn 'memory#2' has no answer: ")


def test_another_placeholder_in_a_header(tmp_path: Path, server: Server) -> None:
    """A header takes the id of the conversation alone."""
    project = served(tmp_path, server, headers={"x-case": "{{ case }}"})
    assert "expected one placeholder, {{ conversation_id }}, or none" in project.command("validate").output
