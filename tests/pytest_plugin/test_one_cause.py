"""An error of many cases: one message, at most one screen, and the last line says what to do. All of them stay red."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from typing import Any

import pytest

from evalharness.testing.fault_server import FaultServer, Received, Reply, Send, json_answer, sse_answer, sse_events
from evalharness.testing.fault_server.chat import answer_text, chunks

UNSET = "the environment variable UNSET_KEY is not set (api_key_env)"
EXPORT = "export UNSET_KEY=..., or replay answers: --llm-record=none"
REMOTE = 'provider = "openai"\nmodel = "m"\nretries = 0\nbase_url = '


@pytest.fixture(autouse=True)
def _cache(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, and no key."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(project.root / ".cache"))
    monkeypatch.delenv("UNSET_KEY", raising=False)


@pytest.fixture
def fault_server() -> Iterator[FaultServer]:
    """A healthy endpoint."""
    with FaultServer() as server:
        yield server


def configure(project: Any, url: str = "http://127.0.0.1:9/v1", more: str = "") -> None:
    """Make the model of the suite one at this address."""
    project.edit("pyproject.toml", 'provider = "scripted"\nanswers = "answers.json"', f'{REMOTE}"{url}"\n{more}')


def without_key(project: Any) -> None:
    """Make the model of the suite one whose key is not set."""
    configure(project, more='api_key_env = "UNSET_KEY"')


def words(result: pytest.RunResult) -> str:
    """The output on one line."""
    return " ".join(result.stdout.str().split())


@pytest.mark.parametrize(
    "options",
    [(), ("-q",), ("-v",), ("-rA", "--tb=long"), ("-n", "1"), ("-n", "2", "-v")],
    ids=" ".join,
)
def test_a_missing_key(project: Any, options: tuple[str, ...]) -> None:
    """However verbose pytest is, forty cases without a key are one message, and the last line says what to do."""
    without_key(project)
    result = project.run(*options)
    assert result.ret == 1
    assert words(result).count(UNSET) == 1
    assert len(set(re.findall(r"case-\d+", words(result)))) == 3
    body = result.outlines[result.outlines.index(next(line for line in result.outlines if "llm demo" in line)) :]
    assert len(body) <= 10
    assert body[-2].strip() == EXPORT
    if "-n" not in options:
        assert len([line for line in result.outlines if line.strip()]) <= 15


def test_every_case_stays_red(project: Any) -> None:
    """The record has the error of each case, JUnit a failure for each, and `--lf` runs them again."""
    without_key(project)
    assert project.run("--junitxml=junit.xml").parseoutcomes()["errors"] >= 40
    assert [sample["error"]["message"] for sample in project.samples()] == [UNSET] * 40
    assert project.verdict()["status"] == "error"
    suite = ElementTree.parse(project.root / "junit.xml").getroot()[0]
    cases = [case for case in suite if "case-" in case.get("name", "")]
    assert [case.find("failure").get("message") for case in cases] == [f"auth: {UNSET}"] * 40  # type: ignore[union-attr]
    assert project.run("--lf").parseoutcomes()["errors"] >= 40


def test_every_door(project: Any) -> None:
    """`evalharness run` and `evaluate()` say and record the same as pytest."""
    without_key(project)
    project.run()
    recorded = [(sample["key"], sample["error"]) for sample in project.samples()]
    result = project.command("run", "demo")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == "ERROR  no usable result for 40 of 40 answers"
    assert (lines[-3], lines[-1].strip()) == (f"40 cases  auth: {UNSET}", EXPORT)
    assert [(sample["key"], sample["error"]) for sample in project.samples()] == recorded
    evaluation = project.evaluate()
    assert evaluation.status == "error"
    assert {sample.error.message for sample in evaluation.samples} == {UNSET}


def test_the_fixture(project: Any) -> None:
    """A test that evaluates the suite fails with the same lines."""
    without_key(project)
    project.write("test_it.py", "def test_it(llm):\n    llm.evaluate('demo')\n")
    result = project.pytester.runpytest("test_it.py", "-p", "no:cacheprovider")
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"40 cases  auth: {UNSET}", f"*{EXPORT}"])


CHECKS = """\
import pytest

