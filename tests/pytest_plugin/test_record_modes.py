"""What is asked and what is replayed, what it costs, and what stops it: held against the log of the server."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import genai_prices
import httpx2
import pytest
from hang import in_time

from evalharness.records import Run
from evalharness.store import read_run
from evalharness.testing.fault_server import FaultServer, Hang, Received, Script, Send, healthy, json_answer

LOADED = (genai_prices, httpx2)
"""Loaded here once: pytester forgets what an inner run imports."""
CASES = 8
ALL = 3 * CASES
PRICED = "price = {input = 1000, output = 4000}"
MOST_USD = (len("Be kind.") + len("Question 0?") + 3 * 16) * 0.001 + 50 * 0.004
BILL_USD = (4 + 7) * 0.001 + 4 * 0.004
"""What the server counts for "You asked: Question 0?", four words of its own."""
SUITE = """\
schema: 1
models: [remote]
prompts:
  kind: [{system: "Be kind."}, {user: "{{ q }}"}]
  brief: [{system: "Be brief."}, {user: "{{ q }}"}]
  plain: [{user: "{{ q }}"}]
params: {max_tokens: 50}
metrics: [exact]
cases: cases.jsonl
gates: [{metric: exact, margin: 5%}, {metric: latency, margin: 10%}]
"""
SPY = """\
import sys
from pathlib import Path

