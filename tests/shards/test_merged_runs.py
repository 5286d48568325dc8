"""What shards share and what they do not: machines, versions in turns, reruns, and the speed of each machine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from repository import Repository
from shard_project import CASES, ShardProject

from evalharness.evaluation.merge_shards import merged
from evalharness.evaluation.shard_records import ShardRecord
from evalharness.records import Shard
from evalharness.store import read_run
from evalharness.testing import run, sample


def edit_header(path: Path, **fields: object) -> None:
    """Change fields in the first line of a record."""
    first, *rest = path.read_text().splitlines(keepends=True)
    path.write_text(json.dumps(json.loads(first) | fields) + "\n" + "".join(rest))


def gate_on_seconds(project: ShardProject) -> None:
    """Add a gate on seconds to the suite, and accept a run."""
    project.write("suites/demo.yaml", project.read("suites/demo.yaml") + "- {metric: latency, margin: 10%}\n")
    project.accept()


def test_different_machines(project: ShardProject) -> None:
    """Seconds of shards on different classes of machines are not compared, and a warning names the classes."""
    gate_on_seconds(project)
    project.run_shards(2)
    edit_header(project.root / "shards/2/run.jsonl", machine_class="Another Chip, 8 cores")
    status, output = project.merge("shards")
    assert status == 0
    assert "the shards ran on 2 classes of machines" in output
    (gate,) = [one for one in project.decided("reports/demo")["verdicts"] if one["metric"] == "latency"]
    assert (gate["status"], gate["gating"]) == ("incomparable", False)
    assert "the shards ran on different machines" in gate["reason"]


def test_one_class_of_machines(project: ShardProject) -> None:
    """On one class of machines, seconds are compared as those of one run."""
    gate_on_seconds(project)
    project.run_shards(2)
    status, output = project.merge("shards")
    assert (status, "classes of machines" in output) == (0, False)
    (gate,) = [one for one in project.decided("reports/demo")["verdicts"] if one["metric"] == "latency"]
    assert gate["status"] != "incomparable"


@pytest.mark.parametrize(("speeds", "speed"), [((0.04, 0.08), 0.0449), ((0.04, None), None), ((0.05, 0.05), 0.05)])
def test_speed_of_machines(speeds: tuple[float | None, ...], speed: float | None) -> None:
    """The speed of a merged run is the geometric mean over its samples; None if one machine was not measured."""
    whole = run([sample(name) for name in ("a", "b", "c", "d", "e", "f")])
    shards = [Shard(number, 2) for number in (1, 2)]
    records = []
    for shard, seconds in zip(shards, speeds, strict=True):
        mine = tuple(one for one in whole.samples if shard.has(one.key.case))
        keys, header = tuple(one.key for one in mine), replace(whole.header, shard=shard)
        part = replace(whole, header=header, samples=mine, selected=keys, calibration_s=seconds)
        records.append(ShardRecord(Path(f"{shard.number}/run.jsonl"), part))
    assert [len(one.run.samples) for one in records] == [5, 1]
    found = merged(records).run.calibration_s
    assert found == (None if speed is None else pytest.approx(speed, rel=1e-3))


@pytest.mark.parametrize(("broken", "status"), [(3, 0), (12, 1)])
def test_share_of_the_cases(project: ShardProject, broken: int, status: int) -> None:
    """`must_pass: 90%` counts the cases of all shards; reruns that only a shard needed are left out."""
    text = project.read("suites/demo.yaml")
    project.write("suites/demo.yaml", text + "assert:\n- {contains: Yes, must_pass: 90%}\n")
    project.answer({name: "Yes." if number >= broken else "No." for number, name in enumerate(CASES)})
    project.accept()
    assert project.run_whole() == status
    project.run_shards(4)
    found, output = project.merge("shards")
    assert found == status, output
    assert project.canonical("reports/demo") == project.canonical("whole")
    assert project.decided("reports/demo") == project.decided("whole")


@pytest.fixture
def versions(project: ShardProject) -> ShardProject:
    """A commit of the suite, and a change of its prompt."""
    repository = Repository(project.root)
    project.write(".gitignore", ".cache/\nreports/\nshards/\nwhole/\n")
    repository.commit()
    project.write("suites/demo.yaml", project.read("suites/demo.yaml").replace("{{ question }}", "Now: {{ question }}"))
    return project


def test_versions_in_turns(versions: ShardProject) -> None:
    """With `--against`, the runs of the other version are merged too, and the verdict is that of one run."""
    versions.run_whole("--against", "HEAD")
    versions.run_shards(3, None, "--against", "HEAD")
    status, output = versions.merge("shards")
    assert status == 0, output
    assert versions.decided("reports/demo") == versions.decided("whole")
    theirs = read_run(versions.root / "reports/demo/reference.jsonl")
    assert {one.key for one in theirs.samples} == {
        one.key for one in read_run(versions.root / "whole/reference.jsonl").samples
    }


def test_a_lost_version(versions: ShardProject) -> None:
    """A shard without its run of the other version is an error that says what is missing."""
    versions.run_shards(3, None, "--against", "HEAD")
    (versions.root / "shards/2/reference.jsonl").unlink()
    status, output = versions.merge("shards")
    assert (status, "(shard 2 of 3): reference.jsonl lacks" in output) == (1, True), output
