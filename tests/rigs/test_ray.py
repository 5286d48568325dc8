"""A suite on two real nodes of Ray: the same record as in one process, also when a node is killed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rigs.project import KEY_NAME, LedgerState, Project, ledger_state, output_of
from rigs.ray_nodes import Nodes, nodes

from evalharness.records import Run
from evalharness.store.runs import canonical_run
from evalharness.testing.fault_server import FaultServer, Received, Reply, Wait, answer_text, healthy

CONCURRENCY = 8
KEY = "sk-rig-0123456789"
ARGUMENTS = ("--llm-baseline=none", f"--llm-concurrency={CONCURRENCY}")
SECOND = "second"
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
    rig.write(120)
    rig.start_second()
    wanted = canonical_run(rig.run("alone"))
    rig.cluster.wait(SECOND)
    start = len(rig.server.log)
    code, run = rig.run_with_kill("killed", lambda: rig.cluster.kill(SECOND), after=40)
    assert code == 0, rig.output("killed")
    assert canonical_run(run) == wanted
    check_exactly_once(rig.server.log[start:], rig.ledger("killed"), rig.questions)
    assert len(run.lost_nodes) == 1
    assert run.lost_nodes[0].endswith(": lost")
    assert f"lost during the run: {run.lost_nodes[0]}" in rig.output("killed")


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
