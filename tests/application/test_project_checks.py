"""Checks and metrics in Python, named in the configuration: what they get, return and cost, and how they fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from evalharness.records import Sample
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

CHECKS = """\
from words import GERMAN

def is_german(text):
    if set(text.split()) <= GERMAN:
        return True
    return f"must be German, got {text!r}"

def tone(text, greeting="Guten"):
    return {"value": float(greeting in text), "explanation": f"looked for {greeting}", "parts": {"words": 2}}
"""
WORDS = "GERMAN = {'Guten', 'Tag', 'Abend'}\n"
ONE_ANSWER = {"a": "Yes."}
GOLDENS = {"day": "Guten Tag", "night": "Guten Abend", "english": "Hello"}
TABLES = """
[tool.evalharness.checks.is_german]
call = "checks:is_german"
[tool.evalharness.metrics.tone]
call = "checks:tone"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A suite with a check and a metric of the project, outside of CI."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = Project(tmp_path / "project")
    made.write_suite(GOLDENS, metrics=["exact", "tone"], **{"assert": [{"is_german": True}]})
    made.write("pyproject.toml", made.read("pyproject.toml") + TABLES)
    made.write("checks.py", CHECKS)
    made.write("words.py", WORDS)
    return made


def has_ended(pid: int) -> bool:
    """Whether a process ends within a minute."""
    for _ in range(600):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def samples(project: Project) -> dict[str, Sample]:
    """The samples of a run by case."""
    return {sample.key.case: sample for sample in project.evaluate().samples}


def with_check(
    project: Project, source: str, table: str = "", answers: Mapping[str, str] = ONE_ANSWER
) -> dict[str, Sample]:
    """The samples of these answers with this function `check`."""
    project.write("mine.py", source)
    given = {"assert": [{"mine": True}], "metrics": ["exact"]}
    project.write_suite(dict(answers), **given)
    text = project.read("pyproject.toml")
    project.write("pyproject.toml", f'{text}[tool.evalharness.checks.mine]\ncall = "mine:check"\n{table}')
    return samples(project)


def with_metric(project: Project, source: str, answers: Mapping[str, str]) -> dict[str, Sample]:
    """The samples of these answers with this function `metric`."""
    project.write("mine.py", source)
    project.write_suite(dict(answers), metrics=["mine"], gates=[])
    text = project.read("pyproject.toml")
    project.write("pyproject.toml", f'{text}[tool.evalharness.metrics.mine]\ncall = "mine:metric"\n')
    return samples(project)


def test_a_run(project: Project) -> None:
    """A check breaks with its own words, a metric brings its explanation, and both have the digest of their files."""
    found = samples(project)
    assert [sample.failed_checks for sample in found.values()] == [(), (), ("must be German, got 'Hello'",)]
    score = found["english"].score("tone")
    assert score
    assert (score.value, score.explanation, score.parts) == (0.0, "looked for Guten", {"words": 2.0})
    signature = score.signature
    project.write("words.py", WORDS.replace("'Tag'", "'Morgen'"))
    changed = samples(project)["day"]
    assert changed.failed_checks == ("must be German, got 'Guten Tag'",)
    assert changed.scores[1].signature != signature


def test_a_changed_function_is_not_compared(project: Project) -> None:
    """A changed metric, or a changed module that it imports, has other settings than the accepted run."""
    project.write_suite(GOLDENS, metrics=["tone"], gates=[{"metric": "tone"}])
    project.write("pyproject.toml", project.read("pyproject.toml") + TABLES)
    project.accept()
    assert project.evaluate().status == "pass"
    project.write("words.py", WORDS + "# a comment\n")
    evaluation = project.evaluate()
    assert evaluation.status == "incomparable"
    assert "metric settings changed" in evaluation.verdicts[0].reason


