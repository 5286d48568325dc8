"""Kills of a Ray node at random moments: lost cases, finished cases that are requested again, and differing records.

    python benchmarks/ray_kills.py [--kills 50] [--cases 2000] [--seed 1]

A suite runs on two nodes against a server that counts requests. The second node is killed and started again, several
times in each run, until there were enough kills. tests/rigs/test_ray.py kills once.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from rigs.project import KEY_NAME
from rigs.ray_nodes import nodes
from rigs.test_ray import ARGUMENTS, KEY, SECOND, Rig, slowly

from evalharness.store.runs import canonical_run
from evalharness.testing.fault_server import FaultServer

_PAUSE_S = 6.0
"""Longest time between the start of a node and its end."""


@dataclass
class Campaign:
    """Runs with kills, and what they have shown."""

    rig: Rig
    numbers: random.Random
    wanted: bytes
    kills: int = 0
    runs: int = 0
    lost: int = 0
    again: int = 0
    finished_again: int = 0
    most: int = 0
    differing: int = 0
    unnamed: int = 0

    def run(self, most_kills: int) -> None:
        """Run the suite once, and kill the second node as often as the run lasts."""
        cache, start = f"run-{self.runs}", len(self.rig.server.log)
        self.rig.cluster.wait(SECOND)
        kills = 0
        with self.rig.project.child(self.rig.folder / cache, *ARGUMENTS, "--llm-executor=ray") as child:
            while child.poll() is None and len(self.rig.server.log) == start:
                time.sleep(0.05)
            while kills < most_kills and self._pause(child):
                self.rig.cluster.kill(SECOND)
                kills += 1
                self.rig.start_second()
                self.rig.cluster.wait(SECOND)
            code = child.wait(600)
        assert code == 0, self.rig.output(cache)
        self._count(cache, start, kills)

    def _pause(self, child: Popen[bytes]) -> bool:
        """Wait for a random time. Returns whether the run is still going."""
        until = time.monotonic() + self.numbers.uniform(0, _PAUSE_S)
        while time.monotonic() < until and child.poll() is None:
            time.sleep(0.02)
        return child.poll() is None

    def _count(self, cache: str, start: int, kills: int) -> None:
        run, ledger = self.rig.project.record(), self.rig.ledger(cache)
        times = Counter(post.case for post in self.rig.server.log[start:])
        outcomes = {attempt: outcome for attempt, (_, outcome) in ledger.attempts.items()}
        first = {post.case: post.id for post in reversed(self.rig.server.log[start:])}
        again = [case for case, count in times.items() if count > 1]
        self.runs += 1
        self.kills += kills
        self.lost += len(set(self.rig.questions.values()) - ledger.answered.keys())
        self.again += len(again)
        self.finished_again += sum(outcomes[first[case]] == "answered" for case in again)
        self.most = max(self.most, *times.values())
        self.differing += canonical_run(run) != self.wanted
        self.unnamed += bool(again) and not run.lost_nodes
        print(
            f"run {self.runs}: {kills} kills, {len(again)} requests again, {len(run.lost_nodes)} nodes named",
            flush=True,
        )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("kills", 50), ("cases", 2000), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        disk = {"XDG_CACHE_HOME": str(folder / "head-disk"), KEY_NAME: KEY}
        with FaultServer(slowly) as server, nodes(folder, **disk) as cluster:
            rig = Rig(folder, server, cluster)
            rig.write(given.cases)
            rig.start_second()
            campaign = Campaign(rig, random.Random(given.seed), canonical_run(rig.run("alone")))
            while campaign.kills < given.kills:
                campaign.run(given.kills - campaign.kills)
    print(
        f"seed {given.seed}: {campaign.kills} kills of a node in {campaign.runs} runs of {given.cases} cases: "
        f"{campaign.lost} cases lost, {campaign.finished_again} finished cases requested again, {campaign.again} in "
        f"flight requested again, each case at most {campaign.most} times; {campaign.differing} records differ from "
        f"that of one process, {campaign.unnamed} of them lost a request and name no node"
    )


if __name__ == "__main__":
    main()
