"""`evalharness judge calibrate`, and then the gate: the labels of one are what the other reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from labelled_project import CASES, CHANGED, build, label

from evalharness.records import Verdict
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The changed shop, with a gate on its judge."""
    leave_ci(monkeypatch)
    project = build(tmp_path)
    project.write("suites/demo.yaml", project.read("suites/demo.yaml") + "gates: [{metric: polite, margin: 0.05}]\n")
    return project


def verdict(project: Project) -> Verdict:
    """The verdict of a run of the changed shop."""
    (found,) = project.evaluate().verdicts
    return found


def test_the_gate_reads_what_people_labelled(project: Project) -> None:
    """By hand, of 24 changed cases: people call 14 accepted answers good (12 with a "please", 2 of seven days more) and
    10 new ones (8 and 2 more). That is a loss of 4 of 40 cases, and too few cases to decide.
    """
    assert verdict(project).notice == "judge not calibrated"
    label(project)
    assert verdict(project).notice.startswith("advisory: 48 labelled answers have no verdict of this judge: run")
    project.command("judge", "calibrate", "demo", "--no-ask")
    found = verdict(project)
    assert (found.status, found.change, found.cases) == ("inconclusive", -10.0, CASES)
    assert found.judge is not None
    assert found.judge.labels == 2 * CHANGED == 2 * found.judge.labelled_changed
    assert found.judge.changed_share == CHANGED / CASES
    assert found.reason.endswith("labels of all 24 changed answers would not decide: add cases")


def test_some_labels_ask_for_more(project: Project) -> None:
    """With labels of 18 of the 24 cases, the line counts them."""
    label(project, sample=18)
    project.command("judge", "calibrate", "demo", "--no-ask")
    assert "60 % of answers changed, 18 labelled; Se " in verdict(project).notice


def test_another_question_has_no_labels(project: Project) -> None:
    """After an edit of the question, the labels are about another one."""
    label(project)
    project.command("judge", "calibrate", "demo", "--no-ask")
    project.write("suites/demo.yaml", project.read("suites/demo.yaml").replace("polite?", "very polite?"))
    assert "judge not calibrated" in verdict(project).notice