@pytest.mark.parametrize("case", ["case-1", "case-2"])
def test_it(llm, case):
    llm.check(case=case, answer="You may return it.", suite="demo")
"""


def test_tests_of_the_application_are_shown(project: Any) -> None:
    """A test that checks an answer is reported as pytest does, also where another one has the same error."""
    table = (
        '[tool.evalharness.embedders.far]\nbase_url = "http://127.0.0.1:9"\nmodel = "m"\napi_key_env = "UNSET_KEY"\n'
    )
    project.edit("pyproject.toml", "[tool.pytest", f"{table}[tool.pytest")
    project.edit("suites/demo.yaml", "metrics: [rouge_l, token_f1]", "metrics: [rouge_l, {embedding: {model: far}}]")
    project.write("test_it.py", CHECKS)
    result = project.pytester.runpytest("test_it.py", "-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["FAILED test_it.py::test_it[[]case-1]*", "FAILED test_it.py::test_it[[]case-2]*"])


def test_a_model_without_a_key_and_another_one(project: Any) -> None:
    """The first line names the model that gets no request; the other one is scored; the run is red."""
    table = f'[tool.evalharness.models.far]\n{REMOTE}"http://127.0.0.1:9/v1"\napi_key_env = "UNSET_KEY"\n'
    project.edit("pyproject.toml", "[tool.pytest", f"{table}[tool.pytest")
    project.edit("suites/demo.yaml", "models: [fake]", "models: [fake, far]")
    result = project.run()
    assert result.ret == 1
    assert result.parseoutcomes()["passed"] == 40
    announced = words(result).index(f"llm: far gets no request: {UNSET}")
    assert announced < words(result).index("suites/demo.yaml .")
    seen: list[str] = []
    project.evaluate(on_message=seen.append)
    assert seen[0] == f"llm: far gets no request: {UNSET}"


def test_recorded_responses_need_no_key(project: Any, fault_server: FaultServer, monkeypatch: Any) -> None:
    """With all responses recorded, a missing key changes nothing; one that is missing is the only error."""
    configure(project, fault_server.url, 'api_key_env = "UNSET_KEY"')
    monkeypatch.setenv("UNSET_KEY", "a-key-for-this-test")
    assert project.run().ret == 0
    monkeypatch.delenv("UNSET_KEY")
    assert project.run().ret == 0
    project.edit("suites/cases.jsonl", "Can I return case-3?", "May I return case-3?")
    result = project.run()
    assert (result.ret, result.parseoutcomes()["passed"]) == (1, 39)
    assert f"1 case auth: {UNSET} case-3 {EXPORT}" in words(result)


def test_nothing_recorded(project: Any) -> None:
    """Without recorded responses, `--llm-record=none` is one message with the command that records them."""
    configure(project)
    result = project.run("--llm-record=none", "-v")
    assert result.ret == 1
    assert "40 cases no recorded response, and --llm-record=none forbids model calls" in words(result)
    assert result.outlines[-2].strip() == "record them, not offline: pytest --llm-suite=demo"
    assert len([line for line in result.outlines if line.strip()]) <= 16


def rejection(status: int, message: str = "no", **error: Any) -> Reply:
    """A rejection in OpenAI's shape."""
    return [Send(json_answer({"error": {"message": message, "type": "error"} | error}, status))]


CERTAIN = {
    "key": (401, {}, "correct the key of fake"),
    "permission": (403, {}, "correct the key of fake"),
    "credit": (402, {}, "add credit to the account of fake"),
    "quota": (429, {"code": "insufficient_quota"}, "add credit to the account of fake"),
    "model": (404, {"code": "model_not_found"}, "correct 'model' or the address of fake"),
    "parameter": (400, {"code": "unsupported_parameter", "param": "temperature"}, "remove it from 'params'"),
}
"""Rejections that are certain for all requests: status, error, what to do."""


