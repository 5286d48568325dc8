"""`pytest --llm-shard`: the items of one shard, with an exit status of their own, and no verdict before the merge."""

from __future__ import annotations

import pytest
from repository import Repository
from shard_project import CASES, ShardProject

from evalharness.store import read_run
from evalharness.testing.pytest_project import PytestProject

WORSE = {name: "No." if number % 2 else "Yes." for number, name in enumerate(CASES)}


class Sharded(ShardProject, PytestProject):
    """A project whose shards pytest runs."""


@pytest.fixture
def sharded(project: ShardProject, pytester: pytest.Pytester) -> Sharded:
    """The project in the folder of a pytester."""
    made = Sharded(pytester, suite="demo")
    for path in project.root.iterdir():
        path.rename(made.root / path.name)
    return made


@pytest.mark.parametrize(("of", "answers"), [(16, CASES), (4, WORSE)], ids=["unchanged-16", "worse-4"])
def test_same_as_one_run(sharded: Sharded, of: int, answers: dict[str, str]) -> None:
    """The shards of pytest merge into the record and the verdict of one pytest run, without its exit status."""
    sharded.answer(answers)
    status = sharded.run("--llm-settle=1", "--llm-report=whole").ret
    for number in range(1, of + 1):
        assert sharded.run(f"--llm-shard={number}/{of}", f"--llm-report=shards/{number}").ret == 0
    assert sharded.merge("shards")[0] == status == int(answers is WORSE)
    assert sharded.canonical("reports/demo") == sharded.canonical("whole")
    assert sharded.decided("reports/demo") == sharded.decided("whole")


def test_items_of_a_shard(sharded: Sharded) -> None:
    """A shard has its cases as items, names its command, and no strictness fails its open gates."""
    sharded.answer(WORSE)
    result = sharded.run("--llm-shard=2/4", "--llm-inconclusive=fail")
    samples = sharded.record().samples
    result.assert_outcomes(passed=len(samples))
    result.stdout.fnmatch_lines(["INCONCLUSIVE  shard 2 of 4: gates are decided by evalharness merge"])
    assert result.ret == 0
    assert 0 < len(samples) < len(CASES)
    groups = {one.cluster for one in samples} - {""}
    assert {one.key.case for one in samples if one.cluster} == {
        name for number, name in enumerate(CASES) if number < 30 and f"group-{number % 6}" in groups
    }


def test_empty_shard(sharded: Sharded) -> None:
    """A shard without a case ends with 0, with and without xdist; its record merges."""
    for options in ([], ["-n1"]):
        result = sharded.run("--llm-shard=3/9000", *options)
        assert result.ret == 0
        assert read_run(sharded.root / "reports/demo/run.jsonl").samples == ()
        result.stdout.fnmatch_lines(["INCONCLUSIVE  shard 3 of 9000: no case of this suite was selected; *"])


def test_a_part_of_each_shard(sharded: Sharded) -> None:
    """`-k` selects among the cases of the shard: merged, that is one run with `-k`, which never passes."""
    sharded.run("-k", "case-1", "--llm-report=whole")
    for number in (1, 2, 3):
        assert sharded.run("-k", "case-1", f"--llm-shard={number}/3", f"--llm-report=shards/{number}").ret == 0
    assert sharded.merge("shards")[0] == 0
    assert sharded.canonical("reports/demo") == sharded.canonical("whole")
    assert sharded.decided("reports/demo") == sharded.decided("whole")
    assert sharded.decided("reports/demo")["status"] == "inconclusive"


def test_xdist(sharded: Sharded) -> None:
    """Under xdist, a shard is the same record."""
    sharded.run("--llm-shard=2/3", "--llm-report=alone")
    assert sharded.run("--llm-shard=2/3", "--llm-report=together", "-n2").ret == 0
    assert sharded.canonical("alone") == sharded.canonical("together")


def test_stopped(sharded: Sharded) -> None:
    """`-x` stops a shard at a broken assertion: the merged run is a stopped one, and red."""
    sharded.write("suites/demo.yaml", sharded.read("suites/demo.yaml") + "assert: [{contains: Yes}]\n")
    sharded.answer(WORSE)
    for number in (1, 2):
        assert sharded.run("-x", f"--llm-shard={number}/2", f"--llm-report=shards/{number}").ret == 1
    status, output = sharded.merge("shards")
    assert (status, output.startswith("ERROR  stopped after ")) == (1, True), output


@pytest.mark.parametrize("option", ["--llm-accept", "--llm-publish=team"])
def test_options_that_need_a_verdict(sharded: Sharded, option: str) -> None:
    """A shard has no verdict to accept or publish."""
    text = sharded.read("pyproject.toml") + '[tool.evalharness.publish.team]\nto = "slack"\nurl_env = "URL"\n'
    sharded.write("pyproject.toml", text)
    result = sharded.run("--llm-shard=1/2", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{option.partition('=')[0]}: shard 1 of 2 has no verdict; run evalharness merge*"])


@pytest.mark.parametrize("written", ["0/4", "5/4", "x"])
def test_no_shard(sharded: Sharded, written: str) -> None:
    """Another form of the option ends pytest and the command with the status of a wrong option."""
    assert sharded.run(f"--llm-shard={written}").ret == pytest.ExitCode.USAGE_ERROR
    assert sharded.command("run", "demo", "--shard", written).exit_code == 2


def test_fixture(sharded: Sharded) -> None:
    """`llm.evaluate` runs the shard of the command line; `llm.check` refuses, as a shard divides no tests."""
    sharded.write(
        "test_it.py",
        """\
def test_evaluate(llm):
    assert len(llm.evaluate("demo").samples) < 60
def test_check(llm):
    llm.check(case="case-0", answer="Yes.")
""",
    )
    result = sharded.pytester.runpytest("--llm-shard=2/4", "test_it.py")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*check(): --llm-shard divides the cases of suites, not tests*"])


def test_a_change_cannot_add_the_option(sharded: Sharded) -> None:
    """A change that puts the option into `addopts` gets no verdict from `verify`, and its merge is not green."""
    repository = Repository(sharded.root)
    sharded.write(".gitignore", ".cache/\nreports/\nshards/\n")
    sharded.write("pyproject.toml", sharded.read("pyproject.toml") + '[tool.pytest.ini_options]\naddopts = "-q"\n')
    repository.commit()
    repository.branch()
    sharded.answer(WORSE)
    text = sharded.read("pyproject.toml").replace('addopts = "-q"', 'addopts = "-q --llm-shard=4/9000"')
    sharded.write("pyproject.toml", text)
    repository.commit()
    assert sharded.run().ret == 0
    done = sharded.command("verify", "demo")
    assert (done.exit_code, "the record is shard 4 of 9000" in done.output) == (5, True), done.output
