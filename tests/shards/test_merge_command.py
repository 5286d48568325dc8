"""`evalharness merge`: the shards of a run give the record, the reports and the verdict of one run."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest
from repository import Repository
from shard_project import CASES, ShardProject

from evalharness.store import read_run

WORSE = {name: "No." if number % 2 else "Yes." for number, name in enumerate(CASES)}


@pytest.mark.parametrize(
    ("of", "answers", "status"),
    [(1, CASES, 0), (1, WORSE, 1), (4, CASES, 0), (16, WORSE, 1)],
    ids=["unchanged-1", "worse-1", "unchanged-4", "worse-16"],
)
def test_same_as_one_run(project: ShardProject, of: int, answers: dict[str, str], status: int) -> None:
    """Record, verdict and exit status are those of one run, for 1, 4 and 16 shards, worse answers included."""
    project.answer(answers)
    assert project.run_whole() == status
    if of == 1:  # the whole run, which decides itself
        assert project.command("run", "demo", "--shard=1/1", "--settle=1", "--report=shards/1").exit_code == status
    else:
        project.run_shards(of)
    found, output = project.merge("shards")
    assert found == status, output
    assert project.canonical("reports/demo") == project.canonical("whole")
    assert project.decided("reports/demo") == project.decided("whole")
    assert project.read("reports/demo/report.html")
    assert project.read("reports/demo/summary.md").splitlines()[0] == project.read("whole/summary.md").splitlines()[0]


def test_order_of_arguments(project: ShardProject) -> None:
    """The record is byte for byte the same for any order of the arguments."""
    folders = project.run_shards(3)
    records = set()
    for order in permutations(folders):
        assert project.merge(*order)[0] == 0
        records.add(project.read("reports/demo/run.jsonl"))
    assert len(records) == 1


def test_a_shard_alone(project: ShardProject) -> None:
    """A shard ends with 0, is never a pass, and its reports name the command that decides."""
    project.answer(WORSE)
    project.run_shards(4, [2])
    verdict = project.decided("shards/2")
    assert (verdict["status"], verdict["verdicts"]) == ("inconclusive", [])
    assert verdict["headline"] == "shard 2 of 4: gates are decided by evalharness merge"
    assert verdict["headline"] in project.read("shards/2/summary.md")
    assert project.command("gate", project.root / "shards/2").exit_code == 0
    assert "shard 2 of 4" in project.command("verify", "demo", "--report", "shards/2").output


def test_hard_assertion(project: ShardProject) -> None:
    """A broken hard assertion fails its shard and the merged run, and no other shard."""
    suite = project.read("suites/demo.yaml")
    project.write("suites/demo.yaml", suite.replace("- id: case-7\n", "- id: case-7\n  assert: [{contains: Yes}]\n"))
    project.answer(CASES | {"case-7": "No."})
    codes = [
        project.command("run", "demo", "--shard", f"{number}/3", "--report", f"shards/{number}").exit_code
        for number in (1, 2, 3)
    ]
    assert sorted(codes) == [0, 0, 1]
    assert project.merge("shards")[0] == 1
    assert project.decided("reports/demo")["status"] == "fail"


def test_empty_shards(project: ShardProject) -> None:
    """Of more shards than cases, some have no sample; they are records that merge, and none may be left out."""
    project.run_shards(61)
    empty = [number for number in range(1, 62) if not read_run(project.root / f"shards/{number}/run.jsonl").samples]
    assert len(empty) > 20
    assert project.merge("shards")[0] == 0
    assert read_run(project.root / "reports/demo/run.jsonl").complete
    (project.root / f"shards/{empty[0]}/run.jsonl").unlink()
    status, output = project.merge("shards")
    assert (status, f"shard {empty[0]} of 61 is missing" in output) == (1, True), output


def _lose(project: ShardProject) -> str:
    (project.root / "shards/3/run.jsonl").unlink()
    return "suite demo: shard 3 of 4 is missing: run pytest --llm-suite=demo --llm-shard=3/4"


def _lose_two(project: ShardProject) -> str:
    for number in (1, 3):
        (project.root / f"shards/{number}/run.jsonl").unlink()
    return "suite demo: shards 1, 3 of 4 are missing: run pytest --llm-suite=demo --llm-shard=1/4"


def _repeat_differently(project: ShardProject) -> str:
    project.answer(WORSE)
    done = project.command("run", "demo", "--shard=2/4", "--report=shards/again", "--record=all")
    assert done.exit_code == 0
    return "two results of one shard"


def _of_another_division(project: ShardProject) -> str:
    project.command("run", "demo", "--shard=2/3", "--report=shards/three")
    return "expected the shards of one run, got"


def _of_other_params(project: ShardProject) -> str:
    text = project.read("suites/demo.yaml")
    project.write("suites/demo.yaml", text + "params: {max_tokens: 9}\n")
    project.command("run", "demo", "--shard=2/4", "--report=shards/2")
    return "different prompts"


def _of_another_case(project: ShardProject) -> str:
    project.write("suites/demo.yaml", project.read("suites/demo.yaml").replace("case-59?", "case-59, really?"))
    project.command("run", "demo", "--shard=2/4", "--report=shards/2")
    return "different cases"


def _of_another_mode(project: ShardProject) -> str:
    project.command("run", "demo", "--shard=2/4", "--report=shards/2", "--repeat=2", "--model=other")
    return "different models"


def _cut(project: ShardProject) -> str:
    path = project.root / "shards/2/run.jsonl"
    path.write_text(path.read_text()[:-20])
    return "the last line is cut off"


def _move_a_sample(project: ShardProject) -> str:
    """Put a sample of shard 1 into shard 2, as no run does."""
    first = (project.root / "shards/1/run.jsonl").read_text().splitlines()
    moved = next(line for line in first if line.startswith('{"sample"'))
    path = project.root / "shards/2/run.jsonl"
    header, *rest = path.read_text().splitlines()
    path.write_text("\n".join([header, moved, *rest]) + "\n")
    return "belongs to another shard: damaged or edited"


def _select_twice(project: ShardProject) -> str:
    first, path = read_run(project.root / "shards/1/run.jsonl"), project.root / "shards/2/run.jsonl"
    *lines, end = path.read_text().splitlines()
    value = json.loads(end)
    value["end"]["selected"].append(list(first.selected[0]))
    path.write_text("\n".join([*lines, json.dumps(value)]) + "\n")
    return "too: damaged or edited"


def _whole_beside(project: ShardProject) -> str:
    project.command("run", "demo", "--report=shards/whole")
    return "expected the shards of one run"


DAMAGES: list[Callable[[ShardProject], str]] = [
    _lose,
    _lose_two,
    _repeat_differently,
    _of_another_division,
    _of_other_params,
    _of_another_case,
    _of_another_mode,
    _cut,
    _move_a_sample,
    _select_twice,
    _whole_beside,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda one: one.__name__.strip("_"))
def test_no_set_of_shards(project: ShardProject, damage: Callable[[ShardProject], str]) -> None:
    """Shards that are not the whole set of one run are an error with what to do, and leave no older verdict."""
    project.configure(other={"provider": "scripted", "answers": "answers.json"})
    project.run_shards(4)
    assert project.merge("shards")[0] == 0
    message = damage(project)
    status, output = project.merge("shards")
    assert status == 1
    assert message in output
    assert "cut off" in message or not (project.root / "reports/demo/verdict.json").exists()


def test_the_same_shard_twice(project: ShardProject) -> None:
    """A shard whose job ran twice with the same result counts once."""
    folders = project.run_shards(4)
    project.command("run", "demo", "--shard=2/4", "--report=again")
    assert project.merge(*folders, "again", folders[0])[0] == 0
    assert read_run(project.root / "reports/demo/run.jsonl").complete


def test_stopped_shard(project: ShardProject) -> None:
    """A killed shard makes the merged run a stopped one, without a verdict."""
    project.run_shards(4)
    path = project.root / "shards/2/run.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.rename(path.with_name("run.jsonl.part")).write_text("".join(lines[:3]))
    status, output = project.merge("shards")
    assert status == 1
    assert output.startswith("ERROR  stopped after ")
    assert read_run(project.root / "reports/demo/run.jsonl").stopped


def test_several_suites(project: ShardProject) -> None:
    """Suites are merged at once; the problems of all are listed, and the status is that of the worst."""
    project.write("suites/other.yaml", project.read("suites/demo.yaml"))
    project.write("golden/other.yaml", project.read("golden/demo.yaml"))
    for suite in ("demo", "other"):
        for number in (1, 2):
            project.command("run", suite, "--shard", f"{number}/2", "--report", f"shards/{number}/{suite}")
    status, output = project.merge("shards")
    assert (status, "llm demo\nPASS" in output, "llm other\nNO BASELINE" in output) == (0, True, True), output
    for suite, number in (("demo", 1), ("other", 2)):
        (project.root / f"shards/{number}/{suite}/run.jsonl").unlink()
    status, output = project.merge("shards")
    assert (status, "suite demo: shard 1 of 2" in output, "suite other: shard 2 of 2" in output) == (1, True, True)


def test_accept(project: ShardProject) -> None:
    """`--accept` makes the merged run a part of the baseline, as the acceptance of one run does."""
    project.run_shards(3, None, "--record=all")
    assert project.merge("shards", "--accept")[0] == 2
    status, output = project.merge("shards", "--accept", "--because", "measured in shards")
    assert (status, "accepted  golden/baselines/demo/scripted.plain.jsonl" in output) == (0, True), output
    header = json.loads(project.read("golden/baselines/demo/scripted.plain.jsonl").splitlines()[0])
    assert len(header["runs"]) == 2
    assert "measured in shards" in project.read("golden/HISTORY.jsonl")


def test_nothing_is_accepted_in_ci(project: ShardProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI, `--accept` is refused before anything is written."""
    project.run_shards(2)
    monkeypatch.setenv("CI", "true")
    status, output = project.merge("shards", "--into", "merged", "--accept", "--because", "why")
    assert (status, "nothing is accepted in CI" in output) == (1, True), output
    assert not (project.root / "merged").exists()


