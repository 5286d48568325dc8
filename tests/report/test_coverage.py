"""Every report says on how many cases a metric is based, where it is not all of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalharness.records import NotApplicable
from evalharness.records.coverage import coverage_of
from evalharness.report.encode import one_line
from evalharness.report.html import overview, page_of
from evalharness.report.markdown import summary
from evalharness.report.rows import rows_of
from evalharness.report.terminal import summary_lines
from evalharness.testing import Project, outcome, run, sample
from evalharness.testing.ci import leave_ci

GOLDENS = {f"case-{number}": f"Answer {number}." for number in range(6)}
LINE = "exact on 4 of 6 cases: 2 have no golden answer"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with an accepted run, in which four of six cases have a golden answer."""
    leave_ci(monkeypatch)
    made = Project(tmp_path)
    made.write_suite(GOLDENS)
    made.write("golden/demo.yaml", "".join(f"{name}: {text}\n" for name, text in list(GOLDENS.items())[:4]))
    made.accept()
    return made


def test_a_run(project: Project) -> None:
    """A suite with cases without golden answers runs, is accepted, and passes unchanged; the reports count."""
    evaluation = project.evaluate()
    assert evaluation.status == "pass"
    assert evaluation.means == {("scripted", "plain"): {"exact": 1.0}}
    assert evaluation.outcome
    reasons = {"no golden answer": 2}
    assert project.verdict()["complete"]
    assert project.verdict()["coverage"] == [
        {"metric": "exact", "scored": 4, "total": 6, "reasons": reasons, "unit": "case"}
    ]
    assert f"- `{LINE}`" in project.read("reports/demo/summary.md")
    assert f"based on  {LINE}" in [line for line, _ in summary_lines(evaluation.outcome)]
    assert overview(page_of(evaluation.outcome))["facts"]["coverage"] == LINE


def test_the_record_keeps_it(project: Project) -> None:
    """`run.jsonl` has the reason of each sample without a score; the gate decides the same from the file."""
    project.evaluate()
    record = project.record()
    assert {one.key.case for one in record.samples if one.not_applicable} == {"case-4", "case-5"}
    assert record.complete
    assert project.command("gate", project.root / "reports/demo").exit_code == 0


def test_a_lost_mark_is_an_error(project: Project) -> None:
    """A stored sample without score and without its reason is no pass, and neither is one with both."""
    project.evaluate()
    path = "reports/demo/run.jsonl"
    text = project.read(path)
    project.write(path, text.replace(',"not_applicable":[{"reason":"no golden answer","metric":"exact"}]', "", 1))
    assert project.command("gate", project.root / path).exit_code == 1
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        if line.get("sample", {}).get("scores"):
            line["sample"]["not_applicable"] = [{"reason": "no golden answer", "metric": "exact"}]
    project.write(path, "".join(json.dumps(line) + "\n" for line in lines))
    result = project.command("gate", project.root / path)
    assert result.exit_code != 0
    assert "the metric exact has a score, and does not apply" in result.output


def test_a_baseline_with_a_lost_score(project: Project) -> None:
    """A baseline whose sample has neither a score nor its reason cannot be read."""
    path = "golden/baselines/demo/scripted.plain.jsonl"
    project.write(path, project.read(path).replace(', "not_applicable": ["exact"]', "", 1))
    assert project.evaluate().status == "error"


def test_a_golden_removed(project: Project) -> None:
    """A case that lost its golden answer was edited, so no gate passes."""
    project.write("golden/demo.yaml", "case-0: Answer 0.\ncase-1: Answer 1.\ncase-2: Answer 2.\n")
    evaluation = project.evaluate()
    assert evaluation.status == "inconclusive"
    assert "case case-3" in evaluation.verdicts[0].reason


def test_answers_that_differ() -> None:
    """Where the answers of one case differ in it, the answers are counted."""
    mark = (NotApplicable("nothing to check", "exact"),)
    samples = [sample("a"), sample("a", repeat=1, scores={}, not_applicable=mark), sample("b"), sample("b", repeat=1)]
    assert [str(one) for one in coverage_of(run(samples))] == ["exact on 3 of 4 answers: 1: nothing to check"]


def test_all_cases_count() -> None:
    """A metric that applies to all cases has no line."""
    found = outcome()
    assert coverage_of(found.run) == ()
    assert "based on" not in " ".join(line for line, _ in summary_lines(found))


def test_a_hostile_record() -> None:
    """A metric and a reason from a record are text."""
    mark = (NotApplicable("no <b>\n::error::x`", "exact`\n::set"),)
    found = outcome(run([sample("a"), sample("b", not_applicable=mark)]))
    lines = [line for line, _ in summary_lines(found)]
    assert not [line for line in lines if "\n" in line or line.startswith("::")]
    assert "\n::" not in summary([found])
    assert one_line(str(coverage_of(found.run)[0]))
    assert rows_of(page_of(found).columns, ["exact"])
