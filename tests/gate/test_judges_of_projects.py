"""A project whose answers a scripted judge judges and people label: the labels files decide the run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from repository import Repository

from evalharness import Evaluation
from evalharness.gate.judged import question_of
from evalharness.records.answer_label import AnswerLabel, JudgeCalibration, Labelled, text_digest
from evalharness.report.verdict_schema import verdict_schema
from evalharness.store.answer_labels import label_path, write_answer_labels, write_calibrations_of_judges
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

CASES = [f"case-{number:02}" for number in range(90)]
CONFIG = """\
[tool.evalharness.models.shop]
provider = "scripted"
answers = "answers.json"
[tool.evalharness.models.critic]
provider = "scripted"
function = "critic.py:answer"
"""
CRITIC = """\
def answer(request):
    text = request.messages[-1].content
    return {"decision": {"yes": 0.9, "no": 0.1} if ("kind" in text) != ("odd" in text) else {"yes": 0.1, "no": 0.9}}
"""
"""Right about each answer but the odd ones."""
SUITE = """\
schema: 1
models: [shop]
prompts: {plain: [{user: "{{ word }}?"}]}
metrics:
  - judge: {name: polite, model: critic, ask: "Is it polite?"}
cases: cases.jsonl
gates: [{metric: polite}]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose accepted answers are nearly all kind."""
    leave_ci(monkeypatch)
    project = Project(tmp_path)
    project.write("pyproject.toml", CONFIG)
    project.write("critic.py", CRITIC)
    project.write("suites/demo.yaml", SUITE)
    lines = [json.dumps({"id": name, "vars": {"word": name}}) for name in CASES]
    project.write("suites/cases.jsonl", "\n".join(lines) + "\n")
    project.answer(answers("old", rude=range(0, 90, 9)))
    project.accept()
    return project


def answers(version: str, *, rude: Iterable[int]) -> dict[str, str]:
    """The answers of a version: the first 20 are always the same, and the judge is wrong about some."""
    bad = set(rude) - set(range(20))
    return {name: answer(number, version, rude=number in bad) for number, name in enumerate(CASES)}


def answer(number: int, version: str, *, rude: bool) -> str:
    """One answer."""
    return f"{'rude' if rude else 'kind'}{' odd' if number % 8 == 5 else ''} {'same' if number < 20 else version}"


def label(project: Project, evaluation: Evaluation, cases: Iterable[str]) -> None:
    """Label the accepted and the new answers of cases, and write what the judge says about them."""
    signature = evaluation.header.signatures["polite"]
    (known,) = evaluation.outcome.baselines.values()
    values, labels = {}, []
    samples = {sample.key.case: sample for sample in evaluation.samples}
    for case in cases:
        sample, stored = samples[case], known.cases[case].samples[-1]
        for text, score in ((stored.text, stored.scores["polite"]), (sample.response.text, sample.scores[0].value)):
            of = Labelled(question_of(signature), case, sample.digest, text_digest(text))
            values[of] = score
            labels.append(AnswerLabel(of, "polite", "yes", float("kind" in text), "ann", "2026-01-01", True, "7"))
    write_answer_labels(project.root, "demo", labels)
    judge = JudgeCalibration("polite", signature, "2026-01-01", values)
    write_calibrations_of_judges(project.root, "demo", [judge])


def test_labels_decide_a_run(project: Project) -> None:
    """Without labels the mark, with few of them information, with enough of them FAIL; a broken file is an error."""
    project.answer(answers("new", rude=range(0, 90, 2)))
    first = project.evaluate()
    (verdict,) = first.verdicts
    assert verdict.notice == "judge not calibrated"
    label(project, first, CASES[20:32])
    informed = project.evaluate()
    (few,) = informed.verdicts
    assert (few.status, few.gating, informed.status) == ("inconclusive", False, "inconclusive")
    assert informed.outcome is not None
    assert informed.outcome.headline.endswith("all gates only inform")
    assert few.notice.startswith("advisory: 24 of 30 labels")
    label(project, first, CASES[20:70])
    second = project.evaluate()
    (found,) = second.verdicts
    assert (found.status, found.gating, second.status) == ("fail", True, "fail")
    assert "78 % of answers changed, 50 labelled; Se ." in found.notice
    judge = project.verdict()["verdicts"][0]["judge"]
    assert (judge["labels"], judge["labelled_changed"], judge["advisory"]) == (100, 50, [])
    Draft202012Validator(verdict_schema()).validate(project.verdict())
    verified = project.command("verify", "demo")
    assert "differs" not in verified.output
    assert "FAIL demo: worse than the baseline: polite" in " ".join(verified.output.split())
    label_path(project.root, "demo").write_text('{"schema": 1, "kind": "answer"}\n')
    broken = project.evaluate()
    assert broken.status == "error"
    assert "golden/labels/demo.jsonl:1: of: Field required" in broken.verdicts[0].reason


def test_labels_pass_a_run(project: Project) -> None:
    """Other words of equal politeness, all of them labelled, pass."""
    project.answer(answers("new", rude=range(0, 90, 9)))
    label(project, project.evaluate(), CASES[20:])
    done = project.evaluate()
    (found,) = done.verdicts
    assert (found.status, done.status) == ("pass", "pass")
    assert "a drop of 5 pts or more is ruled out (95 %)" in found.reason


def test_edited_answers_have_no_labels(project: Project) -> None:
    """Labels count for equal texts: after another change, the verdict says that no label is of these answers."""
    project.answer(answers("new", rude=range(0, 90, 2)))
    label(project, project.evaluate(), CASES[20:])
    project.answer(answers("newer", rude=range(0, 90, 2)))
    (found,) = project.evaluate().verdicts
    assert "from 140 labels; no label of these answers" in found.reason
    assert found.judge is not None
    assert found.judge.labelled_changed == 0


def test_labels_that_make_a_gate_informative_relax(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few labels turn a gate that could fail into one that informs: the pull request that adds them is not green."""
    repository = Repository(project.root)
    repository.git("config", "user.email", "a@b")
    base = repository.commit()
    project.answer(answers("new", rude=range(0, 90, 2)))
    red = project.evaluate(base=base)
    assert (red.verdicts[0].gating, relaxed(red)) == (True, [])
    label(project, red, CASES[20:32])
    few = project.evaluate(base=base)
    assert relaxed(few) == ["judge polite: decides -> advisory: 24 of 30 labels"]
    assert few.outcome is not None
    assert few.outcome.exit_status(fail_inconclusive=False)
    repository.commit()
    assert relaxed(project.evaluate(base=repository.git("rev-parse", "HEAD"))) == []  # the same labels, merged


def relaxed(evaluation: Evaluation) -> list[str]:
    """The changes of the criteria that concern judges and relax."""
    assert evaluation.outcome is not None
    return [str(one) for one in evaluation.outcome.criteria if one.relaxes and one.what.startswith("judge")]
