"""`evalharness history` shows the accepted runs of a real git repository as series."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from repository import Repository
from store.stored_records import SIGNATURES, a_run, a_sample, accepted, write

from evalharness.cli import main
from evalharness.records import Response, Run, Score, Timing, Usage
from evalharness.store.acceptances import Acceptance, acceptances_with
from evalharness.testing.ci import leave_ci

CASES = 20
FILE = "golden/baselines/demo/m.p.jsonl"


@pytest.fixture(autouse=True)
def _at_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_ci(monkeypatch)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A project with a suite and without accepted runs."""
    repository = Repository(tmp_path / "project")
    repository.write("suites/demo.yaml", "schema: 1\n")
    repository.commit()
    return repository


def run_of(
    name: str,
    score: float = 0.5,
    *,
    tokens: int = 10,
    seconds: float = 0.25,
    cases: Sequence[str] = (),
    version: str = "1",
    text: str = "",
    **rest: Any,
) -> Run:
    """A run whose cases have about these values, with answers of its own."""
    signatures = rest.get("signatures", SIGNATURES)
    samples = [
        a_sample(
            case,
            digest=f"{case}, version {version}",
            response=Response(f"{text or name} {case}", "stop", Usage(100, tokens), Timing(seconds)),
            scores=(Score("exact", round(score + number / 1900, 6), signatures["exact"]),),
        )
        for number, case in enumerate(cases or [f"case-{number}" for number in range(CASES)])
    ]
    return a_run(samples, name=name, **rest)


def accept(repository: Repository, *runs: Run, request: str = "request") -> str:
    """Accept runs and commit the baseline."""
    accepted(repository.root, *runs, request=request)
    return repository.commit()


