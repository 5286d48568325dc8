"""A judge that compares each answer with the accepted one: both orders, and a gate around 0.5."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from judged_project import CASES, JudgedProject, verdict_on
from repository import Repository

from evalharness import SuiteError, Verdict
from evalharness.evaluation.even_scores import with_even_scores
from evalharness.gate import decide_run
from evalharness.gate.judged import is_comparison
from evalharness.records import GateRule, Purpose, Sample, Score
from evalharness.records.answer_label import text_digest
from evalharness.scoring.metrics.base import signature
from evalharness.testing import baseline, run, sample

BETTER = {"name": "better", "model": "critic", "ask": "Which is kinder?", "against": "baseline"}
FIRST = "'first'"
PREFERS = (
    "{'first': 0.8, 'second': 0.2} if shown.index('WORD') < shown.index('OTHER') else {'first': 0.3, 'second': 0.7}"
)
"""The judge prefers the answer with WORD to the one with OTHER, a little more where it is shown first."""
NEW = PREFERS.replace("WORD", "gently").replace("OTHER", "kindly")
OLD = PREFERS.replace("WORD", "kindly").replace("OTHER", "gently")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JudgedProject:
    """A project whose accepted answers are kind."""
    project = JudgedProject(tmp_path, monkeypatch)
    project.accept_judged([BETTER])
    assert project.requests == 0  # there was no accepted answer
    return project


def test_a_judge_that_likes_the_first(project: JudgedProject) -> None:
    """It gives 0.5 to each case, the orders disagree, and the verdict says so."""
    evaluation = project.evaluate_judged([BETTER], answer="{} gently.", decision=FIRST)
    assert project.requests == 2 * CASES
    for one in evaluation.samples:
        score = one.score("better")
        assert score
        assert (score.value, score.parts["orders agree"]) == (0.5, 0)
        assert score.against == text_digest(f"{one.key.case} kindly.")
        assert "prefers the other answer in the other order" in score.explanation
    found = verdict_on(evaluation, "better")
    assert (found.status, found.before, found.after) == ("pass", 50, 50)
    assert f"the same answer in both orders in 0 of {CASES} comparisons" in found.reason


@pytest.mark.parametrize(("decision", "after", "status"), [(NEW, 75, "pass"), (OLD, 25, "fail")])
def test_the_better_answers(project: JudgedProject, decision: str, after: float, status: str) -> None:
    """The score is the mean over both orders of the probability that the new answer is better."""
    evaluation = project.evaluate_judged([BETTER], answer="{} gently.", decision=decision)
    found = verdict_on(evaluation, "better")
    assert (found.status, found.before, found.after) == (status, 50, after), found.reason
    score = evaluation.samples[0].score("better")
    assert score
    assert score.parts["orders agree"] == 1
    shown = {"shown first": 0.8, "shown second": 0.7} if after > 50 else {"shown first": 0.3, "shown second": 0.2}
    assert {name: score.parts[name] for name in shown} == shown


def test_what_the_judge_is_shown(project: JudgedProject) -> None:
    """The question of the user, and both answers under neutral names, so that nothing tells which one is new."""
    same = {name: f"{name} kindly." for name in project.names[1:]}
    project.evaluate_judged([BETTER], answer="{} gently.", other=same, decision=FIRST)
    orders = [re.findall(r"begin: (.*)\]\n(.*)\n", text) for text in sorted(project.seen)]
    new, old = "case-00 gently.", "case-00 kindly."
    question = ("question", "case-00?")
    assert sorted(orders) == sorted(
        [question, ("first answer", one), ("second answer", other)] for one, other in ((new, old), (old, new))
    )
    assert all("Allowed answers: first, second" in text for text in project.seen)


def test_equal_answers_need_no_judge(project: JudgedProject) -> None:
    """An answer that is the accepted one is even with it; an edited one is judged alone."""
    evaluation = project.evaluate_judged([BETTER], other={"case-00": "case-00 gently."}, decision=NEW)
    assert project.requests == 2
    assert [sample.scores[0].value for sample in evaluation.samples] == [0.75] + [0.5] * (CASES - 1)
    assert evaluation.samples[1].scores[0].explanation == "the answer is the accepted one"


def test_without_an_accepted_answer(project: JudgedProject) -> None:
    """The metric does not apply to a first run and to a new case, which is no error."""
    shutil.rmtree(project.root / "golden/baselines")
    evaluation = project.evaluate_judged([BETTER], answer="{} gently.", decision=NEW)
    assert project.requests == 0
    assert {one.reason for sample in evaluation.samples for one in sample.not_applicable} == {"no accepted answer"}
    assert [sample.error for sample in evaluation.samples] == [None] * CASES
    assert verdict_on(evaluation, "better").status == "no baseline"


def test_a_new_case(project: JudgedProject) -> None:
    """The gate compares the cases that have an accepted answer."""
    project.names.append("new")
    evaluation = project.evaluate_judged([BETTER], answer="{} gently.", decision=NEW)
    found = verdict_on(evaluation, "better")
    assert (found.status, found.cases) == ("pass", CASES)


def test_the_latest_accepted_answer(project: JudgedProject) -> None:
    """After an acceptance the next run compares with its answers, whatever scores the baseline stores."""
    project.accept_judged([BETTER], answer="{} gently.", decision=NEW)
    third = project.evaluate_judged([BETTER], answer="{} gently.", decision=NEW)
    assert {sample.scores[0].value for sample in third.samples} == {0.5}
    found = verdict_on(third, "better")
    assert (found.status, found.before, found.after) == ("pass", 50, 50)
    back = project.evaluate_judged([BETTER], decision=NEW)
    assert verdict_on(back, "better").status == "fail"


def test_decided_again_from_files(project: JudgedProject) -> None:
    """The record and the baseline decide the same; another baseline is not what the answers were compared with."""
    project.evaluate_judged([BETTER], answer="{} gently.", decision=OLD)
    result = project.command("gate", project.root / "reports/demo")
    assert result.exit_code == 1
    assert "25.0" in result.output
    shutil.copytree(project.root / "golden/baselines/demo", project.root / "older")
    path = project.root / "older/scripted.plain.jsonl"
    path.write_text(path.read_text().replace("case-07 kindly.", "case-07 curtly."))
    result = project.command("gate", project.root / "reports/demo", "--baseline", project.root / "older")
    assert "INCOMPARABLE" in result.output
    assert "were not compared with this baseline by better" in " ".join(result.output.split())


def test_the_pinned_baseline_is_left_out(project: JudgedProject) -> None:
    """Scores that compare with the latest accepted answers say nothing about the pinned ones."""
    folder = project.root / "golden/baselines/demo"
    (folder / "pinned").mkdir()
    shutil.copy(folder / "scripted.plain.jsonl", folder / "pinned/scripted.plain.jsonl")
    evaluation = project.evaluate_judged([BETTER], answer="{} gently.", decision=NEW)
    assert [one.pinned for one in evaluation.verdicts if one.metric == "better"] == [False]


def test_another_judge_needs_no_second_judging(project: JudgedProject) -> None:
    """The accepted answer is even with itself by any judge."""
    evaluation = project.evaluate_judged([BETTER | {"ask": "Which is better?"}], answer="{} gently.", decision=NEW)
    assert verdict_on(evaluation, "better").status == "pass"
    assert evaluation.run.judged_again == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"each": "sentence"}, "'against' compares two answers as a whole: remove 'each'"),
        ({"levels": ["a", "b"]}, "remove 'levels'"),
        ({"choices": ["a", "b"]}, "remove 'choices'"),
        ({"good": ["first"]}, "remove 'good'"),
        ({"ask": "", "preset": "polite"}, "remove 'preset'"),
        ({"sees": ["question", "answer"]}, "sees: with 'against' the judge sees both answers and any of question"),
        ({"against": "main"}, "the option 'against' of the metric 'judge' is wrong"),
    ],
)
def test_refused_options(project: JudgedProject, options: dict[str, Any], message: str) -> None:
    """Options that mean nothing for two answers are problems of the suite."""
    with pytest.raises(SuiteError) as caught:
        project.evaluate_judged([BETTER | options])
    assert any(message in one.message for one in caught.value.problems), caught.value.problems


def test_no_question_makes_a_comparison() -> None:
    """The gate reads the kind of metric at the start of its signature: a question that contains it changes nothing."""
    parts = {"question": "0123456789ab", "by": "x", "ask": "judge|question:0123456789ab|against:baseline|"}
    assert not is_comparison(signature("judge", **parts))
    assert is_comparison("judge|question:0123456789ab|against:baseline|by:x")


def test_a_run_that_names_a_commit(project: JudgedProject) -> None:
    """It compares no accepted answers, and the verdict says how to compare them."""
    repository = Repository(project.root)
    commit = repository.commit()
    evaluation = project.evaluate_judged([BETTER], answer="{} gently.", decision=NEW, against=commit)
    found = verdict_on(evaluation, "better")
    assert found.status == "incomparable"
    assert (
        "better compares with accepted answers, and this run with a commit: run without --llm-against" in found.reason
    )
    assert project.requests == 0


def test_a_recording_has_both_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `record export` writes is all that a run replays."""
    project = JudgedProject(tmp_path, monkeypatch, recorded=True)
    project.accept_judged([BETTER])
    project.evaluate_judged([BETTER], answer="{} gently.", decision=NEW, record="all")
    result = project.command("record", "export", "demo", "--output", project.root / "recording.jsonl")
    assert result.exit_code == 0, result.output
    assert len((project.root / "recording.jsonl").read_text().splitlines()) == 1 + 3 * CASES