@pytest.mark.parametrize(("status", "error", "todo"), CERTAIN.values(), ids=CERTAIN)
def test_a_certain_rejection(project: Any, fault_server: FaultServer, status: int, error: Any, todo: str) -> None:
    """After a rejection that every request meets, the model gets no further request; the case is not the cause."""
    configure(project, fault_server.url, "concurrency = 2")
    fault_server.script = lambda _: rejection(status, **error)
    result = project.run()
    assert result.ret == 1
    assert len(fault_server.log) <= 4
    assert "FAILURES" not in words(result)
    assert result.outlines[-2].strip().startswith(todo)
    assert {sample["error"]["kind"] for sample in project.samples()} == {project.samples()[0]["error"]["kind"]}


def test_under_xdist_too(project: Any, fault_server: FaultServer) -> None:
    """Each worker stops after a certain rejection, and the terminal has one message."""
    configure(project, fault_server.url, "concurrency = 2")
    fault_server.script = lambda _: rejection(401)
    result = project.run("-n", "2")
    assert result.ret == 1
    assert len(fault_server.log) <= 8
    assert words(result).count("the endpoint rejects the key") == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "http://no-such-host.invalid/v1"])
def test_no_server(project: Any, url: str) -> None:
    """A refused connection and an unknown host name the address once."""
    configure(project, url)
    result = project.run()
    assert result.ret == 1
    assert words(result).count(f"40 cases connect: no connection to {url}: ") == 1
    assert result.outlines[-2].strip() == "start it or correct the address of fake: evalharness doctor --ping"


def test_a_rejection_of_every_request(project: Any, fault_server: FaultServer) -> None:
    """Ten equal rejections without a response are taken for the answer to all requests."""
    configure(project, fault_server.url, "concurrency = 1")
    fault_server.script = lambda _: rejection(400, "unknown field 'metadata'")
    assert project.run().ret == 1
    assert len(fault_server.log) == 10
    assert len(project.samples()) == 40


def test_a_rejection_of_one_case(project: Any, fault_server: FaultServer) -> None:
    """A rejected case is shown in full, and the others get their answers."""

    def script(seen: Received) -> Reply:
        if "case-3?" in json.dumps(seen.body):
            return rejection(400, "this question is odd")
        return [Send(sse_answer(sse_events(chunks(answer_text(seen.case), seen.model))))]

    configure(project, fault_server.url)
    fault_server.script = script
    result = project.run()
    assert result.parseoutcomes()["passed"] == 39
    result.stdout.fnmatch_lines(["error (request):", "*this question is odd", "user:", "*Can I return case-3?"])
    assert "1 case request: HTTP 400 error: this question is odd case-3" in words(result)


def test_different_errors_stay_apart(project: Any) -> None:
    """Errors are grouped by their text, the most frequent first, whatever numbers and ids vary in it."""
    errors = {name: {"error": f"shelf {n} of {name} is empty"} for n, name in enumerate(project.ids[:9])}
    project.answer(dict.fromkeys(project.ids, "Yes.") | errors | {"case-9": {"error": "out of paper"}})
    result = project.run()
    assert result.parseoutcomes()["passed"] == 30
    assert "9 cases shelf 0 of case-0 is empty case-0, case-1, case-2, ..." in words(result)
    assert "1 case out of paper case-9" in words(result)
    shown = re.findall(r"^case (case-\d+) ", result.stdout.str(), re.MULTILINE)
    assert shown == ["case-9"]


def test_reports(project: Any) -> None:
    """summary.md and the page have the error once, with the number of cases and what to do."""
    without_key(project)
    project.run()
    summary = project.read("reports/demo/summary.md")
    assert summary.count(UNSET) == 1
    assert f"- 40 cases: `auth: {UNSET}`\n  - first: `case-0, case-1, case-2, ...`" in summary
    assert f"to do: `{EXPORT}`" in summary
    page = project.read("reports/demo/report.html")
    island = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    (error,) = island["errors"]
    assert (error["cases"], error["first"]) == ("40 cases", "case-0, case-1, case-2, ...")
    assert (error["text"], error["todo"]) == (f"auth: {UNSET}", EXPORT)