def spy(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        with Path("calls").open("a") as file:
            file.write(event + chr(10))

sys.addaudithook(spy)
"""


class Remote:
    """A project whose model is the server."""

    def __init__(self, project: Any, server: FaultServer) -> None:
        self.project, self.server, self.seen = project, server, 0
        self.configure()
        project.write("suites/demo.yaml", SUITE)
        self.ask_about(*(f"Question {number}?" for number in range(CASES)))

    def configure(self, *options: str) -> None:
        """The model's options beyond its address."""
        own = [f'base_url = "{self.server.url}"', 'provider = "openai"', 'model = "m"', *options]
        table = "\n".join(["[tool.evalharness.models.remote]", *own])
        ini = '[tool.pytest.ini_options]\naddopts = "-p no:hypothesispytest"'
        self.project.write("pyproject.toml", f"{table}\n{ini}\n")

    def ask_about(self, *questions: str) -> None:
        """One case each; its golden is what the server says."""
        rows = [{"id": f"case-{number}", "vars": {"q": question}} for number, question in enumerate(questions)]
        self.project.write("suites/cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        golden = {f"case-{number}": f"You asked: {question}" for number, question in enumerate(questions)}
        self.project.write("golden/demo.yaml", json.dumps(golden))

    def run(self, *arguments: str) -> pytest.RunResult:
        """`pytest --llm-suite=demo ...` in this process."""
        result: pytest.RunResult = self.project.run(*arguments)
        return result

    def posts(self) -> list[Received]:
        """Those since the last call."""
        new = self.server.log[self.seen :]
        self.seen += len(new)
        return new

    def record(self) -> Run:
        """The record of the last run."""
        return read_run(self.project.root / "reports/demo/run.jsonl")

    def kinds(self) -> Counter[str]:
        """How often each end came in it."""
        return Counter(sample.error.kind if sample.error else "answered" for sample in self.record().samples)

    def child(self, *arguments: str) -> subprocess.Popen[str]:
        """The same in a process of its own."""
        command = [sys.executable, "-m", "pytest", "--llm-suite=demo", *arguments]
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=self.project.root, env=env, text=True, **streams)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def remote(project: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    """Eight cases, three prompts, an empty ledger."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(project.root / "cache"))
    with FaultServer() as server:
        yield Remote(project, server)


def said(result: pytest.RunResult, pattern: str) -> list[str]:
    """The lines that match."""
    return [line for line in result.outlines if re.search(pattern, line)]


def test_once(remote: Remote) -> None:
    """What was answered is not asked again, and the terminal says so."""
    first = remote.run()
    assert (first.ret, len(remote.posts()), said(first, "replayed")) == (0, ALL, [])
    second = remote.run()
    assert (second.ret, remote.posts()) == (0, [])
    assert said(second, rf"^replayed  {ALL} of {ALL} answers, recorded on \d{{4}}-\d\d-\d\d; --llm-record=all")


EDITS: dict[str, tuple[str, str, str, Callable[[Received], bool], int]] = {
    "a prompt": ("suites/demo.yaml", "Be brief.", "Be very brief.", lambda post: "very" in str(post.body), CASES),
    "a case": ("suites/cases.jsonl", "Question 3?", "Question three?", lambda post: "three" in post.case, 3),
    "the parameters": ("suites/demo.yaml", "max_tokens: 50", "max_tokens: 51", lambda post: True, ALL),
    "the model": ("pyproject.toml", 'model = "m"', 'model = "n"', lambda post: post.model == "n", ALL),
    "a golden": ("golden/demo.yaml", "You asked: Question 3?", "You said: 3", lambda post: False, 0),
    "a gate": ("suites/demo.yaml", "margin: 5%", "margin: 7%", lambda post: False, 0),
    "the order": ("suites/demo.yaml", 'plain: [{user: "{{ q }}"}]', 'last: [{user: "{{ q }}"}]', lambda post: False, 0),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_changed_is_asked(remote: Remote, edit: str) -> None:
    """After an edit, exactly that is asked which the edit changed, and the rest is replayed."""
    file, old, new, is_concerned, count = EDITS[edit]
    remote.run()
    remote.posts()
    remote.project.edit(file, old, new)
    remote.run()
    posts = remote.posts()
    assert len(posts) == count
    assert all(map(is_concerned, posts))
    assert remote.kinds() == {"answered": ALL}
    assert sum(not sample.recorded_at for sample in remote.record().samples) == count


def test_all(remote: Remote) -> None:
    """`--llm-record=all` asks all anew, and what it gets is what is replayed from then on."""
    remote.run()
    assert len(remote.posts()) == ALL
    remote.server.script = lambda seen: [Send(json_answer({"choices": [], "error": None}, 400))]
    assert remote.run().ret == 0
    remote.server.script = healthy
    result = remote.run("--llm-record=all")
    assert (len(remote.posts()), said(result, "replayed")) == (ALL, [])
    assert remote.run("--llm-record=none").ret == 0
    assert remote.posts() == []


def test_none_without_a_server(remote: Remote) -> None:
    """With everything recorded, `--llm-record=none` passes when nobody is there, and looks for nobody."""
    remote.run()
    connections = remote.server.connections
    assert remote.run("--llm-record=none").ret == 0
    assert remote.server.connections == connections
    assert remote.kinds() == {"answered": ALL}


@pytest.mark.parametrize(("mode", "status", "connects"), [("once", 0, True), ("none", 0, False), ("none", 1, False)])
def test_no_socket(remote: Remote, mode: str, status: int, connects: bool) -> None:
    """By Python's own audit, `--llm-record=none` connects to nothing, whether it has all answers or none."""
    if mode == "none" and status == 0:
        remote.run()
    remote.project.write("conftest.py", SPY)
    with remote.child(f"--llm-record={mode}", "--llm-baseline=none") as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == status, output
    calls = remote.project.root / "calls"
    assert ("socket.connect" in calls.read_text() if calls.exists() else False) == connects


def test_a_miss(remote: Remote) -> None:
    """In `none` a request without an answer is red: the nearest that is recorded is named, and what differs in it."""
    remote.run()
    remote.posts()
    remote.project.edit("suites/cases.jsonl", "Question 3?", "Question three?")
    result = remote.run("--llm-record=none", "--llm-prompt=kind")
    assert (result.ret, remote.posts()) == (1, [])
    (error,) = (sample.error for sample in remote.record().samples if sample.error)
    assert error.kind == "not recorded"
    assert re.fullmatch(
        r"no recorded response for this request \(key [0-9a-f]{12}\), and --llm-record=none forbids model calls; "
        r"the nearest recorded request, [0-9a-f]{12}, differs in "
        r'wire\.messages\[1\]\.content: recorded "Question \d\?", requested "Question three\?"',
        error.message,
    )
    result.stdout.fnmatch_lines(["*the nearest recorded request, *"])


def test_nothing_recorded(remote: Remote) -> None:
    """In `none` with an empty ledger every case is red, and nobody is asked."""
    result = remote.run("--llm-record=none")
    assert (result.ret, remote.server.connections) == (1, 0)
    assert remote.kinds() == {"not recorded": ALL}


def test_replayed_answers_have_no_latency(remote: Remote) -> None:
    """A replayed response says nothing of time: no sample has a latency, and the gate says why."""
    remote.server.latency_s = 0.02
    remote.run("--llm-accept")
    assert all(sample.latency_s for sample in remote.record().samples)
    result = remote.run()
    assert [sample.latency_s for sample in remote.record().samples] == [None] * ALL
    gates = [gate for gate in remote.project.verdict()["verdicts"] if gate["metric"] == "latency"]
    assert [f"{CASES} responses were replayed" in gate["reason"] for gate in gates] == [True] * 3
    assert said(result, r"latency .*replayed")


def test_cost(remote: Remote) -> None:
    """With a price: an estimate before anything is asked, what it cost at the end, and dollars with each sample."""
    remote.configure(PRICED)
    result = remote.run("--llm-prompt=kind")
    (estimate,) = said(result, r"^llm: 8 requests to remote: about \$1\.63 if every response has max_tokens")
    assert result.outlines.index(estimate) < result.outlines.index(said(result, r"^suites/demo\.yaml \.")[0])
    assert said(result, rf"^     \${CASES * MOST_USD:.2f} without retries; .* \(configuration: input 1000, output 40")
    samples = remote.record().samples
    assert [sample.cost_usd for sample in samples] == pytest.approx([BILL_USD] * CASES)
    assert said(result, rf"^fresh     8 of 8 answers, \${CASES * BILL_USD:.2g} for 120 tokens$")
    assert said(remote.run("--llm-prompt=kind"), "^asked ") == []
    assert [sample.cost_usd for sample in remote.record().samples] == pytest.approx([BILL_USD] * CASES)


def test_no_price(remote: Remote) -> None:
    """Without a price nothing is said of cost, and no sample has one."""
    result = remote.run()
    assert said(result, r"^llm: |^asked |\$") == []
    assert {sample.cost_usd for sample in remote.record().samples} == {None}


@pytest.mark.parametrize("more", [[], ["-n1"]], ids=["alone", "xdist"])
def test_a_budget_needs_a_price(remote: Remote, more: list[str]) -> None:
    """An unknown price with a budget is a usage error before anything is asked: it is not 0."""
    result = remote.run("--llm-budget=1", *more)
    assert (result.ret, remote.posts()) == (pytest.ExitCode.USAGE_ERROR, [])
    said_so = [line for line in [*result.errlines, *result.outlines] if "--llm-budget: the price of remote" in line]
    assert said_so
    assert "INTERNALERROR" not in said_so[0]


@pytest.mark.parametrize("more", [[], ["-n2"]], ids=["alone", "xdist"])
def test_a_budget_that_is_too_small(remote: Remote, more: list[str]) -> None:
    """What the budget does not allow is not asked, is an error of its case, and the run is not green."""
    remote.configure(PRICED)
    remote.server.latency_s = 0.05
    budget = MOST_USD + 2.5 * BILL_USD
    result = remote.run(f"--llm-budget={budget}", "--llm-prompt=kind", "--llm-baseline=none", *more)
    assert (result.ret, len(remote.posts())) == (1, 3)
    assert remote.kinds() == {"answered": 3, "budget": CASES - 3}
    assert remote.project.verdict()["status"] == "error"
    assert said(result, "budget: skipped: worst-case cost ")


def test_an_estimate_under_xdist(remote: Remote) -> None:
    """With several processes too, what it can cost is said before."""
    remote.configure(PRICED)
    result = remote.run("-n1", "--llm-baseline=none")
    assert said(result, rf"^llm: {ALL} requests to remote: about ")


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("--llm-concurrency=0", "--llm-concurrency: expected a number from 1, got 0"),
        ("--llm-concurrency=-5", "--llm-concurrency: expected a number from 1, got -5"),
        ("--llm-concurrency=x", "invalid int value: 'x'"),
        ("--llm-budget=-1", "--llm-budget: expected a number from 0, got -1.0"),
        ("--llm-budget=nan", "--llm-budget: expected a number from 0, got nan"),
        ("--llm-budget=inf", "--llm-budget: expected a number from 0, got inf"),
        ("--llm-deadline=-1", "--llm-deadline: expected a number from 0, got -1.0"),
        ("--llm-deadline=nan", "--llm-deadline: expected a number from 0, got nan"),
        ("--llm-repeat=0", "--llm-repeat: expected a number from 1, got 0"),
        ("--llm-record=never", "--llm-record: invalid choice: 'never'"),
    ],
)
def test_values_that_cannot_be(remote: Remote, option: str, why: str) -> None:
    """An option's nonsense is a usage error that names it, and nothing is asked."""
    result = remote.run(option)
    assert (result.ret, remote.posts()) == (pytest.ExitCode.USAGE_ERROR, [])
    assert why in "\n".join([*result.errlines, *result.outlines])