def test_no_worst_case(project: JudgedProject) -> None:
    """One accepted answer cannot tell a lost case from chance."""
    with pytest.raises(SuiteError) as caught:
        project.evaluate_judged([BETTER], gate={"worst": 0.3})
    (problem,) = caught.value.problems
    assert "worst: better compares with one accepted answer" in problem.message


COMPARED = "judge|question:0123456789ab|against:baseline|by:x"
SETTINGS = {"metrics": ("better",), "signatures": {"better": COMPARED}, "max_stages": 2}


def scored(number: int, value: float, repeat: int, purpose: Purpose, text: str) -> Sample:
    """A sample whose answer was compared with the accepted one."""
    score = Score("better", value, COMPARED, against=text_digest("accepted"))
    made = sample(f"case-{number}", f"{text} {number} {repeat}", scores=[score], repeat=repeat)
    return replace(made, key=made.key._replace(purpose=purpose))


def compared_today(mine: float, theirs: float) -> Verdict:
    """The verdict, if fresh samples of both versions were compared with the accepted answers."""
    cases = range(CASES)
    planned = [scored(number, mine + 0.1 * (number % 2), 0, "planned", "new") for number in cases]
    fresh = [scored(number, mine + 0.1 * (number % 2), 1, "confirm", "new") for number in cases]
    beside = [scored(number, theirs + 0.1 * (number % 2), 1, "reference", "old") for number in cases]
    gates = [GateRule("better", 0.05)]
    now = run([*planned, *fresh], gates=gates, planned=tuple(one.key for one in planned), **SETTINGS)
    old = [sample(f"case-{number}", "accepted", scores={"better": 0.9}) for number in cases]
    then = baseline(run(old, id="then", metrics=("better",), signatures={"better": "better|v:1"}))
    accepted = {("scripted", "plain"): with_even_scores(then, now)}
    reference = run(beside, id="reference", **SETTINGS)
    (found, *_) = decide_run(now, accepted, accept_command="accept", reference=reference)
    return found


def test_a_worse_hour_of_both_versions() -> None:
    """Fresh answers of both versions are compared with the same accepted ones: what both lose is not the change."""
    assert compared_today(0.2, 0.45).status == "fail"
    same = compared_today(0.2, 0.2)
    assert (same.status, same.before, same.after) == ("inconclusive", 25, 25)
    assert "the accepted version scores −25.0 pts today, and this change is not to blame" in same.reason
