"""Prompts in the code of a project: constants, functions, what is refused, and the accepted version."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from repository import Repository

from evalharness.errors import EvalHarnessError
from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import Request
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

TABLE = '\n[tool.evalharness.prompts.support]\npython = "{}"\npath = ["src"]\n'
Make = Callable[..., Project]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """`project(code, prompt)` has a suite with this prompt, and the code in src/prompts.py."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def make(code: str, prompt: Any = None, target: str = "prompts:SUPPORT", more: str = "") -> Project:
        found = Project(tmp_path / "project")
        found.write_suite({"a": "Yes."}, prompts={"plain": prompt or {"configured": "support"}}, vars={"shop": "Acme"})
        found.write("src/prompts.py", code)
        found.write("pyproject.toml", found.read("pyproject.toml") + TABLE.format(target) + more)
        return found

    return make


def sent(project: Project) -> list[tuple[str, str]]:
    """Roles and texts of the messages that were sent for the case."""
    project.evaluate()
    return [(one.role, one.content) for one in project.record().samples[0].messages]


SENT: dict[str, tuple[str, Any, list[tuple[str, str]]]] = {
    "a template": ('SUPPORT = "{{ shop }}: {{ question }}"', None, [("user", "Acme: a?")]),
    "str.format": (
        'SUPPORT = "{shop}: {{x}} {question}"',
        {"configured": "support", "format": "python"},
        [("user", "Acme: {x} a?")],
    ),
    "a message": (
        'SUPPORT = "You work for {{ shop }}."',
        [{"system": {"configured": "support"}}, {"user": "{{ question }}"}],
        [("system", "You work for Acme."), ("user", "a?")],
    ),
    "messages": (
        'SUPPORT = [{"role": "system", "content": "S"}, ("user", "{{ question }}")]',
        None,
        [("system", "S"), ("user", "a?")],
    ),
    "a function": (
        'def SUPPORT(question, shop, tone="kind"): return f"{shop} {tone} {question} {{{{ not a template }}}}\\n"',
        None,
        [("user", "Acme kind a? {{ not a template }}\n")],
    ),
    "an async function of all variables": (
        'async def SUPPORT(variables): return [{"role": "system", "content": str(sorted(variables))}]',
        {"configured": "support"},
        [("system", "['question', 'shop']")],
    ),
    "a function for a message": (
        'def SUPPORT(shop): return "Work for " + shop',
        [{"system": {"configured": "support"}}, {"user": "{{ question }}"}],
        [("system", "Work for Acme"), ("user", "a?")],
    ),
}


@pytest.mark.parametrize("name", SENT)
def test_what_is_sent(project: Make, name: str) -> None:
    """Constants are templates, and what a function returns is sent as it is."""
    code, prompt, wanted = SENT[name]
    assert sent(project(code, prompt)) == wanted


