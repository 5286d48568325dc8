"""An application behind HTTP in a project: its configuration, its records, its failures and its accepted version."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from http_target import ask, opened, question, result
from json_server import JsonServer
from repository import Repository

from evalharness.errors import ConfigError
from evalharness.records import SampleError
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci
from evalharness.testing.fault_server import FaultServer, hang
from evalharness.wire import is_local

SECRET = "hunter2-0123456789"


class App(JsonServer):
    """An application that answers with its question, or as `replies` says for it: a status and a body."""

    def __init__(self) -> None:
        super().__init__()
        self.replies: dict[str, tuple[int, Any]] = {}
        self.prefix = "You said: "

    def reply(self, given: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[int, Any]:
        """The answer to a question."""
        text = given.get("q")
        text = text[0] if isinstance(text, list) else str(text)
        return self.replies.get(text, (200, {"answer": self.prefix + text.upper(), "cost": 0.25}))


@pytest.fixture
def app() -> Iterator[App]:
    """The application, in threads of this process."""
    found = App()
    with found.serving():
        yield found


def options(app: App, **changes: Any) -> dict[str, Any]:
    """The model that asks this application."""
    return {
        "provider": "http",
        "url": app.url,
        "body": {"q": "{{ question }}"},
        "text": "$.answer",
        "cost_usd": "$.cost",
        "deterministic": True,
        **changes,
    }


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, app: App) -> Project:
    """A suite of 20 questions to the application, outside of CI, with a cache of its own."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = Project(tmp_path / "project")
    found.write_suite({f"c{n}": f"You said: C{n}?" for n in range(20)}, models=["rag"])
    found.write("app/main.py", "TOP = 2\n")
    found.write("app/words.py", "")
    found.configure(rag=options(app))
    return found


