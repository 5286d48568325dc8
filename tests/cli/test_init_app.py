"""`evalharness init --from app` finds what answers, and writes a suite for it that runs."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalharness.config import load_config
from evalharness.suites import load_suite
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

QUESTIONS = "How long is the warranty?\nWhat does shipping cost?\n\nCan I return it?\n"
FASTAPI = """\
from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel

app = FastAPI()
router = APIRouter(prefix="/v1")

class Asked(BaseModel):
    question: str
    lang: str
    top: int = 3

class Answer(BaseModel):
    reply: str

@app.get("/health")
def health(): return {"status": "ok"}
"""
FLASK = """\
from flask import Flask, jsonify, request
app = Flask(__name__)
"""
CLIENT = """\
import os
import openai
from anthropic import Anthropic
MODEL = "gpt-4o-mini"
"""
PYTHON = {"provider": "python", "identity_files": ["bot.py"]}
HTTP = {"provider": "http", "url": "http://localhost:8000/ask"}
QUERY = {"method": "GET", "query": {"q": "{{ question }}"}}
ASK = {"question": "{{ question }}"}

APPS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a model of FastAPI": (
        "main.py",
        FASTAPI
        + '@app.post("/ask", response_model=Answer)\nasync def ask(asked: Asked, db=Depends(x)): return run(asked)\n',
        {**HTTP, "body": {**ASK, "lang": "{{ variables.lang }}"}, "text": "$.reply"},
    ),
    "a router of FastAPI": (
        "main.py",
        FASTAPI
        + '@router.post("/ask")\ndef ask(question: str): return {"answer": {"text": "x"}, "docs": [{"text": 1}]}',
        {
            **HTTP,
            "url": "http://localhost:8000/v1/ask",
            "query": ASK,
            "body": {},
            "text": "$.answer.text",
            "contexts": "$.docs",
        },
    ),
    "a query and a port": (
        "main.py",
        FASTAPI + '@app.get("/ask")\ndef ask(q: str): return {"answer": f(q)}\nuvicorn.run(app, port=9001)\n',
        {**HTTP, "url": "http://localhost:9001/ask", **QUERY, "text": "$.answer"},
    ),
    "messages": (
        "main.py",
        FASTAPI + '@app.post("/chat")\ndef chat(messages: list[dict]): return JSONResponse({"content": "x"})\n',
        {**HTTP, "url": "http://localhost:8000/chat", "body": "{{ messages }}", "text": "$.content"},
    ),
    "two values of a body": (
        "main.py",
        FASTAPI + '@app.post("/ask")\ndef ask(asked: Asked, user: str = Body(...)): return {"answer": "x"}\n',
        {
            **HTTP,
            "body": {"asked": {**ASK, "lang": "{{ variables.lang }}"}, "user": "{{ variables.user }}"},
            "text": "$.answer",
        },
    ),
    "a dict": (
        "main.py",
        FASTAPI + '@app.post("/ask")\ndef ask(payload: dict): return {"answer": f(payload["question"])}\n',
        {**HTTP, "body": ASK, "text": "$.answer"},
    ),
    "JSON of Flask": (
        "app.py",
        FLASK + '@app.route("/ask", methods=["POST"])\ndef ask():\n    data = request.get_json()\n'
        '    return jsonify({"answer": reply(data["question"])})\n',
        {**HTTP, "url": "http://localhost:5000/ask", "body": ASK, "text": "$.answer"},
    ),
    "arguments of Flask": (
        "app.py",
        FLASK + '@app.route("/ask")\ndef ask(): return jsonify(answer=f(request.args.get("q")))\napp.run(port=5001)',
        {
            **HTTP,
            "url": "http://localhost:5001/ask",
            "method": "GET",
            "query": {"q": "{{ question }}"},
            "text": "$.answer",
        },
    ),
    "a function": ("bot.py", "def answer(question): return 'x'\n", {**PYTHON, "call": "bot:answer"}),
    "an async function of messages": (
        "bot.py",
        "async def chat(messages, *, model='m'): return 'x'\n",
        {**PYTHON, "call": "bot:chat"},
    ),
    "a function that needs a key": (
        "bot.py",
        "import os\nKEY = os.environ['SHOP_KEY']\nURL = os.getenv('SHOP_URL')\ndef ask(query): return 'x'\n",
        {**PYTHON, "call": "bot:ask", "env": ["SHOP_KEY"]},
    ),
    "OpenAI": (
        "bot.py",
        CLIENT
        + "client = openai.OpenAI()\ndef run(): return client.chat.completions.create(model=MODEL, messages=[])\n",
        {
            "provider": "openai",
            "base_url": "https://api.openai.com/v1",
            "model": "gpt-4o-mini",
            "api_key_env": "OPENAI_API_KEY",
        },
    ),
    "another endpoint": (
        "bot.py",
        CLIENT + "c = openai.AsyncOpenAI(base_url='http://localhost:11434/v1', api_key=os.environ['THE_KEY'])\n"
        "async def run(): return await c.chat.completions.create(model=os.getenv('MODEL', 'qwen'), messages=[])\n",
        {"provider": "openai", "base_url": "http://localhost:11434/v1", "model": "qwen", "api_key_env": "THE_KEY"},
    ),
    "Anthropic": (
        "bot.py",
        CLIENT + "def run(): return Anthropic().messages.create(model='claude-x', max_tokens=9, messages=[])\n",
        {"provider": "anthropic", "model": "claude-x", "api_key_env": "ANTHROPIC_API_KEY"},
    ),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A folder with questions, outside of CI."""
    leave_ci(monkeypatch)
    found = Project(tmp_path / "project", suite="app")
    found.write("questions.txt", QUESTIONS)
    monkeypatch.chdir(found.root)
    return found