WRONG: dict[str, tuple[str, Any, str]] = {
    "another variable": ("def SUPPORT(topic): return topic", None, "no variable 'topic': known: question, shop"),
    "an exception": ("def SUPPORT(question): return {}[question]", None, "KeyError: 'a?'"),
    "a failed import": ("import os\nSUPPORT = os.environ['MISSING']", None, "raised KeyError: 'MISSING'"),
    "no text": ("SUPPORT = 5", None, "expected a str, or a list of messages with role and content, got int"),
    "no messages": ("SUPPORT = []", None, "got 0 messages"),
    "another role": (
        'SUPPORT = [{"role": "tool", "content": "x"}]',
        None,
        "unknown role 'tool': expected system, user",
    ),
    "messages for one": (
        'SUPPORT = [{"role": "user", "content": "x"}]',
        [{"system": {"configured": "support"}}],
        "expected a text for the system message, got messages",
    ),
    "not filled in": ('SUPPORT = "Q: {question}"', None, "line 1 of prompts:SUPPORT: {question} is not filled"),
    "another name": ('SUPPORT = "{{ qestion }}"', None, "'qestion' is undefined; did you mean 'question'?"),
    "a crash": ("import os\nos._exit(3)\nSUPPORT = 1", None, "ended with exit status 3 while it was imported"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(project: Make, name: str) -> None:
    """Code that gives no prompt is an error before the first request, and names what is wrong."""
    code, prompt, wanted = WRONG[name]
    made = project(code, prompt)
    with pytest.raises(EvalHarnessError) as caught:
        made.evaluate()
    assert wanted in str(caught.value)
    assert not (made.root / "reports").exists()


def test_validate_runs_no_code(project: Make) -> None:
    """`validate` checks the name of the prompt, the file and the target, and imports nothing."""
    made = project("raise SystemExit(3)\nSUPPORT = 'x'\n")
    assert made.command("validate", "demo").exit_code == 0
    wrong = project("SUPORT = 'x'\n", {"configured": "suport"})
    lines = wrong.command("validate").output.splitlines()
    assert (
        "unknown prompt 'suport': no [tool.evalharness.prompts.suport] in pyproject.toml; did you mean 'support'?"
        in lines[0]
    )
    assert "[tool.evalharness.prompts.support] python: src/prompts.py has no name 'SUPPORT'; did you mean" in lines[1]
    both = project("SUPPORT = 'x'\n", {"configured": "support", "file": "a.md"})
    assert "expected 'file' or 'configured'" in both.command("validate").output


def test_the_code_sees_only_named_variables(project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key of the environment reaches the code only if the configuration names it."""
    monkeypatch.setenv("SHOP_KEY", "x")
    code = "import os\nSUPPORT = 'key ' + os.environ.get('SHOP_KEY', 'unknown')\n"
    assert sent(project(code)) == [("user", "key unknown")]
    assert sent(project(code, more='env = ["SHOP_KEY"]\n')) == [("user", "key x")]


@pytest.mark.parametrize(
    "code", ["SUPPORT = 'Help: {{ question }}'\n", "def SUPPORT(question): return 'Help: ' + question\n"]
)
def test_a_change_of_the_code_is_a_change_of_the_prompt(project: Make, code: str) -> None:
    """The digest of the prompt changes with the code, and the accepted version runs with its own code."""
    made = project(code)
    made.write("model.py", MODEL)
    made.write_suite(dict.fromkeys([f"c{n}" for n in range(40)], "Yes."), prompts={"plain": {"configured": "support"}})
    made.configure(scripted={"provider": "scripted", "function": "model.py:answer"})
    made.write("pyproject.toml", made.read("pyproject.toml") + TABLE.format("prompts:SUPPORT"))
    made.write(".gitignore", "reports/\n__pycache__/\n.cache/\n")
    made.accept()
    repository = Repository(made.root)
    repository.commit()
    before = made.record().header.prompts
    made.write("src/prompts.py", code.replace("Help", "Careless"))
    evaluation = made.evaluate()
    assert evaluation.status == "fail"
    assert evaluation.outcome is not None
    assert evaluation.outcome.criteria == ()
    (change,) = evaluation.outcome.prompts
    assert (change.name, change.file) == ("plain", "src/prompts.py")
    assert "Help" in change.then
    assert "Careless" in change.now
    assert made.record().header.prompts != before
    reference = (made.root / "reports/demo/reference.jsonl").read_text()
    assert "Help: c0?" in reference
    assert "Careless" not in reference


MODEL = """\
import hashlib

def answer(request):
    number = request.key.repeat + (1000 if request.key.purpose == "reference" else 0)
    text = request.messages[0].content
    toss = hashlib.sha256(f"{request.key.case} {number} {text}".encode()).digest()[0] / 256
    return "Yes." if toss < (0.2 if "Careless" in text else 0.95) else "No."
"""


CONVERSATIONS: dict[str, dict[str, Any]] = {
    "turns": {"turns": [{"user": "A?"}, {"user": "B?"}]},
    "user": {"user": {"start": "a", "states": {"a": {"says": "A?", "reactions": [{"go": "b"}]}, "b": {"says": "B?"}}}},
}
IN_CODE = {
    "a constant": 'SUPPORT = [{"role": "system", "content": "{{ shop }}"}, {"role": "user", "content": "{{ user }}"}]',
    "a function": 'def SUPPORT(shop): return [{"role": "system", "content": shop}]',
}


@pytest.mark.parametrize("conversation", CONVERSATIONS)
@pytest.mark.parametrize("code", IN_CODE)
def test_conversations(project: Make, conversation: str, code: str) -> None:
    """A prompt in code leads a conversation of several turns, or with a simulated user, and with scripted tools."""
    made = project(IN_CODE[code])
    suite = yaml.safe_load(made.read("suites/demo.yaml"))
    suite |= {"tools": [{"name": "find"}], "world": {"results": [{"call": "find", "result": "here"}]}, "gates": []}
    suite["cases"] = [{"id": "a", **CONVERSATIONS[conversation]}]
    made.write("suites/demo.yaml", yaml.safe_dump(suite))
    made.write("golden/demo.yaml", yaml.safe_dump({"a#2" if conversation == "turns" else "a": "x"}))

    def script(request: Request) -> Any:
        last = request.messages[-1]
        calls = {"tool_calls": [{"name": "find", "arguments": {}}], "text": ""}
        return calls if last.role == "user" else last.content

    made.evaluate(models={"scripted": ScriptedProvider(script)})
    last = made.record().samples[-1]
    assert last.response
    said = [(one.role, one.content) for one in (*last.messages, *last.response.turns) if one.role in ("system", "user")]
    assert said == [("system", "Acme"), ("user", "A?"), ("user", "B?")]
    assert last.response.text == "here"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ('SUPPORT = "{{ shop }}"', "src/prompts.py: expected {{ user }} in the last user message"),
        ("def SUPPORT(shop): return shop", "src/prompts.py: a function writes the last user message of 'a#1'"),
    ],
)
def test_a_prompt_that_leaves_the_turn_out(project: Make, code: str, message: str) -> None:
    """A prompt that would send the same message in every turn is refused before the first request."""
    made = project(code)
    suite = yaml.safe_load(made.read("suites/demo.yaml"))
    made.write("suites/demo.yaml", yaml.safe_dump(suite | {"cases": [{"id": "a", **CONVERSATIONS["turns"]}]}))
    made.write("golden/demo.yaml", "a#2: x\n")
    with pytest.raises(EvalHarnessError, match=re.escape(message)):
        made.evaluate()
