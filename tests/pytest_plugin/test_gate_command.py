"""`evalharness gate` decides from files alone, like the run itself or with other margins."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import Result


def gate(project: Any, *arguments: str) -> Result:
    """Run `evalharness gate reports/demo ...` in this process."""
    result: Result = project.command("gate", project.root / "reports/demo", *arguments)
    return result


def test_an_unchanged_run(project):
    """A run that passed still passes."""
    project.accept()
    project.run()
    result = gate(project)
    assert result.exit_code == 0
    assert result.output.splitlines()[0] == "PASS  no gate found a regression, and each rules out its margin"


@pytest.mark.parametrize("every", [2, 5, 20])
def test_the_same_verdict(project, every):
    """A worse run gets the same verdict as during the run, confirmation included, number for number."""
    project.accept()
    project.answer_badly(every)
    ran = project.run()
    result = gate(project, "--json")
    assert json.loads(result.output) == project.verdict()
    assert result.exit_code == ran.ret


def test_another_margin(project):
    """A margin on the command line replaces the suite's."""
    project.accept()
    project.answer_badly(20)
    project.run()
    before, after = (
        json.loads(gate(project, "--json", *more).output)["verdicts"][0] for more in ([], ["--margin", "rouge_l=40%"])
    )
    assert (before["margin"], before["status"]) == (10.0, "inconclusive")
    assert (after["margin"], after["status"]) == (40.0, "pass")


def test_inconclusive_may_fail(project):
    """`--inconclusive fail` works like pytest's option."""
    project.accept()
    project.answer_badly(20)
    project.run()
    assert gate(project).exit_code == 0
    assert gate(project, "--inconclusive", "fail").exit_code == 1


@pytest.mark.parametrize("margin", ["rouge_l", "rouge_l=x", "rouge_l=0", "rouge_l=200%", "bleu=3%"])
def test_an_invalid_margin(project, margin):
    """An invalid margin is quoted in the error."""
    project.accept()
    result = gate(project, "--margin", margin)
    assert result.exit_code == 2
    assert "--margin" in result.output


def test_nothing_to_decide(project):
    """A missing or truncated record is reported; lost samples are an error."""
    project.accept()
    record = project.root / "reports/demo/run.jsonl"
    text = record.read_text()
    record.write_text(text[:-10])
    cut = gate(project)
    assert (cut.exit_code, "the last line is cut off" in cut.output) == (1, True)
    record.write_text("".join(line for line in text.splitlines(keepends=True) if '"case-3"' not in line))
    assert gate(project).exit_code == 1
    record.unlink()
    assert gate(project).exit_code == 1


def test_another_baseline(project):
    """`--baseline` takes a file."""
    project.accept()
    accepted = project.root / "golden/baselines/demo/fake.plain.jsonl"
    accepted.rename(project.root / "kept.jsonl")
    project.answer_badly(2)
    project.accept()
    assert gate(project).exit_code == 0
    assert gate(project, "--baseline", "kept.jsonl").exit_code == 1
