"""`evalharness load`: its verdict, its records, its refusals, and Ctrl-C."""

from __future__ import annotations

import json
import re
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from repository import Repository
from terminal import Terminal

from evalharness.store.load_records import read_load
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci
from evalharness.testing.fault_server import FaultServer, Received, Reply, Script, hang, healthy, status, truncated

EASY = "e2el<60s, attainment>=1%"
"""A service level that any machine meets: no test judges seconds."""
HARD = "e2el<60s, attainment>=50%"
"""One that errors miss, whatever the machine does."""
QUICK = ("--arrivals=constant", "--rate=100/s", "--duration=400ms")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A suite of two cases for a scripted model that answers at once."""
    leave_ci(monkeypatch)
    project = Project(tmp_path)
    project.write_suite(models=["scripted"])
    project.configure(scripted={"provider": "scripted", "answers": "answers.json", "concurrency": 50})
    return project


def served(project: Project, server: FaultServer, **options: Any) -> None:
    """Let the suite run on a model at this server."""
    table = {"provider": "openai", "base_url": server.url, "model": "m", "stream_usage": False} | options
    project.configure(endpoint=table)
    project.write_suite(models=["endpoint"])
    project.configure(endpoint=table)


def in_turn(*scripts: Script) -> Script:
    """One script after the other, request by request."""
    numbers = count()

    def script(request: Received) -> Reply:
        return scripts[next(numbers) % len(scripts)](request)

    return script


def verdict(project: Project) -> dict[str, Any]:
    """The verdict of the last load."""
    found: dict[str, Any] = json.loads(project.read("reports/load/demo/verdict.json"))
    return found


def decided(text: str) -> bool:
    """Whether the load was applied: a busy machine may send late, which is INVALID and no bug."""
    return "INVALID: this machine could not send" not in text


def test_a_load_passes(project: Project) -> None:
    """The table in 80 columns (but for the headline), the verdict, the record; nothing is in the ledger."""
    result = project.command("load", "demo", *QUICK, "--slo", EASY)
    record = read_load(project.root / "reports/load/demo/load.jsonl")
    assert len(record.requests) == record.header.scheduled == 40
    assert {one.case for one in record.requests} == {"case-0", "case-1"}
    assert not any(one.error for one in record.requests)
    assert verdict(project)["versions"][0]["answered"] == 40
    assert "40 requests to scripted" in result.stderr
    assert re.search(r"^attainment 100\.0 % of 36 requests \(", result.stdout, re.MULTILINE)
    assert [line for line in result.stdout.splitlines() if len(line) > 80 and ":" not in line[:13]] == []
    assert not list(project.cache.rglob("ledger*"))
    if decided(result.stdout):
        assert (result.exit_code, verdict(project)["status"]) == (0, "pass")
        assert "PASS: attainment>=1%: 100.0 % of 36 requests" in result.stdout


def test_a_load_has_a_page(project: Project) -> None:
    """The last line names the page, which has the verdict and the figures of the terminal; a search has one too."""
    result = project.command("load", "demo", *QUICK, "--slo", EASY)
    assert result.stdout.splitlines()[-1] == "report     reports/load/demo/load.html"
    page = project.read("reports/load/demo/load.html")
    assert "End-to-end latency" in page
    assert "100.0 % of 36 requests" in page
    assert verdict(project)["versions"][0]["latencies"][0]["word"] in page
    search = ("--find-capacity", "--from=40/s", "--to=80/s", "--probes=2", "--arrivals=constant", "--duration=250ms")
    project.command("load", "demo", *search, "--slo", EASY)
    assert '"probe":""' in page
    assert '"probe":"the last probe, ' in project.read("reports/load/demo/load.html")


def test_errors_of_an_endpoint_fail(project: Project) -> None:
    """Each request is sent once: an overloaded endpoint is a miss, and no retry hides it."""
    with FaultServer(status(503)) as server:
        served(project, server, retries=5)
        result = project.command("load", "demo", *QUICK, "--slo", HARD)
        assert len(server.log) == 40
    assert (result.exit_code, verdict(project)["versions"][0]["attainment"]["value"]) == (1, 0.0)
    assert re.search(r"^error      40 x .+: ", result.stdout, re.MULTILINE)


def test_a_cut_stream_and_a_timeout_are_misses(project: Project) -> None:
    """Kinds of errors are counted apart."""
    with FaultServer(in_turn(truncated, hang)) as server:
        served(project, server)
        result = project.command("load", "demo", *QUICK, "--slo", HARD, "--timeout=500ms")
    errors = verdict(project)["versions"][0]["errors"]
    assert result.exit_code == 1
    assert sum(errors.values()) == 40
    assert "timeout" in errors


def test_tokens_of_a_stream_are_timed(project: Project) -> None:
    """An endpoint that streams has all four latencies."""
    with FaultServer(healthy) as server:
        served(project, server)
        project.command("load", "demo", *QUICK, "--slo", "ttft<60s, tpot<60s, itl<60s, attainment>=50%")
    record = read_load(project.root / "reports/load/demo/load.jsonl")
    for one in record.requests:
        assert one.first_token_s is not None
        assert one.sent_s is not None
        assert one.scheduled_s <= one.sent_s <= one.first_token_s <= (one.ended_s or 0)
    assert {one["word"] for one in verdict(project)["versions"][0]["latencies"] if one["percentiles"]} >= {
        "ttft",
        "e2el",
    }


def test_a_model_without_a_stream_has_no_first_token(project: Project) -> None:
    """A bound on it is not met and not missed: INVALID."""
    result = project.command("load", "demo", *QUICK, "--slo", "ttft<60s, attainment>=50%")
    assert result.exit_code == 1
    assert "INVALID" in result.stdout


def test_json(project: Project) -> None:
    """The result alone is on standard output."""
    result = project.command("load", "demo", *QUICK, "--slo", EASY, "--json")
    assert json.loads(result.stdout) == verdict(project)
    assert (verdict(project)["schema"], verdict(project)["kind"]) == (1, "load verdict")


def test_a_replay(project: Project) -> None:
    """The starts and the cases of a file."""
    project.write("trace.jsonl", '{"at_s": 5, "case": "case-1"}\n5.1\n5.3\n{"at_s": 5.4, "case": "case-1"}\n')
    project.command("load", "demo", "--trace", project.root / "trace.jsonl", "--slo", EASY, "--warmup=1ms")
    record = read_load(project.root / "reports/load/demo/load.jsonl")
    requests = sorted(record.requests, key=lambda one: one.index)
    assert record.header.arrivals == "trace"
    assert [round(one.scheduled_s, 3) for one in requests] == [0.0, 0.1, 0.3, 0.4]
    assert [requests[0].case, requests[3].case] == ["case-1", "case-1"]


def test_goodput_of_a_replay(project: Project) -> None:
    """The rate of a trace is known from its file alone: three starts in 0.2 s are 10/s."""
    project.write("trace", "0\n0.1\n0.2\n")
    words = ("--trace", project.root / "trace", "--warmup=1ms")
    result = project.command("load", "demo", *words, "--slo", "e2el<60s, goodput>=20/s")
    assert result.exit_code == 1
    assert "--slo: goodput>=20/s: expected less than the rate of arrivals, 10/s" in result.stderr
    project.command("load", "demo", *words, "--slo", "e2el<60s, goodput>=1/s")
    assert verdict(project)["versions"][0]["objectives"][0]["objective"]["target"] == pytest.approx(0.1)


def test_few_requests_count_after_their_own_warm_up(project: Project) -> None:
    """A tenth of the starts, not of a duration that --max-requests cuts."""
    project.command("load", "demo", "--rate=50/s", "--arrivals=constant", "--max-requests=20", "--slo", EASY)
    assert verdict(project)["versions"][0]["counted"] == 18


def test_the_baseline_takes_turns(project: Project) -> None:
    """Twelve blocks each, at the same relative times and with the same cases; the baseline has its own prompt."""
    repository = Repository(project.root)
    project.write(".gitignore", "reports/\n.cache/\n")
    repository.commit()
    project.write_suite(prompts={"plain": [{"user": "New: {{ question }}"}]})
    with FaultServer(healthy) as server:
        served(project, server)
        project.write_suite(models=["endpoint"], prompts={"plain": [{"user": "New: {{ question }}"}]})
        project.configure(endpoint={"provider": "openai", "base_url": server.url, "model": "m", "stream_usage": False})
        result = project.command("load", "demo", *QUICK, "--duration=800ms", "--slo", "e2el<60s", "--against=HEAD")
        texts = [one.body["messages"][-1]["content"] for one in server.log]
    assert sum(text.startswith("New: ") for text in texts) == len(texts) / 2 == 72
    found = verdict(project)["comparison"]
    assert (found["against"], len(found["pairs"])) == ("HEAD", 12)
    record = read_load(project.root / "reports/load/demo/load.jsonl")
    assert {one.version for one in record.requests} == {"candidate", "baseline"}
    assert re.search(r"^against    (PASS|INCONCLUSIVE) HEAD$", result.stdout, re.MULTILINE)


def test_a_slower_address_fails(project: Project) -> None:
    """The candidate's endpoint fails half of its requests, the baseline at another address none."""
    with FaultServer(in_turn(status(503), healthy)) as server, FaultServer() as baseline:
        served(project, server)
        project.command("load", "demo", *QUICK, "--duration=1200ms", "--slo", "e2el<60s", f"--against={baseline.url}")
        assert len(baseline.log) == len(server.log) == 120
    assert verdict(project)["comparison"]["status"] == "fail"


