"""Conversations under pytest, on the command line, and in everything that follows the first samples."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import scipy.special
import yaml
from repository import Repository
from talk import GOLDENS, Recorded, case, talk

import evalharness.evaluation.acceptance
import evalharness.report.verdict_file
from evalharness.modules import LAST_STEPS, import_modules
from evalharness.store import read_run
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci
from evalharness.testing.fault_server import FaultServer
from evalharness.testing.pytest_project import PytestProject

import_modules(LAST_STEPS)
LOADED = (numpy, scipy, evalharness)
"""Imported here, because pytester unloads what an inner run imports."""
pytest_plugins = ("pytester",)
MODEL = """\
CALLS = []

def answer(request):
    said = [message.content for message in request.messages if message.role == "user"]
    with open("calls.txt", "a") as calls:
        calls.write(f"{request.key.case} {len(said)}\\n")
    if said[-1] == "What is my name?":
        return "Your name is Ada." if "My name is Ada." in said else "I do not know."
    return "Hello Ada." if "name" in said[-1] else "Noted."
"""
CONFIG = """\
[tool.evalharness.models.scripted]
provider = "scripted"
function = "model.py:answer"
[tool.pytest.ini_options]
addopts = "-p no:hypothesispytest"
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> PytestProject:
    """The conversation under pytest, with a model in a file; a baseline that is one day old."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(pytester.path / "cache"))
    source = talk(pytester.path)
    found = PytestProject(pytester)
    found.write("suites/demo.yaml", source.read("suites/demo.yaml"))
    found.write("model.py", MODEL)
    found.write("pyproject.toml", CONFIG)
    return found


def calls(project: Project) -> list[str]:
    """Case and number of user messages of each request so far; the file is emptied."""
    found = project.read("calls.txt").split("\n")[:-1]
    project.write("calls.txt", "")
    return found


def test_each_turn_is_a_test(project: PytestProject) -> None:
    """Pytest has one test for each turn, and the conversation is sent once."""
    result = project.run("--llm-accept")
    result.assert_outcomes(passed=3, skipped=1)
    assert calls(project) == ["memory#1 1", "memory#2 2", "memory#3 3"]
    project.run().assert_outcomes(passed=4)


def test_one_turn_is_selected(project: PytestProject) -> None:
    """A turn alone is sent after the earlier turns, which give no samples."""
    project.run("suites/demo.yaml::memory#2[scripted-plain]").assert_outcomes(passed=1, skipped=1)
    assert calls(project) == ["memory#1 1", "memory#2 2"]
    assert [sample.key.case for sample in project.record().samples] == ["memory#2"]


def test_a_broken_assertion_is_explained(project: PytestProject) -> None:
    """The failed test names the turn and shows the conversation."""
    project.write("model.py", MODEL.replace('"My name is Ada." in said', "False"))
    result = project.run()
    result.assert_outcomes(failed=1, passed=2, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "case memory#3 (suites/demo.yaml:*",
            "- the answer must contain 'Ada'",
            "user:",
            "* My name is Ada.",
            "assistant:",
        ]
    )


def test_workers(project: PytestProject) -> None:
    """With xdist, each worker leads the conversations of its own tests, and the verdict is the same."""
    project.run("--llm-accept")
    result = project.run("-n", "2")
    result.assert_outcomes(passed=4)
    assert project.verdict()["status"] == "pass"
    assert len(project.record().samples) == 3


def test_the_accepted_conversation_is_sampled_next_to_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that lost its memory is confirmed with whole conversations of both versions, and fails."""
    leave_ci(monkeypatch)
    cases = [{**case()[0], "id": f"talk-{n}"} for n in range(8)]
    goldens = {f"talk-{n}#{key[-1]}": text for n in range(8) for key, text in GOLDENS.items()}
    project = talk(tmp_path, cases=cases)
    project.write("golden/demo.yaml", yaml.safe_dump(goldens))
    project.write("model.py", MODEL.replace('"My name is Ada." in said', "WORD in str(request.messages[0].content)"))
    project.write(
        "model.py",
        project.read("model.py").replace("WORD", '"brief"').replace("calls.txt", str(tmp_path / "calls.txt")),
    )
    project.write("pyproject.toml", CONFIG)
    repository = Repository(tmp_path)
    project.accept()
    repository.commit()
    project.write("suites/demo.yaml", project.read("suites/demo.yaml").replace("Be brief.", "Be kind."))
    project.write("calls.txt", "")
    evaluation = project.evaluate(base="HEAD")
    assert evaluation.status == "fail"
    reference = read_run(tmp_path / "reports/demo/reference.jsonl").samples
    assert {(one.key.case[-2:], len(one.messages)) for one in reference} == {("#1", 2), ("#2", 4), ("#3", 6)}
    assert all(one.messages[0].content == "Be brief." for one in reference)