GETS = {
    "answer": '["Yes."]',
    "text": '["Yes."]',
    "answer, /": '["Yes."]',
    "golden": '[["Yes."]]',
    "variables": '[{"question": "a?"}]',
    "messages": '[[{"role": "user", "content": "a?"}]]',
    "tags": "[[]]",
    "value": "[3]",
    "text, value": '["Yes.", 3]',
    "contexts, tool_calls, data, turns": "[[], [], null, []]",
    "text, most=5": '["Yes.", 5]',
    "text, limit": '["Yes.", 7]',
    "answer='none'": '["Yes."]',
}
"""Parameters of a check -> what it gets."""


def test_parameters(project: Project) -> None:
    """A function gets what its parameters name; one of another name gets the text."""
    source, tables, checks = "import json\n", "", list[dict[str, Any]]()
    for number, parameters in enumerate(GETS):
        names = ", ".join(one.partition("=")[0].strip() for one in parameters.split(",") if one.strip() != "/")
        source += f"def check_{number}({parameters}):\n    return json.dumps([{names}])\n"
        tables += f'[tool.evalharness.checks.check_{number}]\ncall = "mine:check_{number}"\n'
        tables += "limit = 7\n" if "limit" in parameters else ""
        checks.append({f"check_{number}": 3 if "value" in parameters else True})
    project.write("mine.py", source)
    project.write_suite(ONE_ANSWER, metrics=["exact"], **{"assert": checks})
    project.write("pyproject.toml", project.read("pyproject.toml") + tables)
    assert samples(project)["a"].failed_checks == tuple(GETS.values())


def test_what_an_application_adds(project: Project) -> None:
    """A check reads the contexts and tool calls of an application."""
    source = "def check(contexts, tool_calls):\n    return f\"{contexts[0]['id']} {tool_calls[0]['name']}\"\n"
    project.write("app.py", 'def answer(q):\n    return {"text": "Yes.", **ADDED}\n'.replace("**ADDED", _ADDED))
    project.write("mine.py", source)
    project.write_suite({"a": "Yes."}, models=["app"], **{"assert": [{"mine": True}]})
    project.configure(app={"provider": "python", "call": "app:answer"})
    table = '[tool.evalharness.checks.mine]\ncall = "mine:check"\n'
    project.write("pyproject.toml", project.read("pyproject.toml") + table)
    assert samples(project)["a"].failed_checks == ("doc-1 find",)


_ADDED = '"contexts": [{"id": "doc-1", "text": "x"}], "tool_calls": [{"name": "find", "arguments": {}}]'
EVALUATES = "    return eval(text)\n"
"""A function returns what the answer of the case says."""
RETURNS = {
    "True": None,
    "None": None,
    "False": "must pass the check mine",
    "'must be short'": "must be short",
}
WRONG = {
    "1": "expected True, False, None or a text that says what is wrong, got 1",
    "''": "expected True, False, None or a text that says what is wrong, got ''",
    "[]": "expected True, False, None or a text that says what is wrong, got list []",
    "object()": "result: expected a JSON value, got object",
    "float('nan')": "result: expected a finite number, got nan",
    "{}.fromkeys(range(2))": "result: expected texts as keys, got int",
}


def by_number(texts: Iterable[str]) -> dict[str, str]:
    """A case for each of these answers."""
    return {f"case-{number}": text for number, text in enumerate(texts)}


def test_returned_by_a_check(project: Project) -> None:
    """A check returns a bool, a text with what is wrong, or nothing; another value is an error of the sample."""
    found = with_check(project, f"def check(text):\n{EVALUATES}", answers=by_number([*RETURNS, *WRONG]))
    broken = [(problem,) if problem else () for problem in RETURNS.values()]
    assert [sample.failed_checks for sample in found.values()] == [*broken, *([()] * len(WRONG))]
    errors = [sample.error and (sample.error.kind, sample.error.message) for sample in found.values()]
    assert errors == [*([None] * len(RETURNS)), *(("check", f"mine: {message}") for message in WRONG.values())]


