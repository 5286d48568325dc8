"""Answers that a change brings in a recording: listed where they are replayed, and never another change's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from repository import Repository

from evalharness.evaluation.api import Evaluation
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci
from evalharness.testing.fault_server import FaultServer

NAMES = [f"case-{number}" for number in range(25)]
GOOD = {name: f"You asked: {name}?" for name in NAMES}
RECORDING = "golden/recordings/demo.jsonl"
CHANGE = {"prompts": {"plain": [{"user": "{{ question }}"}, {"assistant": "Well."}, {"user": "{{ question }}"}]}}


class Shop(Project):
    """A repository with an accepted suite, a recording of it, and a runner whose cache outlives its jobs."""

    def __init__(self, root: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(root)
        self._monkeypatch, self._url = monkeypatch, url
        self.repository = Repository(root)
        self.write(".gitignore", "reports/\n.cache/\n.desk/\n")
        self.suite_of({})
        self.on("desk")
        self.accept()
        self.command("record", "export", "demo")
        self.repository.commit()
        self.on("runner")

    def suite_of(self, keys: dict[str, object]) -> None:
        """Write the suite with other keys."""
        self.write_suite(GOOD, models=["remote"], **keys)
        self.configure(remote={"provider": "openai", "base_url": self._url, "model": "m"})

    def on(self, machine: str) -> None:
        """Switch to a developer's desk, or to a runner of CI."""
        self._monkeypatch.setenv("XDG_CACHE_HOME", str(self.root / (".cache" if machine == "runner" else ".desk")))
        leave_ci(self._monkeypatch)
        if machine == "runner":
            self._monkeypatch.setenv("CI", "true")

    def job(self, *imported: str) -> Evaluation:
        """Run a job: import recordings, then evaluate against main."""
        if imported:
            assert self.command("record", "import", *(self.root / name for name in imported)).exit_code == 0
        return self.evaluate(base="main")


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """An endpoint that repeats the question."""
    with FaultServer() as server:
        yield server


@pytest.fixture
def shop(tmp_path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop on a runner with an empty cache."""
    return Shop(tmp_path.resolve(), server.url, monkeypatch)


def listed(evaluation: Evaluation) -> list[str]:
    """The relaxing changes about replayed answers."""
    assert evaluation.outcome
    return [str(change) for change in evaluation.outcome.relaxing if "replayed" in str(change)]


def forge(shop: Shop) -> None:
    """On a branch, change the prompt and commit a recording with answers of the author."""
    shop.repository.branch("forged")
    shop.suite_of(CHANGE)
    shop.on("desk")
    shop.evaluate()
    shop.command("record", "export", "demo")
    shop.on("runner")
    shop.repository.commit()


def test_a_recording_of_main(shop: Shop, server: FaultServer) -> None:
    """Answers from the recording of the merge base are replayed and not listed."""
    before = len(server.log)
    shop.repository.branch()
    evaluation = shop.job(RECORDING)
    assert (len(server.log), listed(evaluation)) == (before, [])
    sources = {source.partition("@")[0] for sample in evaluation.samples for source in sample.recorded_from}
    assert sources == {RECORDING}


def test_a_changed_recording_is_listed(shop: Shop) -> None:
    """Answers from a recording that the change wrote relax the criteria, and the record tells it to `gate` as well."""
    forge(shop)
    evaluation = shop.job(RECORDING)
    line = f"25 answers replayed from {RECORDING}: this recording is changed"
    assert (listed(evaluation), evaluation.status) == ([line], "inconclusive")
    again = shop.command("gate", shop.root / "reports/demo", "--base", "main")
    assert (again.exit_code, shop.command("verify", "--base", "main").exit_code) == (6, 6)
    assert line in " ".join(again.output.split())


def test_a_recording_from_elsewhere_is_listed(shop: Shop) -> None:
    """Answers from a file outside of the compared folders are listed too."""
    forge(shop)
    shop.repository.git("mv", RECORDING, "answers.jsonl")
    evaluation = shop.job("answers.jsonl")
    assert listed(evaluation) == ["25 answers replayed from answers.jsonl: this recording is new"]


def test_not_of_another_change(shop: Shop, server: FaultServer) -> None:
    """The cache keeps what one change imports; a later change without that recording asks the endpoint."""
    forge(shop)
    shop.job(RECORDING)
    shop.repository.git("checkout", "--quiet", "main")
    shop.repository.branch("later")
    shop.suite_of(CHANGE)
    shop.repository.commit()
    before = len(server.log)
    evaluation = shop.job()
    assert len(server.log) >= before + len(NAMES)
    assert not any(sample.recorded_from for sample in evaluation.samples)


def test_line_ends_of_a_checkout(shop: Shop) -> None:
    """A recording with the line ends of another checkout is that of the merge base."""
    text = shop.read(RECORDING)
    (shop.root / RECORDING).write_bytes(text.replace("\n", "\r\n").encode())
    shop.repository.branch()
    assert listed(shop.job(RECORDING)) == []
