"""A second CI job verifies the reports of the first one, with a clone of its own: no model, no cache, no key."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from repository import Repository

from evalharness.testing.ci import leave_ci
from evalharness.testing.project import Project

CASES = {f"case-{number}": "Yes." for number in range(40)}
WORSE = dict.fromkeys(CASES, "No.")
VERDICT = "reports/demo/verdict.json"


class Jobs:
    """The two jobs of a pull request: the first one runs the suite, the second one verifies it."""

    def __init__(self, folder: Path) -> None:
        self.origin = Repository(folder / "origin", new=False)
        self._folder = folder
        self.first = self.second = Project(folder / "origin")

    def run(
        self,
        change: Callable[[Project], object] | None = None,
        in_first: Callable[[Repository], object] = lambda _: None,
    ) -> None:
        """Commit a change, clone it for both jobs, and run the suite in the first clone, after code of the change."""
        if change:
            change(Project(self.origin.root))
        self.origin.commit()
        self.first, self.second = self._clone("first"), self._clone("second")
        in_first(Repository(self.first.root, new=False))
        self.first.evaluate()

    def _clone(self, name: str) -> Project:
        self.origin.git("clone", "--quiet", str(self.origin.root), str(self._folder / name))
        return Project(self._folder / name)

    def hand_over(self) -> None:
        """Copy the reports of the first job into the clone of the second, which has no model."""
        shutil.copytree(self.first.root / "reports", self.second.root / "reports")


@pytest.fixture
def jobs(accepted_on_main: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """The jobs of one test."""
    leave_ci(monkeypatch)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    shutil.copytree(accepted_on_main, tmp_path / "origin", symlinks=True)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    return Jobs(tmp_path)


def relaxed(project: Project) -> None:
    """Widen a margin."""
    project.edit("suites/demo.yaml", "10%", "90%")


@pytest.mark.parametrize(
    ("change", "status", "line"),
    [
        (None, 0, "VERIFIED demo: PASS, no gate found a regression, and each rules out its margin\n"),
        (lambda project: project.answer(WORSE), 1, "FAIL demo: worse than the baseline: exact\n"),
        (relaxed, 6, "RELAXED demo: relaxed criteria: gate exact: margin 10 pts -> margin 90 pts\n"),
    ],
    ids=["unchanged", "worse", "relaxed"],
)
def test_both_jobs_agree(jobs: Jobs, change: Callable[[Project], object] | None, status: int, line: str) -> None:
    """The second job gives the verdict of the first one, from the reports alone."""
    jobs.run(change)
    jobs.hand_over()
    results = [job.command("verify") for job in (jobs.first, jobs.second)]
    assert [(result.exit_code, result.output) for result in results] == [(status, line)] * 2
    assert not jobs.second.cache.exists()


def accept_worse(project: Project) -> None:
    """Answer worse, and put this run in place of the baseline, as at the author's desk."""
    project.answer(WORSE)
    project.remove("golden/baselines/demo/scripted.plain.jsonl")
    with pytest.MonkeyPatch.context() as monkeypatch:
        leave_ci(monkeypatch)
        project.accept()


def test_refs_that_the_first_job_overwrites(jobs: Jobs) -> None:
    """Code of the change moves the target branch of the first clone: the second job still lists the change."""
    jobs.run(accept_worse, lambda clone: clone.git("update-ref", "refs/remotes/origin/main", "HEAD"))
    jobs.hand_over()
    assert jobs.first.command("verify").exit_code == 0
    result = jobs.second.command("verify")
    assert (result.exit_code, result.output.splitlines()[0]) == (
        5,
        "NO VERDICT demo: verdict.json differs from the verdict on its record: status, criteria, verdicts",
    )


def test_a_forged_verdict(jobs: Jobs) -> None:
    """A verdict that is not the one of its record does not count."""
    jobs.run(lambda project: project.answer(WORSE))
    jobs.hand_over()
    jobs.second.write(VERDICT, json.dumps(jobs.second.verdict() | {"status": "pass"}))
    result = jobs.second.command("verify")
    assert (result.exit_code, "verdict.json differs" in result.output) == (5, True)


def test_reports_of_another_commit(jobs: Jobs) -> None:
    """Green reports of an earlier commit do not count."""
    jobs.run()
    jobs.hand_over()
    Repository(jobs.second.root, new=False).commit(lambda _: jobs.second.answer(WORSE))
    result = jobs.second.command("verify")
    assert (result.exit_code, "the record is of another commit" in result.output) == (5, True)


def test_no_reports(jobs: Jobs) -> None:
    """Without the reports of the first job there is no verdict."""
    jobs.run()
    result = jobs.second.command("verify")
    assert result.exit_code == 5
    assert "no record of a run: expected reports/demo/run.jsonl" in result.output
