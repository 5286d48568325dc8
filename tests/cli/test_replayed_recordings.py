"""Answers that a change brings in a recording: not replayed, or listed where no model can answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from repository import Repository

from evalharness.evaluation.api import Evaluation
from evalharness.execution import RecordMode
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci
from evalharness.testing.fault_server import FaultServer

NAMES = [f"case-{number}" for number in range(25)]
GOOD = {name: f"You asked: {name}?" for name in NAMES}
RECORDING, MORE = "golden/recordings/demo.jsonl", "golden/recordings/more.jsonl"
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

    def suite_of(self, keys: dict[str, object], goldens: dict[str, str] = GOOD) -> None:
        """Write the suite with other keys."""
        self.write_suite(goldens, models=["remote"], **keys)
        self.configure(remote={"provider": "openai", "base_url": self._url, "model": "m"})

    def on(self, machine: str) -> None:
        """Switch to a developer's desk, or to a runner of CI."""
        self._monkeypatch.setenv("XDG_CACHE_HOME", str(self.root / (".cache" if machine == "runner" else ".desk")))
        leave_ci(self._monkeypatch)
        if machine == "runner":
            self._monkeypatch.setenv("CI", "true")

    def job(self, *imported: str, record: RecordMode = "once", **options: Any) -> Evaluation:
        """Run a job: import recordings, then evaluate against main."""
        if imported:
            assert self.command("record", "import", *(self.root / name for name in imported)).exit_code == 0
        return self.evaluate(base="main", record=record, **options)

    def record_answers(self) -> None:
        """Answer the suite at the desk, and export the answers into the recording."""
        self.on("desk")
        self.evaluate()
        assert self.command("record", "export", "demo").exit_code == 0
        self.on("runner")


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
    shop.record_answers()
    shop.repository.commit()