def init(project: Project, *words: str) -> Any:
    """The result of the command with the questions."""
    return project.command("init", "--from", "app", "--cases", "questions.txt", *words)


@pytest.mark.parametrize("name", APPS)
def test_what_is_found(project: Project, name: str) -> None:
    """The table of the model says how the application is asked, and where its answer is."""
    file, source, wanted = APPS[name]
    project.write(file, source)
    result = init(project)
    assert result.exit_code == 0, result.output
    tables = tomllib.loads(project.read("pyproject.toml"))["tool"]["evalharness"]["models"]
    assert tables == {"app": wanted}
    assert len(load_suite("app", load_config(project.root)).cases) == 3
    assert project.command("validate").exit_code == 0


def test_packages_and_folders(project: Project) -> None:
    """A function is named as its project imports it."""
    project.write("src/shop/__init__.py", "")
    project.write("src/shop/core.py", "def answer(question): return 'x'\n")
    assert init(project).exit_code == 0
    model = load_config(project.root).models["app"].options
    assert model == {"call": "shop.core:answer", "path": ["src"], "identity_files": ["src/**/*.py"]}
    assert project.command("validate").exit_code == 0


def test_nothing_is_found(project: Project) -> None:
    """The error says what was looked for, and nothing is written."""
    project.write("lib/text.py", "def clean(text): return text\ndef answer(a, b): return a\n")
    project.write("tests/test_x.py", "def answer(question): return 'x'\n")
    project.write("venv/pyvenv.cfg", "")
    project.write("venv/bot.py", "def answer(question): return 'x'\n")
    project.write("broken.py", "def answer(question:\n")
    result = init(project)
    assert result.exit_code == 1
    assert "no application found: looked in 1 Python files below" in result.output
    assert '@app.post("/ask")' in result.output
    assert not (project.root / "suites").exists()


def test_nothing_is_run(project: Project) -> None:
    """Detection reads the source: a module that ends the process has no effect."""
    project.write("bot.py", "import os\nos._exit(3)\ndef answer(question): return 'x'\n")
    assert init(project).exit_code == 0


def test_the_user_chooses(project: Project) -> None:
    """All that was found is listed; `--app` takes a name of the list, and a near one is named."""
    project.write("bot.py", "def answer(question): return 'x'\ndef chat(messages): return 'x'\n")
    result = init(project, "--dry-run")
    assert result.output.splitlines()[:3] == [
        "* bot:answer  function, bot.py:1",
        "  bot:chat    function, bot.py:2",
        "for another one: --app bot:chat",
    ]
    assert "did you mean 'bot:chat'" in init(project, "--app", "bot:chut").output
    assert init(project, "--app", "bot:chat").exit_code == 0
    assert load_config(project.root).models["app"].options["call"] == "bot:chat"


def test_a_dry_run_writes_nothing(project: Project) -> None:
    """`--dry-run` shows the table and the files."""
    project.write("bot.py", "def answer(question): return 'x'\n")
    result = init(project, "--dry-run")
    assert 'call = "bot:answer"' in result.output
    assert "would be written suites/app.yaml" in result.output
    assert sorted(path.name for path in project.root.iterdir()) == ["bot.py", "questions.txt"]


def test_existing_files_stay(project: Project) -> None:
    """A second call refuses to replace the suite; with --force it does, and the table of the model stays as it is."""
    project.write("bot.py", "def answer(question): return 'x'\n")
    project.write("pyproject.toml", '[tool.evalharness.models.other]\nprovider = "scripted"\n')
    assert init(project).exit_code == 0
    text = project.read("pyproject.toml")
    assert list(load_config(project.root).models) == ["other", "app"]
    project.write("suites/app.yaml", "mine")
    refused = init(project)
    assert refused.exit_code == 1
    assert "suites/app.yaml: the file exists: choose another NAME, or replace it with --force" in refused.output
    assert project.read("suites/app.yaml") == "mine"
    assert init(project, "--force").exit_code == 0
    assert project.read("pyproject.toml") == text
    assert "questions.txt" in project.read("suites/app.yaml")


def test_another_application_gets_another_name(project: Project) -> None:
    """A table `app` that is another application stays."""
    project.write("bot.py", "def answer(question): return 'x'\ndef chat(messages): return 'x'\n")
    assert init(project).exit_code == 0
    assert project.command("init", "two", "--from=app", "--app=bot:chat", "--cases=questions.txt").exit_code == 0
    models = load_config(project.root).models
    assert {name: model.options["call"] for name, model in models.items()} == {"app": "bot:answer", "app-2": "bot:chat"}
    assert load_suite("two", load_config(project.root)).models == ("app-2",)


