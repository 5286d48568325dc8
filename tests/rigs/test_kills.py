"""Kill -9 at random times, in resumed runs too: the result is the same, and no recorded request is sent again.

    campaign: fresh ledger, child, kill, child, kill, ... until one child completes

The server's log is compared with the state of the ledger after each kill.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from subprocess import Popen, TimeoutExpired

import pytest
from rigs.project import LedgerState, Project, kill, ledger_state, output_of, run_of

from evalharness.records import Sample
from evalharness.store.runs import canonical_run
from evalharness.testing.fault_server import FaultServer, Received, Reply, Wait, answer_text, healthy

KILLS = int(os.environ.get("EVALHARNESS_KILLS", "12"))
SEED = int(os.environ.get("EVALHARNESS_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
SIDE_BY_SIDE = 2
CASES, CONCURRENCY = 40, 8
QUESTIONS = {f"case-{number}": f"What is {number} times {number}?" for number in range(CASES)}
ARGUMENTS = ("--llm-baseline=none", f"--llm-concurrency={CONCURRENCY}")
pytestmark = [pytest.mark.slow, pytest.mark.deep]


@dataclass(frozen=True)
class Killed:
    """A killed child, and the ledger at that time."""

    after_s: float
    ledger: LedgerState
    when: str
    """The phase of the child: `start`, `requests` or `end`."""


@dataclass(frozen=True)
class Campaign:
    """Kills, and the run that completed after them."""

    killed: list[Killed]
    ledger: LedgerState
    log: list[Received]
    samples: dict[str, Sample]
    """By the text of the question."""
    found: bytes
    """The canonical bytes of the last run."""

    @property
    def posts(self) -> dict[int, list[Received]]:
        """Group the requests by child. A child killed during a request may have sent a part of it."""
        born = {run: n for n, one in reversed([*enumerate(self._states)]) for run in one.runs}
        found: dict[int, list[Received]] = {number: [] for number in range(len(self._states))}
        for post in self.log:
            if post.body is not None:
                found[born[run_of(post.id)]].append(post)
        return found

    @property
    def _states(self) -> list[LedgerState]:
        return [*(one.ledger for one in self.killed), self.ledger]


@dataclass
class Killer:
    """A project with its server and its own random numbers."""

    folder: Path
    seed: str
    server: FaultServer
    numbers: random.Random = field(init=False)
    project: Project = field(init=False)
    life_s: float = field(init=False)
    requests_s: float = field(init=False)

    def __post_init__(self) -> None:
        """Write the project."""
        self.numbers = random.Random(self.seed)
        self.project = Project(self.folder / "project")
        goldens = {name: answer_text(text) if number % 2 else "49" for number, (name, text) in enumerate(ITEMS)}
        self.project.write_all(self.server.url, QUESTIONS, goldens)

    def never_killed(self) -> bytes:
        """Run without a kill, and measure it with warm file caches. Returns the canonical bytes."""
        for cache in ("first", "never"):
            started, known = time.monotonic(), len(self.server.log)
            assert self.project.run(self.folder / cache, *ARGUMENTS) == 0, self.output(cache)
            self.life_s = time.monotonic() - started
        self.requests_s = self.server.log[-1].at - self.server.log[known].at
        return canonical_run(self.project.record())

    def campaign(self, number: int, kills: int) -> Campaign:
        """Kill at most this many children, then let a run complete."""
        cache, start, killed = self.folder / str(number), len(self.server.log), list[Killed]()
        while len(killed) < kills and (one := self._kill_one(cache)):
            killed.append(one)
        if len(killed) == kills:
            assert self.project.run(cache, *ARGUMENTS) == 0, self.output(cache.name)
        run = self.project.record()
        assert not run.stopped
        samples = {sample.messages[-1].content: sample for sample in run.samples}
        return Campaign(killed, ledger_state(cache), self.server.log[start:], samples, canonical_run(run))

    def _kill_one(self, cache: Path) -> Killed | None:
        """Kill a child: half of them at any time of its life, half after its first request."""
        known, began = len(self.server.log), time.monotonic()
        with self.project.child(cache, *ARGUMENTS) as child:
            if self.numbers.random() < 0.5:
                alive = outlives(child, self.numbers.uniform(0, self.life_s))
            else:
                while len(self.server.log) == known and outlives(child, 0.001):
                    pass
                alive = outlives(child, self.numbers.uniform(0, 1.5 * self.requests_s))
            alive = alive and kill(child)
        assert alive or child.returncode == 0, self.output(cache.name)
        sent = len(self.server.log) - known
        return (
            Killed(time.monotonic() - began, ledger_state(cache), self._when(sent, ledger_state(cache)))
            if alive
            else None
        )

    def _when(self, sent: int, held: LedgerState) -> str:
        done = len(held.answered) == CASES
        return "end" if done else "requests" if sent else "start"

    def output(self, cache: str) -> str:
        """Return a child's output, with the seed to repeat the test."""
        return f"EVALHARNESS_SEED={SEED}\n{output_of(self.folder / cache).read_text()}"


ITEMS = tuple(QUESTIONS.items())


def outlives(child: Popen[bytes], seconds: float) -> bool:
    """Return whether the child is still alive after this time."""
    try:
        child.wait(seconds)
    except TimeoutExpired:
        return True
    return False


def slowly(numbers: random.Random, seen: Received) -> Reply:
    """Return the correct answer after 10 to 30 ms."""
    return [Wait(numbers.uniform(0.01, 0.03)), *healthy(seen)]


