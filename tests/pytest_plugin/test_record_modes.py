"""Requests, replays, costs and limits of a run, checked against the log of the server."""

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
"""Imported here, because pytester unloads the modules that an inner run imports."""
CASES = 8
ALL = 3 * CASES
PRICED = "price = {input = 1000, output = 4000}"
MOST_USD = (len("Be kind.") + len("Question 0?") + 3 * 16) * 0.001 + 50 * 0.004
BILL_USD = (4 + 7) * 0.001 + 4 * 0.004
"""The server counts "You asked: Question 0?" as four tokens."""
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
        """Set options of the model next to its address."""
        own = [f'base_url = "{self.server.url}"', 'provider = "openai"', 'model = "m"', *options]
        table = "\n".join(["[tool.evalharness.models.remote]", *own])
        ini = '[tool.pytest.ini_options]\naddopts = "-p no:hypothesispytest"'
        self.project.write("pyproject.toml", f"{table}\n{ini}\n")

    def ask_about(self, *questions: str) -> None:
        """Write one case per question; the golden answer is the server's answer."""
        rows = [{"id": f"case-{number}", "vars": {"q": question}} for number, question in enumerate(questions)]
        self.project.write("suites/cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        golden = {f"case-{number}": f"You asked: {question}" for number, question in enumerate(questions)}
        self.project.write("golden/demo.yaml", json.dumps(golden))

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run `pytest --llm-suite=demo ...` in this process."""
        result: pytest.RunResult = self.project.run(*arguments)
        return result

    def posts(self) -> list[Received]:
        """Return the requests since the last call."""
        new = self.server.log[self.seen :]
        self.seen += len(new)
        return new

    def record(self) -> Run:
        """Return the record of the last run."""
        return read_run(self.project.root / "reports/demo/run.jsonl")

    def kinds(self) -> Counter[str]:
        """Count the samples by error kind, or `answered`."""
        return Counter(sample.error.kind if sample.error else "answered" for sample in self.record().samples)

    def child(self, *arguments: str) -> subprocess.Popen[str]:
        """Run the same in a child process."""
        command = [sys.executable, "-m", "pytest", "--llm-suite=demo", *arguments]
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=self.project.root, env=env, text=True, **streams)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def remote(project: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    """A project of eight cases, three prompts and an empty ledger."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(project.root / "cache"))
    with FaultServer() as server:
        yield Remote(project, server)


def matching_lines(result: pytest.RunResult, pattern: str) -> list[str]:
    """Return the lines of the output that match."""
    return [line for line in result.outlines if re.search(pattern, line)]


def test_once(remote: Remote) -> None:
    """A recorded response is replayed, and the terminal says so."""
    first = remote.run()
    assert (first.ret, len(remote.posts()), matching_lines(first, "replayed")) == (0, ALL, [])
    second = remote.run()
    assert (second.ret, remote.posts()) == (0, [])
    assert matching_lines(
        second, rf"^replayed  {ALL} of {ALL} answers, recorded on \d{{4}}-\d\d-\d\d; --llm-record=all"
    )


EDITS: dict[str, tuple[str, str, str, Callable[[Received], bool], int]] = {
    "a prompt": ("suites/demo.yaml", "Be brief.", "Be very brief.", lambda post: "very" in str(post.body), CASES),
    "a case": ("suites/cases.jsonl", "Question 3?", "Question three?", lambda post: "three" in post.case, 3),
    "the parameters": ("suites/demo.yaml", "max_tokens: 50", "max_tokens: 51", lambda post: True, ALL),
    "the model": ("pyproject.toml", 'model = "m"', 'model = "n"', lambda post: post.model == "n", ALL),
    "a golden": ("golden/demo.yaml", "You asked: Question 3?", "You asked: 3", lambda post: False, 0),
    "a gate": ("suites/demo.yaml", "margin: 5%", "margin: 7%", lambda post: False, 0),
    "the order": ("suites/demo.yaml", 'plain: [{user: "{{ q }}"}]', 'last: [{user: "{{ q }}"}]', lambda post: False, 0),
}


@pytest.mark.parametrize("edit", EDITS)
def test_only_changed_requests_are_sent(remote: Remote, edit: str) -> None:
    """After an edit, only the changed requests are sent, and the rest is replayed."""
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
    """`--llm-record=all` sends every request, and later runs replay the new responses."""
    remote.run()
    assert len(remote.posts()) == ALL
    remote.server.script = lambda seen: [Send(json_answer({"choices": [], "error": None}, 400))]
    assert remote.run().ret == 0
    remote.server.script = healthy
    result = remote.run("--llm-record=all")
    assert (len(remote.posts()), matching_lines(result, "replayed")) == (ALL, [])
    assert remote.run("--llm-record=none").ret == 0
    assert remote.posts() == []


def test_none_without_a_server(remote: Remote) -> None:
    """With everything recorded, `--llm-record=none` passes without a server or a connection attempt."""
    remote.run()
    connections = remote.server.connections
    assert remote.run("--llm-record=none").ret == 0
    assert remote.server.connections == connections
    assert remote.kinds() == {"answered": ALL}


@pytest.mark.parametrize(("mode", "status", "connects"), [("once", 0, True), ("none", 0, False), ("none", 1, False)])
def test_no_socket(remote: Remote, mode: str, status: int, connects: bool) -> None:
    """By Python's audit events, `--llm-record=none` opens no connection, with recorded responses or without."""
    if mode == "none" and status == 0:
        remote.run()
    remote.project.write("conftest.py", SPY)
    with remote.child(f"--llm-record={mode}", "--llm-baseline=none") as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == status, output
    calls = remote.project.root / "calls"
    assert ("socket.connect" in calls.read_text() if calls.exists() else False) == connects


def test_a_miss(remote: Remote) -> None:
    """With `none`, a request without a response is an error that names the nearest recorded one and the difference."""
    remote.run()
    remote.posts()
    remote.project.edit("suites/cases.jsonl", "Question 3?", "Question three?")
    result = remote.run("--llm-record=none", "--llm-prompt=kind")
    assert (result.ret, remote.posts()) == (1, [])
    (error,) = (sample.error for sample in remote.record().samples if sample.error)
    assert error.kind == "not recorded"
    assert re.fullmatch(
        r"no recorded response, and --llm-record=none forbids model calls\nkey [0-9a-f]{12}; "
        r"the nearest recorded request, [0-9a-f]{12}, differs in "
        r'wire\.messages\[1\]\.content: recorded "Question \d\?", requested "Question three\?"',
        error.message,
    )
    result.stdout.fnmatch_lines(["*the nearest recorded request, *"])


def test_nothing_recorded(remote: Remote) -> None:
    """With `none` and an empty ledger every case is an error, and no request is sent."""
    result = remote.run("--llm-record=none")
    assert (result.ret, remote.server.connections) == (1, 0)
    assert remote.kinds() == {"not recorded": ALL}


def test_replayed_answers_have_no_latency(remote: Remote) -> None:
    """Replayed samples have no latency, and the gate gives the reason."""
    remote.server.latency_s = 0.02
    remote.run("--llm-accept")
    assert all(sample.latency_s for sample in remote.record().samples)
    result = remote.run()
    assert [sample.latency_s for sample in remote.record().samples] == [None] * ALL
    gates = [gate for gate in remote.project.verdict()["verdicts"] if gate["metric"] == "latency"]
    assert [f"{CASES} responses were replayed" in gate["reason"] for gate in gates] == [True] * 3
    assert matching_lines(result, r"latency .*replayed")


def test_cost(remote: Remote) -> None:
    """With a price, the run prints an estimate first and the cost at the end, and stores it per sample."""
    remote.configure(PRICED)
    result = remote.run("--llm-prompt=kind")
    (estimate,) = matching_lines(result, r"^llm: 8 requests to remote: about \$1\.63 if every response has max_tokens")
    assert result.outlines.index(estimate) < result.outlines.index(matching_lines(result, r"^suites/demo\.yaml \.")[0])
    assert matching_lines(
        result, rf"^     \${CASES * MOST_USD:.2f} without retries; .* \(configuration: input 1000, output 40"
    )
    samples = remote.record().samples
    assert [sample.cost_usd for sample in samples] == pytest.approx([BILL_USD] * CASES)
    assert matching_lines(result, rf"^fresh     8 of 8 answers, \${CASES * BILL_USD:.2g} for 120 tokens$")
    assert matching_lines(remote.run("--llm-prompt=kind"), "^fresh ") == []
    assert [sample.cost_usd for sample in remote.record().samples] == pytest.approx([BILL_USD] * CASES)


def test_no_price(remote: Remote) -> None:
    """Without a price no cost is printed or stored."""
    result = remote.run()
    assert matching_lines(result, r"^llm: |^fresh |\$") == []
    assert {sample.cost_usd for sample in remote.record().samples} == {None}


@pytest.mark.parametrize("more", [[], ["-n1"]], ids=["alone", "xdist"])
def test_a_budget_needs_a_price(remote: Remote, more: list[str]) -> None:
    """A budget without a price is a usage error before the first request; unknown is not 0."""
    result = remote.run("--llm-budget=1", *more)
    assert (result.ret, remote.posts()) == (pytest.ExitCode.USAGE_ERROR, [])
    said_so = [line for line in [*result.errlines, *result.outlines] if "--llm-budget: the price of remote" in line]
    assert said_so
    assert "INTERNALERROR" not in said_so[0]


@pytest.mark.parametrize("more", [[], ["-n2"]], ids=["alone", "xdist"])
def test_a_budget_that_is_too_small(remote: Remote, more: list[str]) -> None:
    """Requests beyond the budget are skipped, are errors of their cases, and the run is not green."""
    remote.configure(PRICED)
    remote.server.latency_s = 0.05
    budget = MOST_USD + 2.5 * BILL_USD
    result = remote.run(f"--llm-budget={budget}", "--llm-prompt=kind", "--llm-baseline=none", *more)
    assert (result.ret, len(remote.posts())) == (1, 3)
    assert remote.kinds() == {"answered": 3, "budget": CASES - 3}
    assert remote.project.verdict()["status"] == "error"
    assert matching_lines(result, "budget: skipped: worst-case cost ")


def test_an_estimate_under_xdist(remote: Remote) -> None:
    """Under xdist the estimate is printed before the first request, too."""
    remote.configure(PRICED)
    result = remote.run("-n1", "--llm-baseline=none")
    assert matching_lines(result, rf"^llm: {ALL} requests to remote: about ")


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
        ("--llm-executor=rai", "executor: unknown executor 'rai'; did you mean 'ray'"),
        ("--llm-executor=ray", "executor ray: RAY_ADDRESS is not set: set RAY_ADDRESS=HOST:PORT"),
        ("--llm-executor=ray -n1", "--llm-executor=ray: one process sends the requests to the cluster; remove -n"),
    ],
)
def test_invalid_values(remote: Remote, option: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An invalid value is a usage error that names the option, and no request is sent."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    result = remote.run(*option.split())
    assert (result.ret, remote.posts()) == (pytest.ExitCode.USAGE_ERROR, [])
    assert why in "\n".join([*result.errlines, *result.outlines])


@pytest.mark.parametrize("more", [[], ["-n1"]], ids=["alone", "xdist"])
def test_a_damaged_ledger(remote: Remote, more: list[str]) -> None:
    """An invalid ledger file is reported before the first request, and is not changed."""
    path = remote.project.write("cache/evalharness/ledger.sqlite", "hello")
    result = remote.run(*more)
    assert (result.ret, remote.posts(), path.read_text()) == (pytest.ExitCode.USAGE_ERROR, [], "hello")
    assert f"{path}: damaged" in "\n".join([*result.errlines, *result.outlines])


def test_equal_cases_in_two_processes(remote: Remote) -> None:
    """Under xdist each distinct request is one POST, however many cases and processes need it."""
    remote.server.latency_s = 0.1
    remote.ask_about(*(f"Question {number % 2}?" for number in range(CASES)))
    assert remote.run("-n2", "--llm-baseline=none").ret == 0
    assert sorted(Counter(str(post.body["messages"]) for post in remote.posts()).values()) == [1] * 6
    assert remote.kinds() == {"answered": ALL}


def first_replies_only(answers: int) -> Script:
    """Return a server script that answers the first requests, and stalls all others."""
    come = count()
    return lambda seen: healthy(seen) if next(come) < answers else [Hang()]


def test_stop_at_the_first_failure(remote: Remote) -> None:
    """After a failure under `-x` no request is sent, and the record is a valid part of the run."""
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
    """Send Ctrl-C once all open requests stall and some answers are on disk. Returns the child's output."""
    remote.ask_about(*(f"Question {number}?" for number in range(60)))
    remote.server.script = first_replies_only(ANSWERED)
    record = remote.project.root / "reports/demo/run.jsonl.part"

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
    """Ctrl-C ends the run despite open requests, sends nothing more, and leaves a valid part of a run."""
    output = interrupted(remote)
    assert len(remote.server.log) == ANSWERED + UNDER_WAY, output
    run = remote.record()
    assert run.stopped
    assert len(run.selected) == 60
    assert 0 < len(run.samples) <= ANSWERED
    assert all(sample.ok for sample in run.samples)


def test_responses_before_an_interrupt_are_replayed(remote: Remote) -> None:
    """The next run replays the responses from before Ctrl-C."""
    interrupted(remote)
    answered = {post.case for post in remote.posts() if post.answered_at}
    assert len(answered) == ANSWERED
    remote.server.script = healthy
    assert remote.run("--llm-prompt=kind").ret == 0
    replayed = {sample.messages[-1].content for sample in remote.record().samples if sample.recorded_at}
    assert len(answered - replayed) <= UNDER_WAY


def test_a_deadline(remote: Remote) -> None:
    """`--llm-deadline` ends a run with a stalled server: a case without an answer is an error."""
    remote.run("--llm-prompt=kind", "--llm-baseline=none", "-k", "case-0 or case-1")
    remote.server.script = first_replies_only(0)
    result = remote.run("--llm-deadline=0.5", "--llm-prompt=kind", "--llm-baseline=none")
    assert result.ret == 1
    errors = Counter(sample.error.message if sample.error else "" for sample in remote.record().samples)
    assert errors == {"": 2, "the run's deadline of 0.5 s is over": CASES - 2}
    assert Path(remote.project.root / "reports/demo/report.html").exists()
