"""docs/ci/github-shards.yml: its scripts, run in bash as on a runner for each shard, and on one that merges."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ci_jobs import GITHUB
from repository import Repository
from shard_project import CASES, ShardProject

REPOSITORY = Path(__file__).parents[2]
WORKFLOW = REPOSITORY / "docs/ci/github-shards.yml"
PULL_REQUEST = {**GITHUB, "GITHUB_EVENT_NAME": "pull_request", "GITHUB_BASE_REF": "main"}
WORSE = {name: "No." if number % 2 else "Yes." for number, name in enumerate(CASES)}


class Runners:
    """The machines of one workflow run, which share the checkout, one after the other."""

    def __init__(self, project: ShardProject, folder: Path) -> None:
        self.project, self.bin, self.summary = project, folder / "bin", folder / "summary"
        self.bin.mkdir()
        for name, module in (("evalharness", "evalharness"), ("pytest", "pytest")):
            command = self.bin / name
            command.write_text(f'#!/bin/bash\nexec {sys.executable} -P -m {module} "$@"\n')
            command.chmod(0o755)

    def step(self, job: str, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a script of the workflow."""
        steps = yaml.safe_load(WORKFLOW.read_text())["jobs"][job]["steps"]
        (script,) = [step["run"] for step in steps if step.get("name") == name]
        kept = {"HOME": str(self.bin.parent), "PATH": f"{self.bin}:/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY)}
        summary = {"GITHUB_STEP_SUMMARY": str(self.summary)}
        return subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.project.root,
            env={**kept, **summary, **PULL_REQUEST, **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def shard(self, number: int, of: int = 2) -> int:
        """Run a shard, keep its reports as an artifact, and leave the runner clean. Returns the status."""
        done = self.step("shard", "Run a shard", SHARD=str(number), SHARDS=str(of), RECORD="once")
        assert done.returncode in (0, 1), done.stdout + done.stderr
        shutil.move(self.project.root / "reports", self.project.root / f"shards/shard-{number}")
        return done.returncode

    def merge(self) -> subprocess.CompletedProcess[str]:
        """Merge what the shards have left."""
        return self.step("merge", "Merge, summarise and verify")


@pytest.fixture
def runners(project: ShardProject, tmp_path_factory: pytest.TempPathFactory) -> Runners:
    """A pull request to an accepted suite."""
    repository = Repository(project.root)
    project.write(".gitignore", ".cache/\nreports/\nshards/\n__pycache__/\n")

    shutil.rmtree(project.root / "reports")
    repository.commit()
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repository.branch()
    project.write("README.md", "A change.")
    repository.commit()
    (project.root / "shards").mkdir()
    return Runners(project, tmp_path_factory.mktemp("runners"))


def test_green(runners: Runners) -> None:
    """Unchanged answers: green shards, a green merge with a summary, and the suite is verified."""
    assert [runners.shard(number) for number in (1, 2)] == [0, 0]
    done = runners.merge()
    assert (done.returncode, "VERIFIED demo" in done.stdout) == (0, True), done.stdout + done.stderr
    assert "PASS" in runners.summary.read_text()


def test_a_lost_shard(runners: Runners) -> None:
    """A shard that left no artifact makes the merge red, and names the shard."""
    for number in (1, 3):
        runners.shard(number, of=3)
    done = runners.merge()
    assert (done.returncode, "shard 2 of 3 is missing" in done.stderr) == (1, True), done.stderr
    assert "NO VERDICT demo" in done.stdout


def test_worse_answers(runners: Runners) -> None:
    """A regression: green shards, and a red merge."""
    runners.project.configure(scripted={"provider": "scripted", "answers": "other.json"})
    runners.project.write("other.json", json.dumps(WORSE))
    Repository(runners.project.root, new=False).commit()
    assert [runners.shard(number) for number in (1, 2)] == [0, 0]
    done = runners.merge()
    assert (done.returncode, done.stdout.startswith("FAIL")) == (1, True), done.stdout + done.stderr