def rewrite(shop: Shop, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edit the responses of the recording."""
    header, *lines = map(json.loads, shop.read(RECORDING).splitlines())
    for line in lines:
        edit(line["response"])
    shop.write(RECORDING, "".join(json.dumps(line) + "\n" for line in (header, *lines)))


def test_a_recording_of_main(shop: Shop, server: FaultServer) -> None:
    """Answers from the recording of the merge base are replayed and not listed."""
    before = len(server.log)
    shop.repository.branch()
    evaluation = shop.job(RECORDING)
    assert (len(server.log), listed(evaluation)) == (before, [])
    sources = {source.partition("@")[0] for sample in evaluation.samples for source in sample.recorded_from}
    assert sources == {RECORDING}


def test_the_answers_of_a_change_are_not_replayed(shop: Shop, server: FaultServer) -> None:
    """With a model, its answers count and not those that the change has recorded for its new prompt."""
    forge(shop)
    before, said = len(server.log), list[str]()
    evaluation = shop.job(RECORDING, on_message=said.append)
    assert (len(server.log), listed(evaluation)) == (before + len(NAMES), [])
    assert not any(sample.recorded_from for sample in evaluation.samples)
    assert (
        f"llm: 25 answers of {RECORDING} not replayed, because this change adds or edits them: asked the model" in said
    )


def test_pytest_names_them_too(pytester: pytest.Pytester, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of pytest says how many answers of the change it has not replayed."""
    shop = Shop(pytester.path, server.url, monkeypatch)
    forge(shop)
    assert shop.command("record", "import", shop.root / RECORDING).exit_code == 0
    printed = pytester.runpytest("--llm-suite=demo", "--llm-base=main").stdout.str()
    assert f"llm: 25 answers of {RECORDING} not replayed" in printed


def test_edited_answers_of_main(shop: Shop, server: FaultServer) -> None:
    """A recorded answer that the change edits is no longer that of the merge base."""
    shop.repository.branch()
    rewrite(shop, lambda response: response.update(text="Forged."))
    before = len(server.log)
    evaluation = shop.job(RECORDING)
    assert len(server.log) == before + len(NAMES)
    assert {sample.response.text for sample in evaluation.samples if sample.response} == set(GOOD.values())


def test_an_appended_recording(shop: Shop, server: FaultServer) -> None:
    """The answers of main stay those of main in a recording that grows; a new case is sent to the model."""
    shop.repository.branch()
    shop.suite_of({}, {**GOOD, "more": "You asked: more?"})
    shop.record_answers()
    shop.repository.commit()
    before = len(server.log)
    evaluation = shop.job(RECORDING)
    assert (len(server.log), listed(evaluation)) == (before + 1, [])
    assert sum(bool(sample.recorded_from) for sample in evaluation.samples) == len(NAMES)


def test_a_rerun_with_the_same_ledger(shop: Shop, server: FaultServer) -> None:
    """A rerun imports the recording again, and replays what the model answered in the first run."""
    forge(shop)
    rewrite(shop, lambda response: response.update(text="Forged."))
    shop.job(RECORDING)
    before = len(server.log)
    evaluation = shop.job(RECORDING)
    assert len(server.log) == before
    assert all(sample.recorded_at and not sample.recorded_from for sample in evaluation.samples)


def test_a_changed_recording_is_listed(shop: Shop) -> None:
    """Without a model, the answers of the change are replayed and relax the criteria, in each door."""
    forge(shop)
    evaluation = shop.job(RECORDING, record="none")
    line = f"25 answers replayed from {RECORDING}: this recording is changed"
    assert (listed(evaluation), evaluation.status) == ([line], "inconclusive")
    again = shop.command("gate", shop.root / "reports/demo", "--base", "main")
    assert (again.exit_code, shop.command("verify", "--base", "main").exit_code) == (6, 6)
    assert line in " ".join(again.output.split())


def test_a_new_recording_of_accepted_answers(shop: Shop) -> None:
    """Without a model, a change may record the accepted answers to unchanged requests."""
    shop.repository.branch()
    shop.repository.git("mv", RECORDING, MORE)
    shop.repository.commit()
    evaluation = shop.job(MORE, record="none")
    assert all(sample.recorded_from for sample in evaluation.samples)
    assert evaluation.outcome
    assert evaluation.outcome.relaxing == []
    again = shop.command("gate", shop.root / "reports/demo", "--base", "main")
    assert (again.exit_code, shop.command("verify", "--base", "main").exit_code) == (0, 0)


@pytest.mark.parametrize(
    "edit",
    [
        lambda response: response.update(text=f"{response['text']} Yes."),
        lambda response: response["usage"].update(completion_tokens=1),
        lambda response: response["usage"].update(prompt_tokens=1),
    ],
    ids=["another text", "fewer tokens", "a shorter prompt"],
)
def test_a_new_recording_of_other_answers(shop: Shop, edit: Callable[[dict[str, Any]], object]) -> None:
    """Answers that differ from the accepted ones in text or tokens are listed."""
    shop.repository.branch()
    rewrite(shop, edit)
    shop.repository.git("mv", RECORDING, MORE)
    shop.repository.commit()
    assert listed(shop.job(MORE, record="none")) == [f"25 answers replayed from {MORE}: this recording is new"]


def test_a_new_recording_without_a_baseline(shop: Shop) -> None:
    """An accepted run that the change brings vouches for none of its recorded answers."""
    shop.repository.git("checkout", "--quiet", "main")
    shop.repository.git("mv", "golden/baselines", "kept")
    shop.repository.commit()
    shop.repository.branch()
    shop.repository.git("mv", "kept", "golden/baselines")
    shop.repository.git("mv", RECORDING, MORE)
    shop.repository.commit()
    assert listed(shop.job(MORE, record="none")) == [f"25 answers replayed from {MORE}: this recording is new"]


def test_a_recording_from_elsewhere_is_listed(shop: Shop) -> None:
    """Answers from a file outside of the compared folders are listed too."""
    forge(shop)
    shop.repository.git("mv", RECORDING, "answers.jsonl")
    evaluation = shop.job("answers.jsonl", record="none")
    assert listed(evaluation) == ["25 answers replayed from answers.jsonl: this recording is new"]


def test_not_of_another_change(shop: Shop, server: FaultServer) -> None:
    """The cache keeps what one change imports; a later change without that recording asks the endpoint."""
    forge(shop)
    shop.job(RECORDING, record="none")
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