PROMPTS = {
    "a system message": ("p.md", "Be kind.\n", [{"system": {"file": "../p.md"}}, {"user": "{{ question }}"}]),
    "the whole prompt": ("app/p.txt", "Q: {{ question }}", {"file": "../app/p.txt"}),
    "str.format": ("app/p.txt", "Q: {question}", {"file": "../app/p.txt", "format": "python"}),
    "a chat": ("p.json", '[{"role": "system", "content": "x"}, {"role": "user", "content": "{{ question }}"}]',
               {"file": "../p.json"}),
}  # fmt: skip


@pytest.mark.parametrize("name", PROMPTS)
def test_the_own_prompt(project: Project, name: str) -> None:
    """With `--prompt`, the model that the code calls is tested with the prompt file, where it lies."""
    file, text, wanted = PROMPTS[name]
    project.write("bot.py", APPS["OpenAI"][1] + "def answer(question): return 'x'\n")
    project.write(file, text)
    result = init(project, "--prompt", file)
    assert result.exit_code == 0, result.output
    assert load_config(project.root).models["app"].provider == "openai"
    assert yaml.safe_load(project.read("suites/app.yaml"))["prompts"]["default"] == wanted
    assert project.command("validate").exit_code == 0


def test_the_prompt_of_an_application(project: Project) -> None:
    """An application sends its prompt itself: its answers depend on the file."""
    project.write("bot.py", "def answer(question): return 'x'\n")
    project.write("prompt.md", "x")
    assert init(project, "--prompt", "prompt.md").exit_code == 0
    assert load_config(project.root).models["app"].options["identity_files"] == ["bot.py", "prompt.md"]


def test_a_table_with_golden_answers(project: Project) -> None:
    """Questions come from a table with any layout that `import dataset` reads."""
    project.write("bot.py", "def answer(question): return 'x'\n")
    project.write("table.csv", "Question;Expected Answer\nHow long?;Two years.\nHow much?;Five dollars.\n")
    result = project.command("init", "--from=app", "--cases=table.csv")
    assert result.exit_code == 0, result.output
    suite = load_suite("app", load_config(project.root))
    assert [case.golden for case in suite.cases] == [("Two years.",), ("Five dollars.",)]


def test_wrong_options(project: Project) -> None:
    """Options of one form are refused in the other, and missing questions name their formats."""
    assert "--cases requires --from app" in project.command("init", "--cases=questions.txt").output
    assert "--model cannot be combined with --from app" in init(project, "--model=x").output
    assert "--cases FILE is missing: a table with a column question" in project.command("init", "--from=app").output
    project.write("empty.txt", "\n")
    project.write("bot.py", "def answer(question): return 'x'\n")
    assert "empty.txt has no questions" in project.command("init", "--from=app", "--cases=empty.txt").output


def test_from_the_application_to_a_pass(project: Project) -> None:
    """The first run proposes golden answers with their origin; the run after the accepted one passes."""
    project.write("bot.py", "def answer(question): return 'About: ' + question\n")
    result = init(project, "--run", "--yes")
    assert result.exit_code == 0, result.output
    assert "  how-long-is-the-warranty · About: How long is the warranty?" in result.output
    (line,) = project.read("golden/HISTORY.jsonl").splitlines()
    (origin,) = json.loads(line)["origins"]
    assert (origin["model"], len(origin["answers"])) == ("app", 3)
    assert project.accept().means["app", "default"]["rouge_l"] == 1.0
    assert project.evaluate().status == "pass"
    project.write("bot.py", "def answer(question): return 'No.'\n")
    assert project.evaluate().status != "pass"


def test_answers_become_golden_only_if_confirmed(project: Project) -> None:
    """Without a terminal and without --yes, no answer becomes golden."""
    project.write("bot.py", "def answer(question): return 'x ' + question\n")
    result = init(project, "--run")
    assert result.exit_code == 1
    assert "no terminal to confirm on: pass --yes" in result.output
    assert not (project.root / "golden").exists()
    assert not (project.root / "suites").exists(), "refused before anything is written or sent"


@pytest.mark.parametrize(("file", "where"), [("questions.csv", "questions.csv"), ("questions.txt", "a .csv file")])
def test_a_prompt_with_another_variable(project: Project, file: str, where: str) -> None:
    """A variable that no question brings is an error that says which column to add, and to which file."""
    project.write("app.py", CLIENT + "r = openai.OpenAI().chat.completions.create(model=MODEL, messages=[])\n")
    project.write("support.md", "You serve customers of {{ shop }}.\n")
    project.write(file, "question\nWhat does it cost?\n")
    output = project.command("init", "--from=app", "--prompt=support.md", f"--cases={file}").output
    assert "support.md:1: 'shop' is undefined" in output
    assert f"the prompt also needs these columns in {where}: shop" in output