def test_an_async_check(project: Project) -> None:
    """A check may be a coroutine function."""
    found = with_check(project, f"async def check(text):\n{EVALUATES}", answers=by_number(RETURNS)).values()
    assert [sample.failed_checks != () for sample in found] == [bool(problem) for problem in RETURNS.values()]


SCORES = {
    "0.25": 0.25,
    "1": 1.0,
    "{'value': 0.5}": 0.5,
    "True": "expected a number from 0 to 1, or a mapping with value, explanation and parts, got True",
    "'0.5'": "got '0.5'",
    "None": "got None: does the function return its score?",
    "1.5": "expected a score in [0, 1], got 1.5",
    "-0.1": "expected a score in [0, 1], got -0.1",
    "float('inf')": "result: expected a finite number",
    "{'score': 1}": "expected a number from 0 to 1",
    "{'value': 1, 'why': ''}": "expected a number from 0 to 1",
    "{'value': True}": "value and parts must be numbers",
    "{'value': 1, 'parts': {'a': 'b'}}": "value and parts must be numbers",
    "{'value': 1, 'parts': [1]}": "value and parts must be numbers",
}


def test_returned_by_a_metric(project: Project) -> None:
    """A metric returns a number in [0, 1], or a mapping with it; anything else is an error and never a 0."""
    found = with_metric(project, f"def metric(text):\n{EVALUATES}", by_number(SCORES))
    for sample, wanted in zip(found.values(), SCORES.values(), strict=True):
        if isinstance(wanted, float):
            assert [score.value for score in sample.scores] == [wanted]
        else:
            assert sample.scores == ()
            assert sample.error
            assert sample.error.kind == "metric"
            assert wanted in sample.error.message


def test_an_exception_shows_its_place(project: Project) -> None:
    """An exception is an error of the sample, with file, line and the frames of the project."""
    source = "def inner(text):\n    raise ValueError('bad ' + text)\n\ndef check(text):\n    return inner(text)\n"
    error = with_check(project, source)["a"].error
    assert error
    lines = error.message.splitlines()
    assert lines[0] == "mine: ValueError: bad Yes. (mine.py:2)"
    assert "  mine.py:5 in check: return inner(text)" in lines


def test_a_crash_costs_one_check(project: Project) -> None:
    """A function that ends its process is the error of one sample; the others are checked."""
    source = CHECKS.replace("    if set", "    import os\n    if text == 'Hello':\n        os._exit(3)\n    if set")
    project.write("checks.py", source)
    found = samples(project)
    assert found["english"].error
    assert found["english"].error.message == "is_german: the process of checks:is_german ended with exit status 3"
    assert [found[name].ok for name in ("day", "night")] == [True, True]


def test_a_hang_costs_one_check(project: Project) -> None:
    """A function that exceeds `deadline_s` is the error of one sample."""
    hang = "    import time\n    if text == 'Hello':\n        time.sleep(600)\n"
    project.write("checks.py", CHECKS.replace("    if set", f"{hang}    if set"))
    project.edit("pyproject.toml", '"checks:is_german"', '"checks:is_german"\ndeadline_s = 0.5')
    found = samples(project)
    assert found["english"].error
    assert "checks:is_german did not answer within deadline_s = 0.5" in found["english"].error.message
    assert [found[name].ok for name in ("day", "night")] == [True, True]


def test_the_deadline_of_a_run_ends_a_hang(project: Project, tmp_path: Path) -> None:
    """The end of a run ends a function that hangs, and its process."""
    pid = tmp_path / "pid"
    hang = f"    import os, time\n    open({str(pid)!r}, 'w').write(str(os.getpid()))\n    time.sleep(600)\n"
    project.write("checks.py", CHECKS.replace("    if set", hang + "    if set"))
    started = time.monotonic()
    found = project.evaluate(deadline_s=2.0).samples
    assert time.monotonic() - started < 60
    assert [sample.error is not None for sample in found] == [True] * 3
    assert has_ended(int(pid.read_text()))