def test_a_turn_that_breaks_a_stable_assertion_runs_again(tmp_path: Path) -> None:
    """More samples of one turn are whole conversations: the earlier turns are sent again, and are no samples."""
    turns = [
        {"user": "My name is Ada."},
        {"user": "What is my name?", "assert": [{"contains": "Eve", "must_pass": "stable"}]},
    ]
    project = talk(tmp_path, cases=case(turns=turns))
    project.write("golden/demo.yaml", "memory#1: Hello Ada.\nmemory#2: Your name is Ada.\n")
    model = Recorded()
    evaluation = project.evaluate(models={"app": model})
    rerun = [sample for sample in evaluation.samples if sample.purpose == "rerun"]
    assert [(one.key.case, one.key.repeat, len(one.messages)) for one in rerun] == [
        ("memory#2", n, 4) for n in range(4)
    ]
    assert sorted(model.asked) == ["memory#1"] * 5 + ["memory#2"] * 5


def test_recordings_hold_whole_conversations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`record export` writes each turn, and another machine replays the conversation without a model."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "here"))
    project = talk(tmp_path, models=["app"], cases=case(turns=[{"user": "A?"}, {"user": "B?"}]))
    project.write("golden/demo.yaml", "memory#1: 'You asked: A?'\nmemory#2: 'You asked: B?'\n")
    with FaultServer() as server:
        project.configure(app={"provider": "openai", "base_url": server.url, "model": "m"})
        assert project.evaluate().run.complete
        result = project.command("record", "export", "demo")
        assert "2 of 2 responses" in result.output
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "there"))
    missing = project.command("record", "export", "demo").output
    assert "2 of 2 responses are not recorded: memory#1[app-plain], memory#2[app-plain]" in missing
    assert project.command("record", "import", tmp_path / "golden/recordings/demo.jsonl").exit_code == 0
    assert project.evaluate(record="none").means["app", "plain"] == {"exact": 1.0}


def test_a_test_gives_the_answer_of_an_agent(project: PytestProject) -> None:
    """With the fixture `llm`, no world plays the tools, and no simulated user goes on: the test has the answer."""
    user = {"start": "a", "states": {"a": {"says": "Where is it?", "reactions": [{"go": "a"}]}}}
    tools = {"tools": [{"name": "find"}], "world": {"results": [{"call": "find", "result": "here"}]}}
    source = talk(project.root / "other", cases=[{"id": "agent", "user": user}], **tools)
    project.write("suites/demo.yaml", source.read("suites/demo.yaml"))
    project.write("golden/demo.yaml", "agent: Here.\n")
    project.write(
        "test_agent.py",
        "from evalharness import Response\n"
        "from evalharness.records import Timing, ToolCall, Usage\n"
        "def test_agent(llm):\n"
        "    calls = (ToolCall('find'),)\n"
        "    answer = Response('Here.', 'stop', Usage(1, 1), Timing(0.1), tool_calls=calls)\n"
        "    assert llm.check(case='agent', answer=answer).response.text == 'Here.'\n",
    )
    project.pytester.runpytest("test_agent.py").assert_outcomes(passed=1, skipped=1)


def test_a_test_gives_the_answers_of_turns(project: PytestProject) -> None:
    """With the fixture `llm`, the application leads the conversation: each turn's answer is given on its own."""
    project.write(
        "test_talk.py",
        "def test_name(llm):\n"
        "    sample = llm.check(case='memory#3', answer='Your name is Ada.')\n"
        "    assert sample.messages[-1].content == 'What is my name?'\n",
    )
    project.pytester.runpytest("test_talk.py").assert_outcomes(passed=1, skipped=1)