def campaigns(folder: Path, seed: str) -> Iterator[tuple[bytes, Campaign]]:
    """Run campaigns until this side's share of kills is spent. Yields the expected bytes with each."""
    left = -(-KILLS // SIDE_BY_SIDE)
    with FaultServer(partial(slowly, random.Random(seed))) as server:
        killer = Killer(folder, seed, server)
        wanted = killer.never_killed()
        for number in range(10 * KILLS):
            if left <= 0:
                return
            done = killer.campaign(number, left)
            left -= len(done.killed)
            yield wanted, done


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[bytes, Campaign]]:
    """All campaigns, some in parallel."""
    folders = [tmp_path_factory.mktemp(f"side-{side}") for side in range(SIDE_BY_SIDE)]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        sides = [pool.submit(lambda f, s: list(campaigns(f, s)), f, f"{SEED}-{n}") for n, f in enumerate(folders)]
        found = [campaign for side in sides for campaign in side.result()]
    print(summary([campaign for _, campaign in found]))  # noqa: T201 - pytest shows it with -s and when a test fails
    return found


def summary(found: list[Campaign]) -> str:
    """Count the kills by phase, resumed runs and lost requests."""
    kills = [one for campaign in found for one in campaign.killed]
    when = Counter(one.when for one in kills)
    resumed = sum(max(0, len(campaign.killed) - 1) for campaign in found)
    lost = sum(len(lost_at(campaign, n)) for campaign in found for n in range(len(campaign.killed)))
    halves = sum(post.body is None for campaign in found for post in campaign.log)
    return (
        f"EVALHARNESS_SEED={SEED}: {len(kills)} kills ({resumed} of resumed runs) in {len(found)} campaigns, "
        f"{dict(when)}; {lost} requests were under way, {halves} more had been sent in part"
    )


def lost_at(campaign: Campaign, number: int) -> set[str]:
    """Return the requests that a killed child had sent without an answer in the ledger."""
    sent = {post.case for post in campaign.posts[number]}
    return sent - campaign.killed[number].ledger.answered.keys()


def test_as_many_kills_as_wanted(done: list[tuple[bytes, Campaign]]) -> None:
    """The control of the other tests: there were enough kills, and some lost requests."""
    assert sum(len(campaign.killed) for _, campaign in done) >= KILLS
    assert any(lost_at(campaign, n) for _, campaign in done for n in range(len(campaign.killed)))


def test_same_run_each_time(done: list[tuple[bytes, Campaign]]) -> None:
    """The canonical bytes equal those of the run that was never killed."""
    assert [n for n, (wanted, campaign) in enumerate(done) if campaign.found != wanted] == [], f"seed {SEED}"


def test_no_answered_request_is_sent_again(done: list[tuple[bytes, Campaign]]) -> None:
    """No later child sends a request that the ledger held as answered at an earlier kill."""
    again = [
        (number, post.case)
        for _, campaign in done
        for number, one in enumerate(campaign.killed)
        for later in range(number + 1, len(campaign.killed) + 1)
        for post in campaign.posts[later]
        if post.case in one.ledger.answered
    ]
    assert again == [], f"seed {SEED}"


def test_losses_are_bounded(done: list[tuple[bytes, Campaign]]) -> None:
    """A kill loses only requests in flight and answers not yet on disk; no other request is sent twice.

    During a write, requests leave only if their intents are on disk: at most as many again as the concurrency.
    """
    for _, campaign in done:
        lost = [len(lost_at(campaign, number)) for number in range(len(campaign.killed))]
        assert max(lost, default=0) <= 2 * CONCURRENCY, f"seed {SEED}"
        assert sum(map(len, campaign.posts.values())) == CASES + sum(lost), f"seed {SEED}"
        assert campaign.ledger.answered.keys() == set(QUESTIONS.values()), f"seed {SEED}"


def test_ledger_and_server_agree(done: list[tuple[bytes, Campaign]]) -> None:
    """Each POST is one attempt of the ledger; an attempt the server never saw is one of a killed child."""
    for _, campaign in done:
        seen = [post.id for post in campaign.log if post.id]
        attempts = campaign.ledger.attempts
        assert len(set(seen)) == len(seen), f"seed {SEED}"
        assert set(seen) <= attempts.keys(), f"seed {SEED}"
        killed = {run for one in campaign.killed for run in one.ledger.runs}
        assert {run_of(attempt) for attempt in attempts.keys() - set(seen)} <= killed, f"seed {SEED}"
        for attempt, (_, outcome) in attempts.items():
            allowed = {"answered", "lost"} if run_of(attempt) in killed else {"answered"}
            assert outcome in allowed, f"seed {SEED}, {attempt}: {outcome}"


def test_samples_count_lost_attempts(done: list[tuple[bytes, Campaign]]) -> None:
    """In the last run, replayed samples have no attempt, and those a kill interrupted have several."""
    for _, campaign in done:
        before = campaign.killed[-1].ledger if campaign.killed else LedgerState()
        left_behind = {key for key, outcome in before.attempts.values() if outcome is None}
        for text, key in campaign.ledger.answered.items():
            found = campaign.samples[text].attempts
            wanted = "none" if text in before.answered else "several" if key in left_behind else "one"
            assert {0: "none", 1: "one"}.get(found, "several") == wanted, f"seed {SEED}, {text}: {found}"