def test_a_shard_is_not_accepted(project: ShardProject) -> None:
    """`evalharness accept` refuses the record of a shard."""
    project.run_shards(2)
    done = project.command("accept", project.root / "shards/1", "--because", "why")
    assert (done.exit_code, "expected a whole run, got shard 1 of 2" in done.output) == (1, True), done.output


def test_folder_without_records(project: ShardProject, tmp_path: Path) -> None:
    """A folder without a record, and a folder that the merged record would replace, are errors with what to do."""
    (tmp_path / "empty").mkdir()
    status, output = project.merge("empty")
    assert (status, "no record of a run found: expected run.jsonl" in output) == (1, True), output
    project.run_shards(2)
    status, output = project.merge("shards/1", "shards/2", "--into", "shards")
    assert status == 0, output
    (project.root / "shards/demo").rename(project.root / "own")
    project.command("run", "demo", "--shard=1/2", "--report=own/demo")
    status, output = project.merge("own/demo", "shards/2", "--into", "own")
    assert (status, "choose another folder with --into" in output) == (1, True), output
    assert (project.root / "own/demo/run.jsonl").exists()


def test_committed_record(project: ShardProject) -> None:
    """A record that the commit brings is refused: a change cannot put its answers into the place of a lost shard."""
    folders = project.run_shards(2)
    repository = Repository(project.root)
    project.write(".gitignore", ".cache/\nreports/\n")
    repository.commit()
    status, output = project.merge(*folders)
    assert (status, "the commit that is checked out brings this file" in output) == (1, True), output
