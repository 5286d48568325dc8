"""Kill -9 at each call that writes: an acceptance leaves the old files or the new ones, a run files of one run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import rigs.killed

from evalharness.errors import StoreError
from evalharness.evaluation.acceptance import Reason, accept_run
from evalharness.store import read_run
from evalharness.store.runs import record_in
from evalharness.store.together import JOURNAL, restore_interrupted
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

PROMPTS = {"plain": [{"user": "{{ question }}"}], "short": [{"user": "{{ question }} Be short."}]}
STRACE = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")]
Files = dict[str, bytes]


class Killed:
    """The states that kills leave behind, made once for each action; a test gets copies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.template = Project(folder / "template")
        self.template.write_suite(prompts=PROMPTS, default_prompts=list(PROMPTS))
        self.template.accept("old")
        self.template.evaluate()

    def states(self, action: str, by: str, copies: Path) -> tuple[list[Path], Path]:
        """The folders that the killed children left, and that of the child that ended."""
        made = self._folder / f"{action}-{by}"
        if not made.exists():
            script = str(rigs.killed.__file__)
            command = [sys.executable, script, action, str(self.template.root), str(made), by]
            done = subprocess.run(command, capture_output=True, text=True, timeout=900)
            assert done.returncode == 0, done.stderr
        shutil.copytree(made, copies)
        killed = [path for path in copies.iterdir() if path.name != "whole"]
        return sorted(killed, key=lambda path: int(path.name)), copies / "whole"


@pytest.fixture(scope="module")
def kills(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    """A project with two accepted baselines and the record of another run, and what kills leave of it."""
    folder = tmp_path_factory.mktemp("kills")
    with pytest.MonkeyPatch.context() as patch:
        leave_ci(patch)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield Killed(folder)


def golden(root: Path) -> Files:
    """The files of `golden/`, without those that a kill may leave behind under another name."""
    found = {path.relative_to(root).as_posix(): path for path in (root / "golden").rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not path.name.startswith(".")}


@pytest.mark.parametrize(
    ("action", "by"),
    [
        ("baselines", "os"),
        ("golden", "os"),
        pytest.param("baselines", "strace", marks=STRACE),
        pytest.param("golden", "strace", marks=[*STRACE, pytest.mark.deep]),
    ],
)
def test_an_acceptance_is_one_step(kills: Killed, tmp_path: Path, action: str, by: str) -> None:
    """After a kill at any call, the next command finds all old files or all new ones."""
    killed, whole = kills.states(action, by, tmp_path / "copies")
    old, new = golden(kills.template.root), golden(whole)
    changed = [name for name in new if old.get(name) != new[name]]
    assert len(changed) == {"baselines": 3, "golden": 2}[action]  # the files of this step, one of them the history
    torn = [root for root in killed if golden(root) not in (old, new)]
    assert torn  # the control: without the journal, some kills would leave a mixture
    for root in killed:
        restore_interrupted(root)
        assert not (root / JOURNAL).exists()
    assert [root.name for root in killed if golden(root) not in (old, new)] == []


def test_accepting_again_after_a_kill(kills: Killed, tmp_path: Path) -> None:
    """An acceptance repeats what a killed one has begun, and its line is in the history once."""
    killed, _ = kills.states("baselines", "os", tmp_path / "copies")
    for root in killed:
        accept_run(read_run(root / rigs.killed.RECORD), Project(root).config, Reason("again", "pass", "me"))
        reasons = [json.loads(line)["because"] for line in (root / "golden/HISTORY.jsonl").read_text().splitlines()]
        assert reasons in (["old", "again"], ["old", "new", "again"])
        assert not list((root / "golden").rglob(".*"))


def test_nothing_is_restored_in_ci(kills: Killed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI, a committed journal ends a run with an error, and changes no file."""
    killed, _ = kills.states("baselines", "os", tmp_path / "copies")
    root = next(root for root in killed if (root / JOURNAL).exists() and golden(root) != golden(kills.template.root))
    before = golden(root)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(StoreError, match="an acceptance was interrupted before it was complete"):
        Project(root).evaluate(baseline="none")
    assert golden(root) == before


@pytest.mark.parametrize("by", ["os", pytest.param("strace", marks=[*STRACE, pytest.mark.deep])])
def test_reports_are_of_one_run(kills: Killed, tmp_path: Path, by: str) -> None:
    """After a kill at any call of a run, its folder has files of the old run or of the new one, each whole."""
    killed, whole = kills.states("run", by, tmp_path / "copies")
    old, new = reports(kills.template.root), reports(whole)
    assert all(old[name] != new[name] for name in ("run.jsonl", "verdict.json", "report.html"))
    assert old.keys() == new.keys() == {"run.jsonl", "verdict.json", "report.html", "summary.md"}
    assert [root.name for root in killed if mixture(reports(root), old)] == []
    parts = [root for root in killed if (root / "reports/demo/run.jsonl.part").exists()]
    assert parts  # the control: some were killed during the run
    for root in parts[-1], killed[-1]:
        assert Project(root).evaluate().run.complete
        assert sorted(path.name for path in (root / "reports/demo").iterdir()) == sorted(new)


def reports(root: Path) -> Files:
    """The files of a run that have their names."""
    found = {path.name: path for path in (root / "reports/demo").iterdir()}
    return {name: path.read_bytes() for name, path in found.items() if name[0] != "." and not name.endswith(".part")}


def mixture(found: Files, old: Files) -> bool:
    """Whether files of two runs are side by side, or one is not whole."""
    ages = {found[name] == old[name] for name in found.keys() - {"summary.md"}}
    if "run.jsonl" in found and b'{"end":' not in found["run.jsonl"]:
        return True
    return len(ages) > 1


def test_a_killed_run_is_read_as_a_stopped_one(kills: Killed, tmp_path: Path) -> None:
    """The record of a killed run has its samples, and the commands find it."""
    killed, _ = kills.states("run", "os", tmp_path / "copies")
    partial = [root for root in killed if record_in(root / "reports/demo").name.endswith(".part")]
    begun = [root for root in partial if record_in(root / "reports/demo").stat().st_size]
    runs = {root: read_run(record_in(root / "reports/demo")) for root in begun}
    assert {len(run.samples) for run in runs.values()} == {0, 1, 2, 3, 4}
    assert all(run.stopped or len(run.samples) == 4 for run in runs.values())
    root = next(root for root, run in runs.items() if len(run.samples) == 2)
    result = Project(root).command("gate", root / "reports/demo")
    assert "stopped after 2 of 4 answers" in result.output
