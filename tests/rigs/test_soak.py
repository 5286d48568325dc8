"""Hundreds of cases against a server that fails every fifth request: no loss, no difference, little memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from faults import FAULTS, Fault, limited
from rigs.project import LedgerState, Project, command, ledger_state, output_of, with_attempts_from_zero

from evalharness.records import Run
from evalharness.store.runs import canonical_run
from evalharness.testing.fault_server import FaultServer, Script, answer_text, healthy, mixed

CASES, SHARE, SEED = int(os.environ.get("EVALHARNESS_CASES", "600")), 0.2, 20_260
"""`make bench` takes 10,000."""
pytestmark = [pytest.mark.slow, pytest.mark.deep]
MOST_POSTS, PATIENCE_S = 1.30, 300
MOST_MB = {"accepted": 90 + 0.0075 * CASES, "replayed": 95 + 0.0085 * CASES, "faulty": 95 + 0.0085 * CASES}
"""Imports plus a share per case; the latter two also hold the baseline for the comparison."""
QUESTIONS = {f"case-{number}": f"How much is {number} and {number % 7}?" for number in range(CASES)}
GOLDENS = {name: answer_text(text) if len(name) % 2 else "Not the answer." for name, text in QUESTIONS.items()}
NAMES = ("status-503", "status-500", "reset-before-head", "reset-in-body", "stream-without-done", "cut-in-chunk")
ATTEMPTS = [Fault("A1", limited(retry_after_ms="5"), "rate limit", 3), *(FAULTS[name] for name in NAMES)]
MEASURE = """
import os, sys
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(child, 0)
with open(sys.argv[1], "w") as file:
    file.write(str(used.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""A small process starts the child: on Linux a child's peak memory includes that of its parent at the start."""


@dataclass(frozen=True)
class Done:
    """One completed run."""

    run: Run
    statuses: dict[str, str]
    """Of the suite and of each gate."""
    ledger: LedgerState
    posts: int
    took_s: float
    peak_mb: float

    def __str__(self) -> str:
        return f"{self.took_s:.1f} s, {self.posts} POSTs, {self.peak_mb:.0f} MB"


def measured(words: list[str], **how: Any) -> tuple[int, float]:
    """Return the exit code of a program, and its peak memory in MB."""
    peak = Path(how["cwd"]) / "peak"
    program = [sys.executable, "-S", "-c", MEASURE, str(peak), *words]
    code = subprocess.run(program, check=False, timeout=PATIENCE_S, **how).returncode
    return code, int(peak.read_text()) / 1024


def run(project: Project, server: FaultServer, script: Script, cache: Path, *arguments: str) -> Done:
    """Run a child with this cache against a server with this script."""
    server.script, known, began = with_attempts_from_zero(script), len(server.log), time.monotonic()
    with output_of(cache).open("wb") as output:
        how = {"cwd": project.root, "env": project.environment(cache), "stdout": output, "stderr": output}
        code, peak_mb = measured(command(*arguments), **how)
    took_s, verdict = time.monotonic() - began, project.verdict()
    assert code == 0, output_of(cache).read_text()[-5000:]
    statuses = {one["metric"]: one["status"] for one in verdict["verdicts"]} | {"suite": verdict["status"]}
    return Done(project.record(), statuses, ledger_state(cache), len(server.log) - known, took_s, peak_mb)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Done]]:
    """`accepted`: without faults; `replayed`: the same from its ledger; `faulty`: a fresh run with faults."""
    folder = tmp_path_factory.mktemp("soak")
    project = Project(folder / "project")
    with FaultServer() as server:
        project.write_all(server.url, QUESTIONS, GOLDENS)
        one = partial(run, project, server)
        found = {
            "accepted": one(healthy, folder / "calm", "--llm-accept"),
            "replayed": one(healthy, folder / "calm"),
            "faulty": one(mixed(SEED, SHARE, ATTEMPTS), folder / "stormy"),
        }
        print(*(f"{name}: {done}" for name, done in found.items()), sep="\n")  # noqa: T201 - shown when a test fails
        yield found


def test_nothing_is_lost(runs: dict[str, Done]) -> None:
    """Each case has its answer, whatever faults its requests had."""
    for done in runs.values():
        assert len(done.run.samples) == CASES
        assert [sample.key.case for sample in done.run.samples if not sample.ok] == []
        assert done.ledger.answered.keys() == set(QUESTIONS.values())


def test_nothing_is_different(runs: dict[str, Done]) -> None:
    """Samples and verdicts equal those without faults, from gates that compared something."""
    assert canonical_run(runs["faulty"].run) == canonical_run(runs["accepted"].run)
    assert runs["faulty"].statuses == runs["replayed"].statuses == dict.fromkeys(("exact", "token_f1", "suite"), "pass")


def test_few_requests_more(runs: dict[str, Done]) -> None:
    """Without faults there is one request per case, by replay none, and with faults at most 30 % more."""
    assert [runs[name].posts for name in ("accepted", "replayed")] == [CASES, 0]
    assert 1.15 * CASES < runs["faulty"].posts <= MOST_POSTS * CASES
    assert len(runs["faulty"].ledger.attempts) == runs["faulty"].posts


def test_little_memory(runs: dict[str, Done], tmp_path: Path) -> None:
    """Peak memory above an empty pytest run stays within the limit."""
    (tmp_path / "test_one.py").write_text("def test_one():\n    pass\n")
    empty = [word for word in command() if not word.startswith("--llm")]
    code, empty_mb = measured(empty, cwd=tmp_path, env=Project(tmp_path).environment(tmp_path))
    assert code == 0
    more = {name: done.peak_mb - empty_mb for name, done in runs.items()}
    assert {name: mb for name, mb in more.items() if mb > MOST_MB[name]} == {}