def test_the_process_ends_with_the_run(project: Project, tmp_path: Path) -> None:
    """After a run, no process of a check or a metric is left."""
    pids = tmp_path / "pids"
    note = f"import os\nwith open({str(pids)!r}, 'a') as file:\n    file.write(f'{{os.getpid()}} ')\n"
    project.write("checks.py", note + CHECKS)
    assert samples(project)["day"].ok
    started = [int(pid) for pid in pids.read_text().split()]
    assert len(started) == 2
    assert all(map(has_ended, started))


def test_it_sees_only_named_variables(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function sees the variables in `env` and no others; one that is not set is the error of each sample."""
    monkeypatch.setenv("MY_WORD", "hello")
    monkeypatch.setenv("MY_OTHER", "hidden")
    source = "import os\ndef check(text):\n    return f\"{os.environ.get('MY_WORD')} {os.environ.get('MY_OTHER')}\"\n"
    assert with_check(project, source, 'env = ["MY_WORD"]\n')["a"].failed_checks == ("hello None",)
    monkeypatch.delenv("MY_WORD")
    error = samples(project)["a"].error
    assert error
    assert error.message == "mine: the environment variable MY_WORD is not set (env)"


TABLES_WRONG: Mapping[str, tuple[str, str]] = {
    "no call": ('path = ["."]', "[tool.evalharness.checks.bad] 'call' is missing"),
    "no function": ('call = "checks:is_germn"', "checks.py has no function 'is_germn'; did you mean 'is_german'?"),
    "no module": ('call = "chekcs:f"', "no module 'chekcs' in the project"),
    "outside": ('call = "checks:is_german"\npath = [".."]', "path: expected folders below the root"),
    "unknown option": ('call = "checks:is_german"\ndeadline = 5', "unknown key 'deadline'; did you mean 'deadline_s'?"),
    "a name of the response": (
        'call = "checks:is_german"\ntext = "x"',
        "text: the function gets 'text' of the response",
    ),
    "a date": ('call = "checks:tone"\ngreeting = 2024-01-01', "greeting: expected a text, a finite number"),
    "deadline": ('call = "checks:is_german"\ndeadline_s = 0', "deadline_s: must be greater than 0, got '0'"),
    "two parameters": ('call = "checks:pair"', "call: unknown parameters left, right: expected text"),
    "a syntax error": ('call = "broken:f"', "broken.py:1:"),
    "files": ('call = "checks:is_german"\nidentity_files = ["data/*.txt"]', "'data/*.txt' matches no file"),
}


@pytest.mark.parametrize(("table", "message"), TABLES_WRONG.values(), ids=TABLES_WRONG)
def test_validate_reads_the_source(project: Project, table: str, message: str) -> None:
    """`validate` names each problem of a table, and imports nothing."""
    project.write("broken.py", "def f(:\n")
    project.write("checks.py", f"{CHECKS}\ndef pair(left, right):\n    pass\n\nopen('imported', 'w')\n")
    project.write("pyproject.toml", f"{project.read('pyproject.toml')}[tool.evalharness.checks.bad]\n{table}\n")
    result = project.command("validate")
    assert result.exit_code == 1
    assert message in result.output
    assert "pyproject.toml" in result.output
    assert not (project.root / "imported").exists()


def test_validate_names_the_line(project: Project) -> None:
    """A problem of a table has the line of its key."""
    project.edit("pyproject.toml", 'call = "checks:tone"', 'call = "checks:tone"\ngreting = "Hallo"')
    line = project.read("pyproject.toml").splitlines().index('greting = "Hallo"') + 1
    output = project.command("validate").output
    assert f"pyproject.toml:{line}: [tool.evalharness.metrics.tone]: unknown key 'greting'" in output


@pytest.mark.parametrize(
    ("kind", "name", "noun"),
    [("checks", "contains", "check"), ("metrics", "rouge_l", "metric"), ("metrics", "latency", "metric")],
)
def test_a_name_that_exists(project: Project, kind: str, name: str, noun: str) -> None:
    """A function cannot hide a built-in check, metric or gate."""
    table = f'[tool.evalharness.{kind}.{name}]\ncall = "checks:is_german"\n'
    project.write("pyproject.toml", project.read("pyproject.toml") + table)
    output = project.command("validate").output
    assert f"'{name}' is the name of a built-in or installed {noun}: choose another name" in output


def test_a_name_in_a_suite(project: Project) -> None:
    """A misspelt name in a suite has the nearest one, and a value that the function does not take is an error."""
    project.edit("suites/demo.yaml", "- is_german: true", "- is_germn: true")
    output = project.command("validate").output
    assert "unknown check 'is_germn'; did you mean 'is_german'?; one of your own needs" in output
    assert "[tool.evalharness.checks.is_germn]" in output
    project.edit("suites/demo.yaml", "- is_germn: true", "- is_german: false")
    wanted = "is_german: expected true, because its function has no parameter 'value', got False"
    assert wanted in project.command("validate").output


def test_a_suite_cannot_name_code(project: Project) -> None:
    """Only the configuration names code."""
    project.edit("suites/demo.yaml", "- is_german: true", "- {call: 'checks:is_german'}")
    assert "unknown check 'call'" in project.command("validate").output


def test_doctor_imports(project: Project) -> None:
    """`doctor` imports each module in a process of its own, and shows what it raises."""
    output = project.command("doctor").output
    assert "check is_german: checks:is_german imports" in output
    assert "metric tone: checks:tone imports" in output
    project.write("words.py", "GERMAN = {}['Guten']\n")
    result = project.command("doctor")
    assert result.exit_code == 1
    output = " ".join(result.output.split())
    assert "check is_german: checks:is_german: importing the module raised KeyError: 'Guten' (words.py:1)" in output


def test_a_hidden_import(project: Project) -> None:
    """A module of the project that the source does not show is an error: nothing would notice its change."""
    source = "import importlib\ndef check(text):\n    return importlib.import_module('words').GERMAN is not None\n"
    error = with_check(project, source)["a"].error
    assert error
    assert error.message == "mine: it imports words.py, which its source does not show: add it to identity_files"
    project.edit("pyproject.toml", '"mine:check"', '"mine:check"\nidentity_files = ["words.py"]')
    assert samples(project)["a"].ok


def test_must_pass(project: Project) -> None:
    """`must_pass` and gates on assertions check accepted answers again."""
    given = {"assert": [{"is_german": True, "must_pass": "90%"}], "metrics": ["exact"]}
    gates = [{"metric": "exact"}, {"metric": "assertions"}]
    project.write_suite(GOLDENS, **given, gates=gates)
    project.write("pyproject.toml", project.read("pyproject.toml") + TABLES)
    evaluation = project.evaluate()
    assert "2 of 3 cases keep it" in " ".join(verdict.reason for verdict in evaluation.verdicts)
    project.edit("suites/demo.yaml", "  must_pass: 90%\n", "")
    project.answer(GOLDENS | {"english": "Guten Tag"})
    project.write("golden/demo.yaml", "day: Guten Tag\nnight: Guten Abend\nenglish: Guten Tag\n")
    project.accept()
    again = project.evaluate()
    assert {verdict.metric: verdict.status for verdict in again.verdicts} == {"exact": "pass", "assertions": "pass"}
    result = project.command("gate", project.root / "reports/demo")
    assert result.exit_code == 0, result.output


def test_a_known_failure(project: Project) -> None:
    """With `must_pass: baseline`, an accepted answer that breaks the check is a known failure, and a new one is not."""
    given = {"assert": [{"is_german": True, "must_pass": "baseline"}], "metrics": ["exact"]}
    project.write_suite(GOLDENS, **given)
    project.configure(scripted={"provider": "scripted", "answers": "answers.json", "repeats_differ": False})
    project.write("pyproject.toml", project.read("pyproject.toml") + TABLES)
    project.accept()
    reasons = [verdict.reason for verdict in project.evaluate().verdicts if verdict.metric == "must_pass"]
    assert reasons == ["1 known failure: english"]
    project.answer(GOLDENS | {"day": "Good day"})
    verdict = next(one for one in project.evaluate().verdicts if one.metric == "must_pass")
    assert verdict.status == "fail"
    assert "case day must be German, got 'Good day'" in verdict.reason


@pytest.mark.parametrize("rule", ["must_pass: baseline", "gate"])
def test_what_a_baseline_does_not_keep(project: Project, rule: str) -> None:
    """A rule that checks accepted answers again refuses a function that reads more than their text."""
    project.write("mine.py", "def check(contexts):\n    return True\n")
    one = {"mine": True} | ({"must_pass": "baseline"} if rule != "gate" else {})
    gates = [{"metric": "assertions"}] if rule == "gate" else []
    project.write_suite(GOLDENS, **{"assert": [one]}, gates=gates)
    table = '[tool.evalharness.checks.mine]\ncall = "mine:check"\n'
    project.write("pyproject.toml", project.read("pyproject.toml") + table)
    output = project.command("validate").output
    assert "and the check 'mine' reads contexts, which a baseline does not keep" in output


def test_golden_answers_of_a_metric(project: Project) -> None:
    """A metric with the parameter `golden` applies to cases with a golden answer."""
    source = "def metric(text, golden):\n    return float(text in golden)\n"
    project.write("mine.py", source)
    project.write_suite({"a": "Yes.", "b": "No."}, metrics=["mine"], gates=[{"metric": "mine"}])
    project.write("golden/demo.yaml", "a: Yes.\n")
    table = '[tool.evalharness.metrics.mine]\ncall = "mine:metric"\n'
    project.write("pyproject.toml", project.read("pyproject.toml") + table)
    assert "mine on 1 of 2 cases: 1 has no golden answer" in project.command("validate").output
    assert [len(sample.scores) for sample in samples(project).values()] == [1, 0]


def test_hostile_text_stays_text(project: Project) -> None:
    """Markup, line ends and long texts of a check are text, and bounded."""
    source = "def check(text):\n    return '<script>\\n::error::x' + 'y' * 100_000\n"
    (message,) = with_check(project, source)["a"].failed_checks
    assert len(message) == 1_000
    result = project.command("run", "demo")
    assert not [line for line in result.output.splitlines() if line.startswith("::")]
    assert "<script>\n::error" not in project.read("reports/demo/report.html")


def test_ctrl_c(project: Project, tmp_path: Path) -> None:
    """Ctrl-C ends a run whose check hangs, with its process, and the record has the run as stopped."""
    pid = tmp_path / "pid"
    hang = f"    import os, time\n    open({str(pid)!r}, 'w').write(str(os.getpid()))\n    time.sleep(600)\n"
    project.write("checks.py", CHECKS.replace("    if set", hang + "    if set"))
    command = [sys.executable, "-m", "evalharness", "run", "demo"]
    run = subprocess.Popen(command, cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for _ in range(600):
        if pid.exists() and pid.read_text():
            break
        time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    output = run.communicate(timeout=60)[0].decode()
    assert run.returncode != 0, output
    assert has_ended(int(pid.read_text()))
    assert project.record().stopped


def test_several_processes(project: Project) -> None:
    """With xdist, each worker checks and scores with processes of its own, and the run is the same."""
    command = [sys.executable, "-m", "pytest", "--llm-suite=demo", "-n", "2", "-p", "no:hypothesispytest"]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stdout
    assert "must be German, got 'Hello'" in done.stdout
    by_case = {sample.key.case: sample for sample in project.record().samples}
    assert [by_case[name].score("tone") is not None for name in GOLDENS] == [True] * 3
    assert [bool(by_case[name].failed_checks) for name in GOLDENS] == [False, False, True]
