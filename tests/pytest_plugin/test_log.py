"""`--llm-log` shows what a run is doing, in a file or on the terminal, and neither keys nor control characters."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import time

import httpx2
import pytest

from evalharness.testing.fault_server import FaultServer, Send, healthy, json_answer

LOADED = (httpx2,)
"""Imported here, because pytester unloads the modules that an inner run imports."""
KEY = "sk-4f1c-not-a-real-key"
NEVER_S = 600
PATIENCE_S = 60
REMOTE = """\
[tool.evalharness.models.fake]
provider = "openai"
model = "m"
api_key_env = "LOG_TEST_KEY"
base_url = "%s"
[tool.pytest.ini_options]
addopts = "-p no:hypothesispytest"
"""
LEAKY = """\
from evalharness.redaction import Secret

def answer(request):
    key = Secret("LOG_TEST_KEY").reveal()
    raise ValueError(key + " " + "x" * 890 + key)
"""


def wait_for(project, name, pattern):
    """The text of a file, as soon as the pattern is in it."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        text = project.read(name) if (project.root / name).exists() else ""
        if re.search(pattern, text):
            return text
        time.sleep(0.05)
    raise AssertionError(f"{pattern} is not in {name}")


def test_a_run_that_is_stuck(project):
    """While a model does not answer, the file shows the request that was sent and the one that is finished."""
    project.answer({"*": "Yes.", "case-1": {"text": "Yes.", "delay_s": NEVER_S}})
    command = [sys.executable, "-m", "pytest", "--llm-suite=demo", "--llm-log=logs/run.log"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    child = subprocess.Popen(command, cwd=project.root, env=environment, stdout=subprocess.DEVNULL)
    try:
        text = wait_for(project, "logs/run.log", r"case-1\[fake-plain\] #0 sent, attempt 1")
    finally:
        child.kill()
        child.wait()
    assert re.search(r"INFO  evalharness\.\S+: case-0\[fake-plain\] #0 finished: \d\.\d\d s, \d+ \+ 1 tokens", text)
    assert "case-1[fake-plain] #0 finished" not in text


def test_the_terminal(project):
    """A level shows its lines on standard error while pytest captures the tests, and no response at INFO."""
    result = project.pytester.runpytest_subprocess("--llm-suite=demo", "--llm-log=info")
    lines = "\n".join(result.errlines)
    assert "case-7[fake-plain] #0 sent, attempt 1" in lines
    assert "suite demo: no baseline, reports in" in lines
    assert "You may return" not in lines
    assert "DEBUG" not in lines
    result = project.pytester.runpytest_subprocess("--llm-suite=demo", "--llm-log=DEBUG", "-k", "case-7")
    assert "case-7[fake-plain] #0: You may return case-7 within 30 days." in "\n".join(result.errlines)


def test_the_terminal_between_dots(project):
    """Each line begins a line where pytest prints to the same terminal, and the dots are all there."""
    project.answer({name: {"text": "Yes.", "delay_s": 0.02} for name in project.ids})
    command = [sys.executable, "-m", "pytest", "--llm-suite=demo", "--llm-log=INFO"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    output = subprocess.run(
        command, cwd=project.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    ).stdout.decode()
    logged = [line for line in output.splitlines() if " INFO " in line]
    assert len(logged) > len(project.ids)
    assert [line for line in logged if not re.match(r"\d{4}-\d\d-\d\d ", line)] == []
    assert "" not in output.split("\nsuites/demo.yaml")[1].partition("100%")[0].splitlines()
    assert sum(line.count(".") for line in output.splitlines() if re.fullmatch(r"[.s]+ *(\[.*\])?", line)) > 30


def test_off_by_default(project):
    """Without the option nothing is on standard error and nothing below failed tests; the loggers have no level."""
    project.answer({"*": {"error": "overloaded"}})
    result = project.pytester.runpytest_subprocess("--llm-suite=demo", "-k", "case-7")
    assert result.errlines == []
    assert "Captured log" not in result.stdout.str()
    assert logging.getLogger("evalharness").level == logging.NOTSET


def test_it_ends_with_the_run(project):
    """A log is appended to, is not repeated below failed tests, and leaves no handler behind."""
    project.answer({"*": {"error": "overloaded"}})
    result = project.run("--llm-log=run.log", "-k", "case-7")
    assert "Captured log" not in result.stdout.str()
    first = project.read("run.log")
    assert "case-7[fake-plain] #0 failed (scripted): overloaded; no retry" in first
    project.run("-k", "case-7")
    assert project.read("run.log") == first
    project.run("--llm-log=run.log", "-k", "case-7")
    assert project.read("run.log").startswith(first)
    assert len(project.read("run.log")) > len(first)
    package = logging.getLogger("evalharness")
    assert {type(handler) for handler in package.handlers} == {logging.NullHandler}


def test_workers(project):
    """Under xdist the lines of all processes are in one file, each with the worker's name."""
    project.run("-n2", "--llm-log=run.log", "--llm-baseline=none")
    lines = project.read("run.log").splitlines()
    finished = [line for line in lines if "#0 finished: " in line]
    assert len(finished) == 40
    assert {line.split()[3] for line in finished} <= {"gw0", "gw1"}
    assert "evalharness.evaluation.evaluation: suite demo: " in lines[-1]


def test_retries_without_the_key(project, monkeypatch):
    """A throttled request is logged with its wait and the endpoint's message, without the key; so are replays."""

    def script(seen):
        refusal = json_answer({"error": {"message": f"Too fast, {KEY}"}}, 429, {"retry-after-ms": "5"})
        return [Send(refusal)] if seen.attempt == 0 and "case-3" in seen.case else healthy(seen)

    monkeypatch.setenv("LOG_TEST_KEY", KEY)
    monkeypatch.setenv("XDG_CACHE_HOME", str(project.root / "cache"))
    with FaultServer(script) as server:
        project.write("pyproject.toml", REMOTE % server.url)
        project.run("--llm-log=run.log", "-k", "case-3")
        project.run("--llm-log=replayed.log", "-k", "case-3")
    text = project.read("run.log")
    assert re.search(r"case-3\[fake-plain\] #0 failed \(.+\): .*Too fast, \[LOG_TEST_KEY\].*; retry in \d\.\d s", text)
    assert "model fake throttles: at most 10 requests at once" in text
    assert "case-3[fake-plain] #0 sent, attempt 2" in text
    assert KEY not in text
    found = re.findall(r"model fake: (\d+) of \1 responses found in the ledger", project.read("replayed.log"))
    assert sum(map(int, found)) == 11  # in one line, or in several: the requests leave while they are submitted


def test_a_key_in_an_error(project, monkeypatch):
    """A key in the error of a careless provider, also across the cut of a long line, is not in the log."""
    monkeypatch.setenv("LOG_TEST_KEY", KEY)
    project.write("script.py", LEAKY)
    project.edit("pyproject.toml", 'answers = "answers.json"', 'function = "script.py:answer"')
    project.run("--llm-log=run.log", "-k", "case-7")
    text = project.read("run.log")
    assert "#0 failed (scripted): the script raised ValueError: [LOG_TEST_KEY] xxx" in text
    assert KEY[:6] not in text


def test_hostile_text(project):
    """A response moves no cursor, starts no line and no command of a CI system, and is cut."""
    hostile = "\x1b[2J\r\n##[error]::error::x\u202e" + "y" * 5000
    project.answer({"*": hostile})
    project.run("--llm-log=run.log", "-k", "case-7")
    (line,) = (line for line in project.read("run.log").splitlines() if "⟨U+001B⟩" in line)
    assert "#0: ⟨U+001B⟩[2J ##⟨U+005B⟩error]::error::x⟨U+202E⟩yyy" in line
    assert len(line) < 400


def test_a_log_that_is_a_link(project, tmp_path):
    """A link below the root is no place for the log."""
    (tmp_path / "mine").write_text("mine")
    (project.root / "run.log").symlink_to(tmp_path / "mine")
    result = project.run("--llm-log=run.log")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*--llm-log=*run.log: cannot be written: 'run.log' is a symbolic link: delete the link"]
    )
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("given", ["warning", "."])
def test_what_cannot_be_a_log(project, given):
    """Another level and a folder are usage errors that name the option."""
    result = project.run(f"--llm-log={given}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--llm-log={'warning: expected INFO, DEBUG or a file' if given != '.' else '*'}*"])


def test_a_confirmation(noisy):
    """The baseline that a run is compared with and the fresh samples before a gate fails are in the log."""
    noisy.edit("suites/demo.yaml", "You are helpful.", "You are careless.")
    noisy.run("--llm-log=run.log")
    text = noisy.read("run.log")
    assert re.search(r"baselines and gates count as of the merge base [0-9a-f]{12}\n", text)
    assert re.search(r"suite demo: baseline of fake-plain: \d runs\n", text)
    assert "suite demo: 240 fresh samples\n" in text
    assert "[fake-plain] confirm #1 sent, attempt 1" in text
