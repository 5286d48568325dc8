"""`evalharness schema --verdict` describes every verdict.json, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile_outcome import hostile
from jsonschema import Draft202012Validator, ValidationError
from outcomes import a_sample, an_outcome, broken

from evalharness.records import CriteriaChange, NotApplicable
from evalharness.report import Outcome
from evalharness.report.encode import json_text
from evalharness.report.verdict_file import verdict_json
from evalharness.report.verdict_schema import verdict_schema
from evalharness.testing import Project

SCHEMA = verdict_schema()
MISSING = NotApplicable("no golden answer", "chrf")


def outcomes() -> dict[str, Outcome]:
    """An outcome of each status, and one with each optional part."""
    worse = [a_sample(number, 0.4 if number % 3 == 0 else 0.8) for number in range(60)]
    partial = [a_sample(number, not_applicable=(MISSING,), scores=()) for number in range(30)]
    not_numbers = [replace(v, change=float("nan"), low=float("-inf"), high=None) for v in an_outcome().verdicts]
    return {
        "pass": an_outcome(),
        "fail": an_outcome(worse),
        "error": an_outcome([broken(number) for number in range(9)]),
        "no baseline": an_outcome(baseline=None),
        "inconclusive": an_outcome([a_sample(number) for number in range(3)]),
        "stopped": an_outcome(stopped=True),
        "relaxed": replace(an_outcome(), criteria=(CriteriaChange("gate", "a", "b", relaxes=True),)),
        "accepted": replace(an_outcome(baseline=None), accepted=(Path("golden/x.jsonl"),)),
        "coverage": an_outcome(partial + worse[30:]),
        "not a number": replace(an_outcome(), verdicts=tuple(not_numbers)),
        "hostile": hostile("\x1b[2J\u202e]\udfff"),
    }


def written(outcome: Outcome) -> dict[str, Any]:
    """The content of verdict.json."""
    content: dict[str, Any] = json.loads(json_text(verdict_json(outcome)))
    return content


OUTCOMES = outcomes()


def test_the_schema_is_valid() -> None:
    """It is JSON Schema 2020-12, and describes each number of a verdict."""
    Draft202012Validator.check_schema(SCHEMA)
    verdict = SCHEMA["$defs"]["Verdict"]["properties"]
    assert [
        name for name in ("before", "after", "change", "low", "high", "margin") if "description" not in verdict[name]
    ] == []


@pytest.mark.parametrize("name", OUTCOMES)
def test_verdicts_are_valid(name: str) -> None:
    """Every verdict.json is valid, whatever its status."""
    Draft202012Validator(SCHEMA).validate(written(OUTCOMES[name]))


def test_the_outcomes_differ() -> None:
    """The outcomes above have the statuses and the parts that they are named for."""
    named = ("pass", "fail", "error", "no baseline", "inconclusive")
    assert [OUTCOMES[name].status for name in named] == [*named]
    assert written(OUTCOMES["coverage"])["coverage"]
    assert written(OUTCOMES["relaxed"])["criteria"]
    assert written(OUTCOMES["fail"])["means"][0]["mean"] == pytest.approx(66.7)


EDITS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a missing key": lambda verdict: verdict.pop("headline"),
    "an unknown key": lambda verdict: verdict.update(score=1),
    "another status": lambda verdict: verdict.update(status="green"),
    "another schema": lambda verdict: verdict.update(schema=3),
    "a missing bound": lambda verdict: verdict["verdicts"][0].pop("low"),
    "a text as a change": lambda verdict: verdict["verdicts"][0].update(change="-3"),
    "an unknown key of a mean": lambda verdict: verdict["means"][0].update(extra=1),
}


@pytest.mark.parametrize("edit", EDITS)
def test_other_files_are_not_valid(edit: str) -> None:
    """A missing, an unknown and a wrong value are found."""
    content = written(OUTCOMES["fail"])
    EDITS[edit](content)
    with pytest.raises(ValidationError):
        Draft202012Validator(SCHEMA).validate(content)


def test_the_command(tmp_path: Path) -> None:
    """`evalharness schema --verdict` prints the schema, and a real run's file is valid."""
    project = Project(tmp_path)
    project.write_suite()
    project.evaluate()
    printed = json.loads(project.command("schema", "--verdict").stdout)
    assert printed == SCHEMA
    Draft202012Validator(printed).validate(project.verdict())