def history(repository: Repository | Path, *arguments: str, suite: str = "demo") -> Result:
    """Run `evalharness history ...` in this process."""
    root = repository if isinstance(repository, Path) else repository.root
    result = CliRunner().invoke(main, ["--root", str(root), "history", suite, *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def read(repository: Repository | Path, measure: str = "exact", *arguments: str) -> dict[str, Any]:
    """One series of the history."""
    series: list[dict[str, Any]] = json.loads(history(repository, "--json", *arguments).stdout)["series"]
    (found,) = [one for one in series if one["measure"] == measure]
    return found


def values(series: dict[str, Any]) -> list[float]:
    """The values of the points, without the average difference between cases."""
    return [round(point["value"] / 100 - 0.005, 4) for point in series["points"]]


def test_a_point_for_each_accepted_run(repository: Repository) -> None:
    """Each accepted run is one point with its first commit, although a baseline keeps only five runs."""
    commits = [accept(repository, run_of(f"run-{n}", 0.5 + n / 100)) for n in range(7)]
    series = read(repository)
    assert values(series) == [0.5, 0.51, 0.52, 0.53, 0.54, 0.55, 0.56]
    assert [point["commit"] for point in series["points"]] == commits
    assert [point["run"] for point in series["points"]] == [f"run-{n}" for n in range(7)]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT.*", point["committed_at"]) for point in series["points"])
    assert series["cases"] == CASES


def test_several_runs_in_one_commit(repository: Repository) -> None:
    """Runs of one commit are points in the order of acceptance."""
    sha = accept(repository, run_of("b", 0.6), run_of("a", 0.7))
    points = read(repository)["points"]
    assert [(point["run"], point["commit"]) for point in points] == [("b", sha), ("a", sha)]


@pytest.mark.parametrize("dirty", [False, True])
def test_a_change_is_marked_with_its_commit(repository: Repository, dirty: bool) -> None:
    """A drop is marked at its commit with the date, the levels and whether the request changed."""
    for n in range(3):
        accept(repository, run_of(f"before-{n}", 0.8))
    changed = accept(repository, run_of("after-0", 0.6), request="changed")
    if dirty:
        accepted(repository.root, run_of("after-1", 0.6), request="otherwise")
    series = read(repository)
    (mark,) = series["marks"]
    assert (mark["point"], mark["request_changed"], series["can_tell"]) == (3, True, True)
    assert series["points"][3]["commit"] == changed
    output = history(repository).stdout
    day = series["points"][3]["committed_at"][:10]
    assert f"down at {changed[:7]} of {day}: 80.5 → 60.5, −20.0 pts, p = 0.0005; request changed" in output
    assert "█" in output


def test_a_change_is_explained(repository: Repository) -> None:
    """A point has the subject of its commit and the reason of its acceptance, which explain changes."""
    for n in range(3):
        accept(repository, run_of(f"before-{n}", 0.8))
    explained = reason("after-0", "shorter answers are wanted")
    repository.write("golden/HISTORY.jsonl", acceptances_with(repository.root, explained).decode())
    old = repository.git("rev-parse", "HEAD")
    accepted(repository.root, run_of("after-0", 0.6))
    repository.commit()
    repository.git(
        "commit", "--quiet", "--amend", f"--message=Shorten <b>prompts</b> \u202e{'x' * 500}\n\nWhy: it is long"
    )
    points = read(repository)["points"]
    assert [point["because"] for point in points] == ["", "", "", "shorter answers are wanted"]
    assert points[3]["subject"].startswith("Shorten <b>prompts</b> \u202exxx")
    assert len(points[3]["subject"]) <= 200
    history(repository, "--html", str(repository.root / "x.html"))
    page = repository.read("x.html")
    assert "<b>" not in page
    (island,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, flags=re.DOTALL)
    mark = json.loads(island)["series"][0]["marks"][0]
    assert mark["move"] == "fell by 20.0 pts, from 80.5 to 60.5"
    assert mark["commits"] == f"git log --oneline {old[:7]}..{points[3]['commit'][:7]}"
    assert mark["because"] == "shorter answers are wanted"


def reason(run: str, because: str) -> Acceptance:
    """The acceptance of a run into a baseline."""
    known = {"at": "2026-01-01T00:00:00Z", "by": "Ada", "commit": None, "dirty": False, "models": ["m"]}
    return Acceptance(**known, because=because, suite="demo", run=run, prompts=["p"], baselines=[FILE], overrode="fail")


def test_damaged_reasons_are_noted(repository: Repository) -> None:
    """Lines of golden/HISTORY.jsonl that cannot be read are notes, and the history is shown."""
    accept(repository, run_of("a"))
    repository.write("golden/HISTORY.jsonl", '{"schema": 9}\n')
    result = history(repository)
    assert result.exit_code == 0
    assert "note: skipped: golden/HISTORY.jsonl:1: schema 9, this version reads 1: upgrade evalharness" in result.stdout


def test_no_change_no_mark(repository: Repository) -> None:
    """Runs that differ by chance get no mark, and count as enough runs."""
    for n, score in enumerate((0.5, 0.51, 0.49, 0.5)):
        accept(repository, replace_scores(run_of(f"run-{n}", score), n))
    series = read(repository)
    assert (series["marks"], series["can_tell"]) == ([], True)


def replace_scores(run: Run, seed: int) -> Run:
    """The run with half of its scores higher and half of them lower."""
    moved = [
        replace(s, scores=(replace(s.scores[0], value=s.scores[0].value + (0.1 if (n + seed) % 2 else -0.1)),))
        for n, s in enumerate(run.samples)
    ]
    return replace(run, samples=tuple(moved))


def test_copies_are_one_run(repository: Repository) -> None:
    """Identical answers count as one run for marks, but each run has its point."""
    for n in range(6):
        accept(repository, run_of(f"run-{n}", 0.5, text="the same"))
    series = read(repository)
    assert (len(series["points"]), series["can_tell"]) == (6, False)
    assert "too few different runs to detect a change in any of these" in history(repository).stdout


def test_tokens_seconds_and_cost(repository: Repository) -> None:
    """Tokens, seconds and dollars at the configured price have their own series."""
    config = '[tool.evalharness.models.m]\nprovider = "scripted"\nprice = {input = 1, output = 10}\n'
    repository.write("pyproject.toml", config)
    accept(repository, run_of("a", tokens=10, seconds=0.5))
    accept(repository, run_of("b", tokens=30, seconds=0.25))
    found = {
        name: [p["value"] for p in read(repository, name)["points"]] for name in ("prompt tokens", "answer tokens")
    }
    assert found == {"prompt tokens": [100, 100], "answer tokens": [10, 30]}
    assert [p["value"] for p in read(repository, "cost at today's price")["points"]] == [0.0002, 0.0004]
    assert [p["value"] for p in read(repository, "latency")["points"]] == [0.5, 0.25]
    output = " ".join(history(repository).stdout.split())
    assert "answer tokens ▁█ 10.0 → 30.0 +200.0 % 2 runs" in output
    assert "latency █▁ 0.500 s → 0.250 s −50.0 % 2 runs" in output
    assert "cost at today's price ▁█ $0.0002 → $0.0004 +100.0 % 2 runs" in output


def test_seconds_are_one_number_for_a_run(repository: Repository) -> None:
    """For seconds a run counts as one number: two slow runs are not a change of level, ten are."""
    accept(repository, *(run_of(f"run-{n}", seconds=0.25 + n % 2) for n in range(4)))
    assert (read(repository, "latency")["marks"], read(repository, "latency")["can_tell"]) == ([], False)
    seconds = [(0.25 if n < 6 else 2) + n % 3 / 100 for n in range(16)]
    for first in range(0, 16, 4):
        accept(repository, *(run_of(f"later-{n}", seconds=seconds[n]) for n in range(first, first + 4)))
    (mark,) = read(repository, "latency")["marks"]
    assert mark["point"] == 10


@pytest.mark.parametrize(
    ("change", "measure", "reason"),
    [
        ({"signatures": {"exact": "exact|v:0"}}, "exact", "with other metric settings"),
        ({"cases": ["x", "y"]}, "exact", "with different cases"),
        ({"version": "0"}, "answer tokens", "with different cases"),
        ({"machine": "another"}, "latency", "on another machine class or with other slots"),
        ({"replayed": True}, "latency", "not measured"),
    ],
)
def test_runs_that_are_not_comparable(
    repository: Repository, change: dict[str, Any], measure: str, reason: str
) -> None:
    """A run that is not comparable with the latest one is left out with the reason."""
    machine, replayed = change.pop("machine", "here"), change.pop("replayed", False)
    old = run_of("old", 0.1, **change)
    if replayed:
        old = replace(old, samples=tuple(replace(s, attempts=0) for s in old.samples))
    accept(repository, replace(old, header=replace(old.header, machine_class=machine)))
    accept(repository, run_of("new-0"), run_of("new-1"))
    series = read(repository, measure)
    assert ([point["run"] for point in series["points"]], series["left_out"]) == (["new-0", "new-1"], {reason: 1})
    assert f"left out: 1 run {reason}" in history(repository).stdout


def test_seconds_of_earlier_runs_only(repository: Repository) -> None:
    """If the latest run was replayed, the reference for seconds is the latest measured run."""
    late = run_of("late")
    accept(repository, run_of("a", seconds=0.5), run_of("b", seconds=0.25))
    accept(repository, replace(late, samples=tuple(replace(sample, attempts=0) for sample in late.samples)))
    series = read(repository, "latency")
    assert [point["value"] for point in series["points"]] == [0.5, 0.25]
    assert series["left_out"] == {"not measured": 1}


def test_only_shared_cases_count(repository: Repository) -> None:
    """A series covers the cases that all its runs share, so a new case does not change a level."""
    names = [f"case-{number}" for number in range(10)]
    accept(repository, run_of("a", 0.5, cases=names))
    accept(repository, run_of("b", 0.5, cases=[*names, *(f"hard-{n}" for n in range(5))]))
    series = read(repository)
    assert (series["cases"], series["points"][0]["value"]) == (10, series["points"][1]["value"])


def test_the_newest_run(repository: Repository) -> None:
    """The run in reports/ is the last point, marked as not accepted, unless it is accepted already."""
    accept(repository, run_of("a", 0.5))
    write(repository.root / "reports/demo/run.jsonl", run_of("new", 0.7))
    series = read(repository)
    assert [(p["run"], p["accepted"], p["commit"]) for p in series["points"]][1:] == [("new", False, "")]
    output = history(repository).stdout
    assert "50.5 → 70.5*" in output
    assert "* the newest run, not accepted" in output
    write(repository.root / "reports/demo/run.jsonl", run_of("a", 0.5))
    assert len(read(repository)["points"]) == 1


@pytest.mark.parametrize(
    ("newest", "why"),
    [
        (replace(run_of("new"), stopped=True), "it is incomplete"),
        (
            replace(run_of("new"), header=replace(run_of("new").header, suite="x\x1by")),
            r"it belongs to the suite 'x\x1by'",
        ),
        (None, "run.jsonl:1"),
    ],
)
def test_an_unusable_newest_run(repository: Repository, newest: Run | None, why: str) -> None:
    """A newest run that is incomplete, damaged or of another suite is skipped with the reason."""
    accept(repository, run_of("a"))
    path = repository.root / "reports/demo/run.jsonl"
    if newest:
        write(path, newest)
    else:
        path.parent.mkdir(parents=True)
        path.write_text("nonsense\n")
    assert len(read(repository)["points"]) == 1
    output = history(repository).stdout
    assert "note: the newest run is skipped: " in output
    assert why in output


def test_another_newest_run(repository: Repository, tmp_path: Path) -> None:
    """`--run` chooses another newest run, none if the folder has no record."""
    accept(repository, run_of("a"))
    write(repository.root / "reports/demo/run.jsonl", run_of("new"))
    write(tmp_path / "other/run.jsonl", run_of("other"))
    assert read(repository, "exact", "--run", str(tmp_path / "other"))["points"][-1]["run"] == "other"
    assert len(read(repository, "exact", "--run", str(tmp_path))["points"]) == 1


def test_merges(repository: Repository) -> None:
    """Merged runs are points at the merge commit, because the history follows first parents."""
    accept(repository, run_of("a"))
    repository.branch("topic")
    for name in ("b", "c"):
        accept(repository, run_of(name))
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "--no-edit", "topic")
    merge = repository.git("rev-parse", "HEAD")
    assert [point["commit"] for point in read(repository)["points"]][1:] == [merge, merge]
    assert history(repository).stdout.startswith("demo: 3 accepted runs from 2 commits\n")


def test_pinned_copies_are_ignored(repository: Repository) -> None:
    """Runs of a pinned baseline are not points, even if no other file has them."""
    accepted(repository.root, run_of("a"))
    (repository.root / "golden/baselines/demo/pinned").mkdir()
    (repository.root / FILE).rename(repository.root / "golden/baselines/demo/pinned/m.p.jsonl")
    repository.commit()
    accept(repository, run_of("b"))
    assert [point["run"] for point in read(repository)["points"]] == ["b"]


def test_a_damaged_state(repository: Repository) -> None:
    """A damaged baseline of a commit is skipped with a note; the other commits are shown."""
    accept(repository, run_of("a"))
    repository.edit(FILE, '"exact": 0.5', '"exact": 7.5')
    bad = repository.commit()
    repository.git("checkout", "--quiet", "HEAD~1", "--", "golden")
    accept(repository, run_of("b"))
    output = history(repository).stdout
    assert (
        f"note: skipped: commit {bad[:7]}: {FILE}:2: case 'case-0': expected scores in [0, 1], got exact 7.5" in output
    )
    assert len(read(repository)["points"]) == 2


def test_unreadable_files(repository: Repository) -> None:
    """A folder or a dangling link among the baselines is skipped with a note."""
    accept(repository, run_of("a"))
    (repository.root / FILE).with_name("x.jsonl").mkdir()
    (repository.root / FILE).with_name("y.jsonl").symlink_to("nothing")
    output = history(repository).stdout
    assert "note: skipped: the work tree: golden/baselines/demo/x.jsonl: cannot be read: Is a directory" in output
    assert "note: skipped: the work tree: golden/baselines/demo/y.jsonl: cannot be read: No such file" in output
    assert len(read(repository)["points"]) == 1


def test_nothing_yet(repository: Repository) -> None:
    """Without accepted runs the output says how to accept one, and JSON has no series."""
    result = history(repository)
    assert result.exit_code == 0
    assert result.stdout.startswith("demo: no accepted run yet. Accept one with\npytest --llm-suite=demo")
    assert json.loads(history(repository, "--json").stdout)["series"] == []


@pytest.mark.parametrize(
    ("suite", "status", "output"),
    [
        ("dmeo", 1, "unknown suite 'dmeo'; did you mean 'demo'?"),
        ("../demo", 2, "expected the name of a suite"),
        ("", 2, "expected the name of a suite"),
    ],
)
def test_no_such_suite(repository: Repository, suite: str, status: int, output: str) -> None:
    """An unknown name is an error with the nearest one, and a path is not a name."""
    accept(repository, run_of("a"))
    result = history(repository, suite=suite)
    assert (result.exit_code, output in result.stderr) == (status, True), result.stderr


def test_a_suite_that_is_gone(repository: Repository) -> None:
    """A renamed or deleted suite keeps its history under its old name."""
    accept(repository, run_of("a"))
    shutil.rmtree(repository.root / "golden")
    repository.remove("suites/demo.yaml")
    repository.commit()
    assert len(read(repository)["points"]) == 1


def test_outside_of_git(tmp_path: Path) -> None:
    """Without a repository the present baseline is the history, with a note."""
    accepted(tmp_path, run_of("a", 0.5), run_of("b", 0.6))
    result = history(tmp_path)
    assert result.exit_code == 0
    assert "note: git has no commit of these baselines: only the current files are shown" in result.stdout
    assert values(read(tmp_path)) == [0.5, 0.6]


def test_without_git(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command works without git installed."""
    accept(repository, run_of("a"))
    monkeypatch.setenv("PATH", "")
    assert len(read(repository)["points"]) == 1


def test_shallow_clone(repository: Repository) -> None:
    """A shallow clone gives a note."""
    accept(repository, run_of("a"), request="one")
    accept(repository, run_of("b"), request="two")
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.root}", "../clone")
    clone = repository.root.parent / "clone"
    assert "note: this clone is shallow" in history(clone).stdout
    assert (len(read(clone)["points"]), len(read(repository)["points"])) == (1, 2)


def test_a_folder_of_a_repository(repository: Repository) -> None:
    """The project can be a subfolder of its repository."""
    accepted(repository.root / "app", run_of("a"))
    sha = repository.commit()
    assert [point["commit"] for point in read(repository.root / "app")["points"]] == [sha]


def test_plain_output(repository: Repository) -> None:
    """The output is ASCII if the terminal supports nothing else, and at most 80 columns wide."""
    for first in range(0, 40, 5):
        accept(repository, *(run_of(f"run-{n}", 0.3 + n / 100, tokens=1000 + n) for n in range(first, first + 5)))
    runner = CliRunner(charset="ascii")
    plain = runner.invoke(main, ["--root", str(repository.root), "history", "demo"])
    assert plain.stdout.isascii()
    assert "  exact          __..::--==++**##     30.5 -> 69.5     +39.0 pts  40 runs" in plain.stdout
    output = history(repository).stdout
    assert "▁" in output
    assert max(map(len, output.splitlines())) <= 80


def test_hostile_names(repository: Repository) -> None:
    """Hostile names in a baseline have no effect in the terminal or in the page."""
    accepted(repository.root, run_of("a"))
    evil = "\x1b[31m</script><img src=x onerror=alert(1)>"
    text = repository.read(FILE).replace('"exact"', json.dumps(evil)).replace('"a"', json.dumps(evil))
    repository.write(FILE, text)
    repository.commit()
    result = history(repository, "--html", str(repository.root / "x.html"))
    assert (result.exit_code, "\x1b" in result.stdout) == (0, False)
    assert "⟨U+001B⟩[31m</script…" in result.stdout
    page = repository.read("x.html")
    assert "<img" not in page
    assert page.count("</script>") == 2


def test_the_page(repository: Repository) -> None:
    """The page is one file with the policy of the report and the same data as the JSON output."""
    for n in range(4):
        accept(repository, run_of(f"run-{n}", 0.8 if n < 2 else 0.6))
    path = repository.root / "reports/new/x.html"
    result = history(repository, "--html", str(path))
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, f"page      {path}")
    page = path.read_text(encoding="utf-8")
    assert "default-src 'none'; script-src 'sha256-" in page
    assert not re.search(r"""(?:src|href)=|@import|url\(|innerHTML|style=""", page)
    (island,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, flags=re.DOTALL)
    (series,) = [one for one in json.loads(island)["series"] if one["measure"] == "exact"]
    assert [point["value"] for point in series["points"]] == [point["value"] for point in read(repository)["points"]]
    assert [mark["worse"] for mark in series["marks"]] == [True]
    assert history(repository, "--html", str(path)).exit_code == 0


@pytest.mark.skipif(shutil.which("chromium") is None and "CI" not in os.environ, reason="needs chromium")
def test_the_page_in_a_browser(repository: Repository, tmp_path: Path) -> None:
    """A browser shows a row for each series, and hostile names as text."""
    evil = "<img src=x onerror=alert(1)>\u202eabc"
    accepted(repository.root, *(run_of(f"run-{n}", 0.8 if n < 2 else 0.6) for n in range(4)))
    repository.write(FILE, repository.read(FILE).replace('"exact"', json.dumps(evil)))
    repository.commit()
    count = len(json.loads(history(repository, "--html", str(tmp_path / "x.html"), "--json").stdout)["series"])
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    done = subprocess.run(["chromium", *options, (tmp_path / "x.html").as_uri()], capture_output=True, timeout=60)
    rendered = done.stdout.decode()
    assert rendered.count('class="trend"') == count == 4
    assert "&lt;img src=x onerror=alert(1)&gt;⟨U+202E⟩abc" in rendered
    assert "<img" not in rendered
    assert 'class="mark worse"' in rendered


def test_another_file_is_kept(repository: Repository) -> None:
    """An existing file is replaced only with `--force`."""
    accept(repository, run_of("a"))
    path = repository.write("index.html", "<p>mine")
    result = history(repository, "--html", str(path))
    assert (result.exit_code, repository.read("index.html")) == (1, "<p>mine")
    assert "choose another file, or replace it with --force" in result.stderr
    assert history(repository, "--html", str(path), "--force").exit_code == 0
    assert "evalharness history" in repository.read("index.html")


def test_help() -> None:
    """Help shows an example and the exit status."""
    output = CliRunner().invoke(main, ["history", "--help"]).stdout
    assert "Example: evalharness history support" in output
    assert "Exit status: 0 shown" in output