@pytest.mark.parametrize("more", [[], ["-n1"]], ids=["alone", "xdist"])
def test_a_damaged_ledger(remote: Remote, more: list[str]) -> None:
    """A ledger that is none is named before anything is asked, and is left as it is."""
    path = remote.project.write("cache/evalharness/ledger.sqlite", "hello")
    result = remote.run(*more)
    assert (result.ret, remote.posts(), path.read_text()) == (pytest.ExitCode.USAGE_ERROR, [], "hello")
    assert f"{path}: damaged" in "\n".join([*result.errlines, *result.outlines])


def test_equal_cases_in_two_processes(remote: Remote) -> None:
    """Under xdist each distinct request is one POST, however many cases ask it in however many processes."""
    remote.server.latency_s = 0.1
    remote.ask_about(*(f"Question {number % 2}?" for number in range(CASES)))
    assert remote.run("-n2", "--llm-baseline=none").ret == 0
    assert sorted(Counter(str(post.body["messages"]) for post in remote.posts()).values()) == [1] * 6
    assert remote.kinds() == {"answered": ALL}


def only_so_many(answers: int) -> Script:
    """A server that answers the first ones, and is silent to all others for ever."""
    come = count()
    return lambda seen: healthy(seen) if next(come) < answers else [Hang()]