def test_the_key_stays_with_its_host(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another host of the command line gets the requests and no key."""
    monkeypatch.setenv("DEMO_KEY", "sk-0123456789abcdef0123456789")
    with FaultServer() as server, FaultServer() as baseline:
        served(project, server, api_key_env="DEMO_KEY")
        there = baseline.url.replace("127.0.0.1", "localhost")
        words = ("--slo", "e2el<60s", f"--against={there}", "--max-requests=12")
        project.command("load", "demo", *QUICK, *words)
        assert b"sk-0123456789" in server.received
        assert len(baseline.log) == 12
        assert b"sk-0123456789" not in baseline.received
    assert "0123456789abcdef" not in project.read("reports/load/demo/load.jsonl")


def test_the_capacity_is_searched(project: Project) -> None:
    """Every rate passes: the capacity is at least the last one; each probe has its record."""
    words = ("--find-capacity", "--from=100/s", "--to=110/s", "--duration=400ms", "--arrivals=constant", "--slo", EASY)
    result = project.command("load", "demo", *words)
    probes = verdict(project)["capacity"]["probes"]
    assert probes[0]["rate_per_s"] == 100.0
    for one in probes:
        assert read_load(project.root / "reports/load/demo" / one["record"]).header.rate_per_s == one["rate_per_s"]
    if all(one["status"] == "pass" for one in probes):
        assert "capacity   the capacity is at least 110/s: raise --to" in result.stdout
        assert result.exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rate=5/s"], "Missing option '--slo'"),
        (["--slo", EASY], "expected one of --rate, --trace and --find-capacity, got none"),
        (["--slo", EASY, "--rate=5/s", "--find-capacity"], "got --rate and --find-capacity"),
        (["--slo", EASY, "--rate=5"], "expected a rate with a unit, such as 5/s or 300/min, got '5'"),
        (["--slo", "ttft<300", "--rate=5/s"], "'ttft<300': expected a duration with a unit"),
        (["--slo", "ttft<1s, goodput>=9/s", "--rate=5/s"], "goodput>=9/s: expected less than the rate of arrivals"),
        (["--slo", EASY, "--find-capacity", "--from=9/s", "--to=3/s"], "--find-capacity: expected --from below --to"),
    ],
)
def test_usage(project: Project, words: list[str], message: str) -> None:
    """A usage error has the status 2, and says what to write."""
    result = project.command("load", "demo", *words)
    assert (result.exit_code, message in " ".join(result.stderr.split())) == (2, True), result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--slo", "ttft<1s", "--rate=5/s"], "has no target: add a share such as attainment>=95%"),
        (["--slo", EASY, "--rate=5/s", "--budget=1"], "the price of scripted is not known"),
        (["--slo", EASY, "--rate=5/s", "--warmup=2min"], "--warmup: expected less than the 60 s of a block"),
        (["--slo", EASY, "--rate=90000/s", "--duration=1h"], "expected at most 1,000,000: shorten --duration"),
        (["--slo", EASY, "--rate=5/s", "--model=other"], "unknown model 'other'"),
        (["--slo", EASY, "--rate=5/s", "--against=http://10.0.0.1/v1"], "needs a model with base_url"),
    ],
)
def test_refusals(project: Project, words: list[str], message: str) -> None:
    """What can show nothing is refused before the first request."""
    result = project.command("load", "demo", *words)
    assert (result.exit_code, message in result.stderr) == (1, True), result.stderr
    assert not (project.root / "reports/load/demo/load.jsonl").exists()


@pytest.mark.parametrize("words", [[], ["--host=example.com"], ["--host=api.example.co"]])
def test_another_host_is_refused(project: Project, words: list[str]) -> None:
    """No socket is opened: the host is in the configuration, and not on the command line."""
    with FaultServer() as server:
        served(project, server, base_url="https://api.example.com/v1")
        result = project.command("load", "demo", *QUICK, "--slo", EASY, *words)
    assert result.exit_code == 1
    assert "the model 'endpoint' is at api.example.com, which is not this machine" in result.stderr
    assert "expected --host api.example.com" in result.stderr


def test_an_address_on_the_command_line_alone_is_refused(project: Project) -> None:
    """A host needs its name in the configuration too."""
    with FaultServer() as server:
        served(project, server)
        words = ("--against=https://other.example/v1", "--host=other.example")
        result = project.command("load", "demo", *QUICK, "--slo", EASY, *words)
        assert (result.exit_code, len(server.log)) == (1, 0)
    assert "--against is at other.example, which is not this machine" in result.stderr


def test_the_budget_holds(project: Project) -> None:
    """A dollar for each prompt token: the load ends before the budget is exceeded, and never passes."""
    table = {"provider": "scripted", "answers": "answers.json", "price": {"input": 1_000_000}, "concurrency": 50}
    project.configure(scripted=table)
    result = project.command("load", "demo", *QUICK, "--slo", EASY, "--budget=60")
    found = verdict(project)
    assert found["versions"][0]["cost_usd"] <= 60
    assert (found["stopped"], found["status"] in ("inconclusive", "invalid")) == ("budget", True)
    assert "cost: about $" in result.stderr


def test_ctrl_c(project: Project) -> None:
    """The record has what is known, the status is 130, and nothing passes."""
    with Terminal(project.root, "load", "demo", "--rate=20/s", "--duration=1min", "--slo", EASY) as terminal:
        terminal.wait("good")
        terminal.press("\x03", then="the load ended early: it was interrupted")
        assert terminal.status() == 130
    record = read_load(project.root / "reports/load/demo/load.jsonl")
    assert record.end is not None
    assert record.end.stopped == "interrupt"
    assert verdict(project)["status"] in ("inconclusive", "invalid")


def test_ctrl_c_ends_a_search(project: Project) -> None:
    """The first probe is no result: nothing is decided, and its record is there."""
    words = ("--find-capacity", "--from=20/s", "--to=50/s", "--duration=1min", "--slo", EASY)
    with Terminal(project.root, "load", "demo", *words) as terminal:
        terminal.wait("good")
        terminal.press("\x03", then="no rate was decided")
        assert terminal.status() == 130
    assert verdict(project)["capacity"]["probes"] == []
    assert read_load(project.root / "reports/load/demo/load-01.jsonl").requests


def test_one_load_at_a_time(project: Project) -> None:
    """Another process writes to the same folder; while it does, no older verdict is there."""
    for name in ("verdict.json", "load.html", "load.jsonl", "load-07.jsonl.part"):
        project.write(f"reports/load/demo/{name}", "{}")
    with Terminal(project.root, "load", "demo", "--rate=20/s", "--duration=1min", "--slo", EASY) as terminal:
        terminal.wait("good")
        result = project.command("load", "demo", *QUICK, "--slo", EASY)
        assert not (project.root / "reports/load/demo/verdict.json").exists(), "an older verdict is not this one's"
        terminal.press("\x03", then="interrupted")
    assert result.exit_code == 1
    assert "another run writes to this folder" in result.stderr
