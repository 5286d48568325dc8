"""`evalharness verify`: its exit statuses, its JSON, its options, and what it leaves alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from repository import Repository

from evalharness.testing.ci import leave_ci
from evalharness.testing.project import Project

CASES = {f"case-{number}": "Yes." for number in range(40)}


@pytest.fixture(scope="module")
def template(accepted_on_main: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with a report of its branch."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        leave_ci(monkeypatch)
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        root = tmp_path_factory.mktemp("verify") / "project"
        shutil.copytree(accepted_on_main, root, symlinks=True)
        commit_and_evaluate(Project(root))
    return root


@pytest.fixture
def project(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The same project, for one test."""
    leave_ci(monkeypatch)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    shutil.copytree(template, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


def commit_and_evaluate(project: Project) -> None:
    """Commit the change and evaluate the suite."""
    Repository(project.root, new=False).commit()
    project.evaluate()


def second(project: Project, suite: str = "second") -> Project:
    """The same project with another suite."""
    other = Project(project.root, suite=suite)
    other.write_suite(CASES, gates=[{"metric": "exact", "margin": "10%"}])
    return other


def test_a_green_verdict(project: Project) -> None:
    """A fresh verdict of the commit is verified, without a request and without a new file."""
    project.remove("answers.json")
    before = sorted(project.root.rglob("*"))
    result = project.command("verify")
    assert (result.exit_code, result.output) == (
        0,
        "VERIFIED demo: PASS, no gate found a regression, and each rules out its margin\n",
    )
    assert sorted(project.root.rglob("*")) == before


def test_a_red_verdict(project: Project) -> None:
    """A regression is status 1, and the line has the headline of the run."""
    project.answer(dict.fromkeys(CASES, "No."))
    commit_and_evaluate(project)
    result = project.command("verify")
    assert (result.exit_code, result.output) == (1, "FAIL demo: worse than the baseline: exact\n")


def test_relaxed_criteria(project: Project) -> None:
    """Relaxed criteria are status 6, and the line lists them."""
    project.edit("golden/demo.yaml", "case-7: Yes.", "case-7: No.")
    commit_and_evaluate(project)
    result = project.command("verify")
    assert result.exit_code == 6
    assert result.output == "RELAXED demo: relaxed criteria: case case-7: golden answers changed\n"


def test_no_verdict(project: Project) -> None:
    """A suite without a record is status 5, and the last line has the command to run."""
    second(project)
    result = project.command("verify", "second")
    assert (result.exit_code, result.output.splitlines()) == (
        5,
        [
            "NO VERDICT second: no record of a run: expected reports/second/run.jsonl",
            "for a verdict, run pytest --llm-suite=second",
        ],
    )


def test_the_worst_comes_first(project: Project) -> None:
    """Several suites: the worst status counts and stands in the first line, and each suite has a line."""
    second(project)
    worse = second(project, "third")
    commit_and_evaluate(project)
    result = project.command("verify")
    assert [line.partition(":")[0] for line in result.output.splitlines()[:3]] == [
        "NO VERDICT second",
        "NO VERDICT third",
        "VERIFIED demo",
    ]
    worse.edit("suites/third.yaml", "metrics:", "assert: [{contains: nothing}]\nmetrics:")
    commit_and_evaluate(worse)
    result = project.command("verify", "all")
    assert (result.exit_code, result.output.partition(":")[0]) == (1, "FAIL third")


def test_names_as_pytest_reads_them(project: Project) -> None:
    """Names come with commas or spaces; an empty one is a usage error, an unknown one has no verdict."""
    assert project.command("verify", "demo,demo").output.count("VERIFIED demo") == 1
    assert project.command("verify", "").exit_code == 2
    unknown = project.command("verify", "demi")
    assert unknown.exit_code == 5
    assert "suites/demi.yaml: unknown suite 'demi'; did you mean 'demo'?" in unknown.output


def test_json(project: Project) -> None:
    """`--json` has a line for each suite, the base and the exit status."""
    result = project.command("verify", "--json")
    data = json.loads(result.output)
    assert (data["schema"], data["kind"], data["exit_status"]) == (1, "verification", 0)
    assert data["base"] == Repository(project.root, new=False).git("rev-parse", "main")
    assert data["suites"] == [
        {
            "suite": "demo",
            "exit_status": 0,
            "word": "VERIFIED",
            "reason": "PASS, no gate found a regression, and each rules out its margin",
            "run": project.record().header.id,
        }
    ]


def test_inconclusive_may_fail(project: Project) -> None:
    """`--inconclusive fail` works like pytest's option."""
    other = second(project)
    other.edit("suites/second.yaml", "10%", "1%")  # 40 cases with 5 samples cannot rule out 1 point
    answers = other.read("answers.json")
    other.answer({"*": "Yes.", next(iter(CASES)): "No."})
    other.accept()
    other.write("answers.json", answers)
    commit_and_evaluate(other)
    result = project.command("verify", "second")
    assert (result.exit_code, result.output.partition(",")[0]) == (0, "VERIFIED second: INCONCLUSIVE")
    assert project.command("verify", "second", "--inconclusive", "fail").exit_code == 1


def test_chosen_models(project: Project) -> None:
    """A job that runs a part of the models says which, and the rest of the suite has no verdict."""
    project.edit("suites/demo.yaml", "- scripted", "- scripted\n- other")
    project.configure(other={"provider": "scripted", "answers": "answers.json"})
    Repository(project.root, new=False).commit()
    project.evaluate(models=["scripted"])
    assert "leaves out model 'other'" in project.command("verify").output
    assert "leaves out" not in project.command("verify", "--model", "scripted").output


def test_more_repeats(project: Project) -> None:
    """More samples of each case than the suite demands are fine."""
    project.configure(scripted={"provider": "scripted", "answers": "answers.json"})
    project.evaluate(repeat=2)
    assert project.command("verify").exit_code == 0


def test_reports_elsewhere(project: Project) -> None:
    """`--report` reads another folder, as `--llm-report` writes it."""
    (project.root / "reports/demo").rename(project.root / "reports/nightly")
    assert project.command("verify").exit_code == 5
    assert project.command("verify", "--report", "reports/nightly").exit_code == 0
    assert project.command("verify", "demo", "demo2", "--report", "reports").exit_code == 5


def test_an_accepted_run(project: Project) -> None:
    """The verdict of an accepted run is about an earlier baseline."""
    project.edit("reports/demo/verdict.json", '"accepted": false', '"accepted": true')
    result = project.command("verify")
    assert result.exit_code == 5
    assert "the run was accepted, so its verdict is about an earlier baseline" in result.output


def test_no_comparison(project: Project) -> None:
    """A run without a baseline is not verified, outside of CI too."""
    project.evaluate(baseline="none")
    for options in ([], ["--baseline", "none"]):
        result = project.command("verify", *options)
        assert (result.exit_code, result.output.partition(":")[0]) == (6, "NOT COMPARED demo")


def test_a_missing_baseline_in_ci(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI a suite without a baseline is red, as its run is."""
    other = second(project)
    commit_and_evaluate(other)
    assert project.command("verify", "second").exit_code == 0
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    result = project.command("verify", "second", "--base", "main")
    assert (result.exit_code, result.output.partition(":")[0]) == (1, "NO BASELINE second")


def test_a_folder_without_a_repository(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a commit a verdict counts on a machine, and not in CI."""
    shutil.rmtree(project.root / ".git")
    assert "of another commit: expected none, got " in project.command("verify").output
    project.evaluate()
    assert project.command("verify").exit_code == 0
    monkeypatch.setenv("CI", "true")
    result = project.command("verify", "--json")
    assert (result.exit_code, "expected a git checkout in CI" in result.output) == (1, True)


def test_no_suite(project: Project) -> None:
    """A project without suites is not green."""
    shutil.rmtree(project.root / ".git")
    shutil.rmtree(project.root / "suites")
    result = project.command("verify")
    assert (result.exit_code, result.output) == (5, "NO VERDICT: no suite here, and none at the merge base\n")


def test_a_hostile_suite_name(project: Project) -> None:
    """A name of a suite cannot start a line, and no control character of it reaches the output."""
    project.write("suites/a\n::error::b\x1b[2J.yaml", "x: 1\n")
    output = project.command("verify").output
    assert "\x1b" not in output
    assert not [line for line in output.splitlines() if line.startswith("::")]


def test_the_commit_of_a_checkout_of_another_user(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit is known where git distrusts the owner of the folder, as in a job's container."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    project.evaluate()
    assert project.command("verify").exit_code == 0


@pytest.mark.parametrize("edit", ["unlink", "rewrite"])
def test_a_file_that_hides_itself(project: Project, monkeypatch: pytest.MonkeyPatch, edit: str) -> None:
    """In CI, a file that the change commits and that its own code has deleted or restored is found in the commit."""
    Repository(project.root, new=False).git("update-ref", "refs/remotes/origin/main", "main")
    path = project.root / "conftest.py"
    path.write_text("HIDDEN = True\n")
    Repository(project.root, new=False).commit()
    path.unlink() if edit == "unlink" else path.write_text("")
    monkeypatch.setenv("CI", "true")
    project.evaluate(base="origin/main")
    done = project.command("verify", "--base", "origin/main")
    assert done.exit_code == 5
    assert "NO VERDICT demo: conftest.py is not as in the commit that was checked out" in done.output
