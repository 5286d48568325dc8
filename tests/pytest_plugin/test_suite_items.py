"""`--llm-items=suite`: one item runs a suite, with the record, the gates and the verdict of its cases as items."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest

from evalharness.pytest_plugin.suite_items import MOST_LISTED, SuitePart
from evalharness.store import canonical_run, read_run

OPTION = "--llm-items=suite"


def result_of(project: Any, *options: str) -> tuple[int, bytes, dict[str, Any]]:
    """Status, canonical record and verdict of a run."""
    status = int(project.run("--llm-settle=1", *options).ret)
    verdict = json.loads(project.read("reports/demo/verdict.json"))
    gates = [gate for gate in verdict["verdicts"] if gate["metric"] != "latency"]  # seconds differ each time
    record = canonical_run(read_run(project.root / "reports/demo/run.jsonl"))
    return status, record, verdict | {"run": "", "verdicts": gates}


@pytest.mark.parametrize(
    ("bad", "options"),
    [(False, []), (True, []), (True, ["-n2"]), (True, ["--llm-shard=2/3"])],
    ids=["unchanged", "worse", "worse-xdist", "worse-shard"],
)
def test_same_as_cases(accepted: Any, bad: bool, options: list[str]) -> None:
    """Record, verdict and status are those of a run with an item for each case; under xdist, in several parts."""
    if bad:
        accepted.answer_badly()
    assert result_of(accepted, OPTION, *options) == result_of(accepted, *options)


def test_xdist_sends_parts(accepted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker sends the samples of a suite some at a time, and none is lost or doubled."""
    assert len(accepted.ids) < SuitePart.AT_ONCE
    accepted.write(
        "conftest.py", "from evalharness.pytest_plugin.suite_items import SuitePart\nSuitePart.AT_ONCE = 7\n"
    )
    assert accepted.run(OPTION, "-n1").ret == 0
    assert sorted(one["key"][0] for one in accepted.samples()) == sorted(accepted.ids)


def test_items(accepted: Any) -> None:
    """Pytest counts one item and the gates, and shows the suite by its name."""
    result = accepted.run(OPTION, "-v")
    result.assert_outcomes(passed=3, skipped=1)  # a gate on seconds only informs
    result.stdout.fnmatch_lines(["suites/demo.yaml::demo PASSED*"])
    assert accepted.run(OPTION, "-k", "demo").ret == 0
    assert accepted.run(OPTION, "-k", "case-1").ret == 5


def test_failures_are_listed(accepted: Any) -> None:
    """A failed suite lists its first failed answers with their reasons, and counts the rest."""
    accepted.answer(dict.fromkeys(accepted.ids, "FORBIDDEN"))
    result = accepted.run(OPTION, "--junitxml=junit.xml")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "40 of 40 answers are missing or break a hard assertion:",
            "  case-0[[]fake-plain]: must not contain *",
            f"  ... and {40 - MOST_LISTED} more in the report",
        ]
    )
    cases = {case.get("name"): case for case in ElementTree.parse(accepted.root / "junit.xml").iter("testcase")}
    assert cases["demo"].find("failure") is not None


@pytest.mark.parametrize(("option", "most"), [("-x", 1), ("--maxfail=3", 3)])
def test_stops(accepted: Any, option: str, most: int) -> None:
    """`-x` and `--maxfail` stop within the suite, after so many failed answers; the run is a stopped one."""
    accepted.answer(dict.fromkeys(accepted.ids, "FORBIDDEN"))
    result = accepted.run(OPTION, option)
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"{most} of {most} answers are missing or break a hard assertion:"])
    assert json.loads(accepted.read("reports/demo/verdict.json"))["status"] == "error"
    assert len(accepted.samples()) == most


def test_errors(accepted: Any) -> None:
    """Answers that are missing fail the item, and the section of the suite names their cause once."""
    accepted.answer(dict.fromkeys(accepted.ids[5:], "Yes."))
    result = accepted.run(OPTION)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["5 of 40 answers are missing or break a hard assertion:"])
    assert json.loads(accepted.read("reports/demo/verdict.json"))["status"] == "error"


def test_an_invalid_suite(project: Any) -> None:
    """An invalid suite is an error of its file, as with an item for each case."""
    project.write("suites/demo.yaml", "schema: 1\n")
    assert project.run(OPTION).ret == project.run().ret == 2