def test_stop_at_the_first_failure(remote: Remote) -> None:
    """After the case that fails under `-x` nothing more is sent, and what is on disk is a valid part of the run."""
    remote.ask_about(*(f"Question {number}?" for number in range(40)))
    replies = {f"Question {number}?": healthy for number in range(5)}
    replies["Question 5?"] = lambda seen: [Send(json_answer({"error": {"message": "no"}}, 400))]
    remote.server.script = lambda seen: replies.get(seen.case, lambda seen: [Hang()])(seen)
    result = remote.run("-x", "--llm-concurrency=10", "--llm-prompt=kind")
    assert result.ret == 1
    assert len(remote.posts()) <= 10 + len(replies)  # what was under way, and one more for each that had its answer
    run = remote.record()
    assert (run.stopped, len(run.samples), len(run.selected)) == (True, 6, 40)
    assert remote.kinds() == {"answered": 5, "request": 1}


ANSWERED, UNDER_WAY = 20, 10


def interrupted(remote: Remote) -> str:
    """Ctrl-C once the server is silent to all that are under way, and some answers are on disk: what the child said."""
    remote.ask_about(*(f"Question {number}?" for number in range(60)))
    remote.server.script = only_so_many(ANSWERED)
    record = remote.project.root / "reports/demo/run.jsonl"

    def is_silent() -> bool:
        return len(remote.server.log) >= ANSWERED + UNDER_WAY and record.read_text().count("\n") > 5

    with remote.child("--llm-prompt=kind", f"--llm-concurrency={UNDER_WAY}") as process:
        with in_time():
            while process.poll() is None and not (record.exists() and is_silent()):
                time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)  # half of what a request may take
    return output


def test_interrupt(remote: Remote) -> None:
    """Ctrl-C ends the run though requests are under way, sends nothing more, and leaves a valid part of a run."""
    output = interrupted(remote)
    assert len(remote.server.log) == ANSWERED + UNDER_WAY, output
    run = remote.record()
    assert run.stopped
    assert len(run.selected) == 60
    assert 0 < len(run.samples) <= ANSWERED
    assert all(sample.ok for sample in run.samples)


def test_what_an_interrupt_left_is_replayed(remote: Remote) -> None:
    """What was answered before Ctrl-C is not asked again by the next run."""
    interrupted(remote)
    answered = {post.case for post in remote.posts() if post.answered_at}
    assert len(answered) == ANSWERED
    remote.server.script = healthy
    assert remote.run("--llm-prompt=kind").ret == 0
    replayed = {sample.messages[-1].content for sample in remote.record().samples if sample.recorded_at}
    assert len(answered - replayed) <= UNDER_WAY


def test_a_deadline(remote: Remote) -> None:
    """`--llm-deadline` ends a run to which the server is silent: what is not answered is an error of its case."""
    remote.run("--llm-prompt=kind", "--llm-baseline=none", "-k", "case-0 or case-1")
    remote.server.script = only_so_many(0)
    result = remote.run("--llm-deadline=0.5", "--llm-prompt=kind", "--llm-baseline=none")
    assert result.ret == 1
    errors = Counter(sample.error.message if sample.error else "" for sample in remote.record().samples)
    assert errors == {"": 2, "the run's deadline of 0.5 s is over": CASES - 2}
    assert Path(remote.project.root / "reports/demo/report.html").exists()
