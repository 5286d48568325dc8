"""Shards: one run of a suite against the merge of its shards. Scripted responses, no model time.

    python benchmarks/shards.py [CASES] [--shards 4,16]

Half of the answers are worse than the accepted ones. Prints, for one run and for each number of shards: exit status,
CPU seconds and peak memory of each command, and whether record and verdict of the merge are those of the one run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from scale import CONFIG, write_suite

from evalharness.store import canonical_run, read_run

NAME = "bench"
COMMAND = (sys.executable, "-m", "evalharness")


class Cost(NamedTuple):
    """What a command took."""

    status: int
    cpu_s: float
    peak_mb: float


def cost_of(root: Path, *words: str) -> Cost:
    """Run a command of evalharness, and measure it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI"))}
    process = subprocess.Popen([*COMMAND, *words], cwd=root, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def shown(cost: Cost) -> str:
    """The figures of a command."""
    return f"status {cost.status}, {cost.cpu_s:.1f} s CPU, {cost.peak_mb:.0f} MB"


def accept(root: Path) -> None:
    """Accept the good answers, then make every second one worse."""
    (root / "pyproject.toml").write_text(CONFIG)
    cost_of(root, "run", NAME, "--report", "accepted")
    cost_of(root, "accept", "accepted", "--because", "the start")
    worse = {f"c{number}": "No." for number in range(0, cases_of(root), 2)}
    (root / "answers.json").write_text(json.dumps({"*": "You may return it within 30 days."} | worse))
    (root / "pyproject.toml").write_text(CONFIG.partition("answers")[0] + 'answers = "answers.json"\n')


def cases_of(root: Path) -> int:
    """The number of cases of the suite."""
    return (root / f"suites/{NAME}.jsonl").read_bytes().count(b"\n")


def decided(folder: Path) -> dict[str, object]:
    """The verdict, without the id of the run."""
    found: dict[str, object] = json.loads((folder / "verdict.json").read_text())
    return found | {"run": ""}


def main() -> None:
    """Print a row for each command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="?", type=int, default=10_000)
    parser.add_argument("--shards", default="4,16")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_suite(root, NAME, given.cases)
        accept(root)
        whole = cost_of(root, "run", NAME, "--settle", "1", "--report", "whole")
        print(f"{given.cases:,} cases, one run: {shown(whole)}")
        for of in map(int, given.shards.split(",")):
            measure(root, of)


def measure(root: Path, of: int) -> None:
    """Run the shards and merge them; print both."""
    parts = [
        cost_of(root, "run", NAME, "--shard", f"{number}/{of}", "--report", f"shards-{of}/{number}")
        for number in range(1, of + 1)
    ]
    merged = cost_of(root, "merge", f"shards-{of}", "--into", f"merged-{of}")
    found, whole = root / f"merged-{of}/{NAME}", root / "whole"
    same_record = canonical_run(read_run(found / "run.jsonl")) == canonical_run(read_run(whole / "run.jsonl"))
    same_verdict = decided(found) == decided(whole)
    statuses = sorted({part.status for part in parts})
    total, most = sum(part.cpu_s for part in parts), max(part.peak_mb for part in parts)
    print(f"{of} shards: status {statuses}, {total:.1f} s CPU together, at most {most:.0f} MB each")
    print(f"merge of {of}: {shown(merged)}")
    print(f"  same record: {same_record}, same verdict: {same_verdict}")


if __name__ == "__main__":
    main()