WRONG: dict[str, tuple[Mapping[str, Any], str]] = {
    "no $": ({"text": "answer.text"}, "text: expected a JSONPath that starts with '$', got 'answer.text'; did you mean"
             " '$.answer.text'?"),
    "no quotes": ({"text": "$.a[b]"}, "text: '$.a[b]', character 4: expected .name, ['name'], [0] or [*]; did you mean"
                  " ['b']?"),
    "descent": ({"text": "$..text"}, "character 2: '..' is not supported: write the whole path"),
    "filter": ({"text": "$.a[?(@.b)]"}, "character 4: filters are not supported"),
    "slice": ({"text": "$.a[0:2]"}, "character 4: slices and lists of indexes are not supported"),
    "open bracket": ({"text": "$.a['b"}, "character 4: expected .name, ['name'], [0] or [*], got \"['b\""),
    "empty path": ({"text": ""}, "text: expected a JSONPath, such as '$.answer.text', got ''"),
    "path as a number": ({"text": 1}, "'text' should be a valid string, got '1'"),
    "no text": ({"text": None, "contexts": "$.docs"}, "'text' is missing: the JSONPath of the answer's text"),
    "field of a list": ({"contexts": {"body": "$.d[*].b"}}, "contexts: unknown key 'body'; known: id, score, text"),
    "list without text": ({"contexts": {"id": "$.d[*].id"}}, "contexts: 'text' is missing"),
    "another list": ({"contexts": {"text": "$.d[*].b", "id": "$.e[*].id"}}, "contexts.id: expected $.d[*]..."),
    "no list": ({"contexts": {"text": "$.d"}}, "contexts.text: expected a path with [*], because each item has"),
    "placeholder": ({"body": {"a": ["{{ mesages }}"]}}, "body.a[0]: unknown placeholder '{{ mesages }}'; did you mean"
                    " 'messages'"),
    "variable": ({"body": {"a": "{{ customer }}"}}, "a variable of the case is '{{ variables.customer }}'"),
    "parameter": ({"body": {"a": "{{ params.top }}"}}, "'{{ params.top }}'; did you mean 'params.stop'"),
    "open braces": ({"body": {"a": "{{ question"}}, "body.a: expected '{{ NAME }}', got '{{ question'"),
    "placeholder as a key": ({"body": {"{{ case }}": 1}}, "body: expected placeholders in values only"),
    "option": ({"metod": "GET"}, "unknown key 'metod'; did you mean 'method'?"),
    "method": ({"method": "FETCH"}, "'method' must be one of GET, POST, PUT, PATCH, got 'FETCH'"),
    "body with GET": ({"method": "get"}, "'body' is not sent with method = \"GET\": use 'query'"),
    "scheme": ({"url": "localhost:8000"}, "url: expected an http or https address, got 'localhost:8000'"),
    "no host": ({"url": "http:///ask"}, "url: expected an http or https address"),
    "query": ({"url": f"http://h/ask?key={SECRET}"}, "url: expected no query: write http://h/ask, and put the query"),
    "credentials": ({"url": f"http://me:{SECRET}@h/ask"}, "url: expected only scheme, host and path: write"),
    "template in url": ({"url": "http://h/{{ case }}"}, "url: placeholders are not supported here"),
    "secret header": ({"headers": {"Authorization": f"Bearer {SECRET}"}}, "headers: 'Authorization' may be a"
                      " secret: put the name of a variable into headers_env"),
    "a key as a name": ({"headers_env": {"x-key": "sk-abc0123456789def"}}, "expected the name of a variable, got"),
    "header twice": ({"headers": {"x-a": "1"}, "headers_env": {"X-A": "A_B"}}, "headers: 'x-a' is there twice"),
    "key twice": ({"api_key_env": "A_B", "headers_env": {"authorization": "A_B"}}, "'authorization' is there twice"),
    "secret in the body": ({"body": {"a": {"api_key": SECRET}}}, "body.a: 'api_key' may be a secret: send it by"),
    "secret in the query": ({"query": {"access-token": SECRET}}, "query: 'access-token' may be a secret"),
    "own header": ({"headers": {"Host": "x"}}, "headers: 'Host' is set by evalharness"),
    "header name": ({"headers": {"x y": "1"}}, "headers: expected the name of a header, got 'x y'"),
    "header value": ({"headers": {"x-y": "1\n2"}}, "headers: 'x-y': expected printable ASCII characters"),
    "stream": ({"stream": "ws"}, "'stream' should be 'sse' or 'ndjson', got 'ws'"),
    "text of a stream": ({"stream": "sse", "delta": "$.t"}, "with 'stream', set 'delta'"),
    "no delta": ({"stream": "ndjson", "text": None}, "'delta' is missing: the JSONPath of the text in an event"),
    "delta alone": ({"delta": "$.t"}, "'delta' needs stream = \"sse\" or \"ndjson\""),
    "end": ({"stream": "sse", "text": None, "delta": "$.t", "end": "event:"}, "end: expected event:NAME"),
    "recorded": ({"recorded": True}, "recorded = true at an address of this machine needs identity_files"),
    "no match": ({"identity_files": ["lib/*.py"]}, "identity_files: 'lib/*.py' matches no file"),
    "concurrency": ({"concurrency": 0}, "'concurrency' must be from 1 to 1000, got 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_configuration(project: Project, app: App, name: str) -> None:
    """`validate` names the file, the line, the option and what is expected, and asks nothing; no secret is shown."""
    changes, message = WRONG[name]
    given = {key: value for key, value in {**options(app), **changes}.items() if value is not None}
    project.configure(rag=given)
    shown = project.command("validate")
    assert shown.exit_code == 1
    assert message in shown.output
    assert "[tool.evalharness.models.rag]" in shown.output
    assert SECRET not in shown.output
    assert "sk-abc" not in shown.output
    assert not app.requests


def test_the_line_of_a_mistake(project: Project, app: App) -> None:
    """A mistake in an option has its line, also in a table of its own."""
    table = f"[tool.evalharness.models.rag]\nprovider = 'http'\nurl = '{app.url}'\n"
    other = "[tool.evalharness.models.other]\nprovider = 'scripted'\nanswers = 'answers.json'\n"
    for text, line in (
        (f"{other}{table}text = '$.a'\ncost_usd = 'cost'\n", 8),
        (f"{table}\ntext = '$.a'\n[tool.evalharness.models.rag.contexts]\ntext = '$.d.b'\n{other}", 6),
        (f"{table}body = {{q = '{{{{ x }}}}'}}\n", 4),
    ):
        project.write("pyproject.toml", text)
        assert f"pyproject.toml:{line}: [tool.evalharness.models.rag]: " in project.command("validate").output


def test_a_request_by_query(app: App) -> None:
    """GET sends no body; values are percent-encoded, lists repeat their name, and the slash at the end is kept."""
    query = {"q": "{{ variables.text }}", "tag": "{{ variables.tags }}", "k": "{{ params.max_tokens }}", "no": ""}
    request = question(text="a&b=1#ü \n", tags=["x", "y z"])
    assert ask(app.url, request, method="get", query=query, text="$.answer").text == "You said: A&B=1#Ü \n"
    assert app.requests == [("GET", "/ask/", {"q": ["a&b=1#ü \n"], "tag": ["x", "y z"], "k": ["256"]})]


def test_errors_do_not_show_the_query(app: App) -> None:
    """An error names the address and the status, never a value of the query."""
    app.replies["private"] = (500, {"error": "broken"})
    found = result(app.url, method="GET", query={"q": "private"}, text="$.answer")
    assert isinstance(found, SampleError)
    assert found.message == f"HTTP 500: broken (GET {app.url})"


OWN = ("localhost", "127.0.0.1", "127.9.9.9", "[::1]", "0.0.0.0", "127.1", "app.localhost", "LOCALHOST.", "rag")
OWN += ("[::ffff:127.0.0.1]",)


@pytest.mark.parametrize("host", [*OWN, "staging.example.com", "10.0.0.7", "[2001:db8::1]"])
def test_whose_application_it_is(tmp_path: Path, host: str) -> None:
    """An address of this machine is the application of the checkout: nothing of it is replayed, or sampled as accepted.

    Its identity has neither host nor port, so that each run may start it elsewhere.
    """
    found = opened(f"http://{host}:8000/ask", text="$.a")
    assert found.capabilities.recorded == (host not in OWN)
    assert is_local(f"http://{host}") == (host in OWN and host != "rag")
    expected = "http://localhost/ask" if host in OWN else f"http://{host}:8000/ask"
    assert found.identity() == {"provider": "http", "url": expected, "method": "POST", "text": "$.a"}
    assert found.capabilities.own_code == (host in OWN)
    if host in OWN:
        with pytest.raises(ConfigError, match="runs the application of this checkout, not the accepted one"):
            found.with_code_in(tmp_path)


def test_what_the_identity_depends_on() -> None:
    """The templates, the paths and the plain headers are part of the identity; a secret is not."""
    base: dict[str, Any] = {"text": "$.a", "headers_env": {"x-key": "A_KEY"}}
    plain = opened("http://h.example/ask", **base).identity()
    assert "A_KEY" not in json.dumps(plain)
    for change in ({"method": "PUT"}, {"body": {"q": 1}}, {"text": "$.b"}, {"headers": {"x-a": "b"}}, {"error": "$.e"}):
        assert opened("http://h.example/ask", **{**base, **change}).identity() != plain


def test_answers_are_not_replayed_without_identity_files(project: Project, app: App) -> None:
    """Each run asks the application on this machine, because its code may have changed."""
    evaluation = project.evaluate()
    assert evaluation.means["rag", "plain"]["exact"] == 1.0
    assert {sample.cost_usd for sample in evaluation.samples} == {0.25}
    project.evaluate()
    assert len(app.requests) == 40


def test_recorded_answers(project: Project, app: App) -> None:
    """With `identity_files`, answers are replayed until one of these files changes, also without a connection."""
    project.configure(rag=options(app, identity_files=["app/*.py"]))
    project.evaluate()
    assert all(sample.recorded_at for sample in project.evaluate(record="none").samples)
    assert len(app.requests) == 20
    project.write("app/main.py", "TOP = 1\n")
    app.prefix = "He said: "
    missing = project.evaluate(record="none")
    assert {sample.error.kind for sample in missing.samples if sample.error} == {"not recorded"}
    assert project.evaluate().means["rag", "plain"]["exact"] == 0.0
    assert len(app.requests) == 40


def test_replay_opens_no_connection(project: Project, app: App) -> None:
    """With record mode `none`, an application without records gets no request; the error says what to do."""
    errors = {str(sample.error) for sample in project.evaluate(record="none").samples}
    assert len(errors) == 1
    assert "--llm-record=none forbids requests: set identity_files" in errors.pop()
    assert not app.requests


def test_failures_are_errors_of_their_cases(project: Project, app: App) -> None:
    """A status or an error field is an ERROR of its case, never a score; one retry layer sends it again."""
    project.configure(rag=options(app, error="$.error", retries=1))
    app.replies |= {"c0?": (503, {}), "c1?": (200, {"answer": "x", "error": "no index"}), "c2?": (400, {"detail": "q"})}
    evaluation = project.evaluate()
    errors = {sample.key.case: sample.error.kind for sample in evaluation.samples if sample.error}
    assert errors == {"c0": "server", "c1": "application", "c2": "request"}
    assert all(not sample.scores for sample in evaluation.samples if sample.error)
    assert evaluation.status != "pass"
    asked = [given["q"] for _, _, given in app.requests]
    assert [asked.count(f"c{n}?") for n in range(4)] == [2, 1, 1, 1]


def test_an_application_that_hangs(project: Project) -> None:
    """A request without an answer ends at its deadline, as the error of its case."""
    project.write_suite({"a": "Yes."}, models=["rag"])
    with FaultServer(hang) as server:
        url = f"{server.url}/chat/completions"
        project.configure(rag={"provider": "http", "url": url, "text": "$.a", "deadline_s": 0.2})
        (sample,) = project.evaluate().samples
    assert sample.error is not None
    assert sample.error.kind == "deadline"


def test_parameters_reach_the_application_or_are_refused(project: Project, app: App) -> None:
    """A suite may set the parameters that the body sends, and no other one."""
    project.write_suite({"a": "You said: A?"}, models=["rag"], params={"seed": 7})
    project.configure(rag=options(app))
    with pytest.raises(Exception, match="seed"):
        project.evaluate()
    project.configure(rag=options(app, body={"q": "{{ question }}", "seed": "{{ params.seed }}"}))
    assert project.evaluate().means["rag", "plain"]["exact"] == 1.0
    assert app.requests == [("POST", "/ask/", {"q": "a?", "seed": 7})]


def test_doctor(project: Project, app: App) -> None:
    """`doctor` shows the address, and asks with `--ping`; a body with variables cannot be tried."""
    assert f"rag: POST {app.url}" in re.sub(r"\s+", " ", project.command("doctor").output)
    assert not app.requests
    assert "answered in" in project.command("doctor", "--ping").output
    project.configure(rag=options(app, body={"q": "{{ variables.question }}"}))
    assert "needs the variables of a case" in re.sub(r"\s+", " ", project.command("doctor", "--ping").output)
    assert len(app.requests) == 1


def accepted(project: Project, app: App, **changes: Any) -> Repository:
    """The project as a repository whose branch `main` has an accepted run; on a topic branch."""
    project.configure(rag=options(app, **changes))
    project.write(".gitignore", "reports\n.cache\n")
    repository = Repository(project.root, new=False)
    repository.git("init", "--quiet", "--initial-branch=main", "--template=")
    project.accept(because="first answers")
    repository.commit()
    repository.branch()
    app.requests.clear()
    return repository


@pytest.mark.parametrize(
    "files",
    [{}, {"identity_files": ["app/main.py"]}, {"identity_files": ["app/words.py"], "recorded": False}],
    ids=["none", "its code", "other code"],
)
def test_the_accepted_version_cannot_be_sampled_from_the_change(
    project: Project, app: App, files: dict[str, Any]
) -> None:
    """A worse application fails by the accepted runs: it answers for no other version, and nothing else is blamed."""
    accepted(project, app, **files)
    project.write("app/main.py", "TOP = 1\n")
    app.prefix = "He said: "
    evaluation = project.evaluate(base="main")
    assert evaluation.status == "fail"
    assert evaluation.outcome is not None
    reasons = " ".join(verdict.reason for verdict in evaluation.outcome.verdicts)
    assert "the model has changed" not in reasons
    assert evaluation.outcome.criteria == ()
    assert not (project.root / "reports/demo/reference.jsonl").exists()
    with pytest.raises(ConfigError, match="runs the application of this checkout"):
        project.evaluate(against="main")


def test_changed_paths_are_named(project: Project, app: App) -> None:
    """A change of the configuration is part of the verdict, in words of its own."""
    accepted(project, app)
    app.replies["c1?"] = (200, {"answer": "Bad."})
    project.configure(rag=options(app, reasoning="$.why"))
    evaluation = project.evaluate()
    assert evaluation.outcome is not None
    reasons = " ".join(verdict.reason for verdict in evaluation.outcome.verdicts)
    assert (
        "the configuration of the application has changed since the baseline was accepted: reasoning: noth" in reasons
    )


@pytest.mark.parametrize("files", [{}, {"identity_files": ["app/*.py"]}], ids=["none", "its code"])
def test_unchanged_code_answers_for_both_versions(project: Project, app: App, files: dict[str, Any]) -> None:
    """While only the suite has changed, the application also answers the accepted prompts."""
    accepted(project, app, **files, deterministic=False)
    project.edit("suites/demo.yaml", "{{ question }}", "{{ question }} please")
    project.evaluate(base="main")
    assert {given["q"].endswith("please") for _, _, given in app.requests} == {True, False}
    assert (project.root / "reports/demo/reference.jsonl").exists()
