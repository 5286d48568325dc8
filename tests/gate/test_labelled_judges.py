"""Gates on a judge with labels of people: when they fail, pass, wait for labels, and only inform."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalharness.gate import decide_run
from evalharness.gate.judge_labels import NO_JUDGE_LABELS, JudgeLabels
from evalharness.records import Baseline, GateRule, Run, Verdict
from evalharness.records.answer_label import AnswerLabel, text_digest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from judge_worlds import METRIC, Instrument, Suite, World

PAIR = ("scripted", "plain")
SEED = 5


def a_suite(seed: int = SEED, **world: Any) -> Suite:
    """One suite of a world, the same for equal arguments."""
    return World(**world).draw(np.random.default_rng(seed))


def verdict_of(suite: Suite, labels: JudgeLabels | None = None, **changes: Any) -> Verdict:
    """The verdict on a suite, by its labels or others."""
    run, known = suite.sides
    run = replace(run, header=replace(run.header, **changes))
    return verdict_on(run, known, suite.labels_and_judge if labels is None else labels)


def verdict_on(run: Run, known: Baseline, labels: JudgeLabels, **options: Any) -> Verdict:
    """The verdict on the judge."""
    found = decide_run(run, {PAIR: known}, accept_command="", judge_labels=labels, **options)
    return next(one for one in found if one.metric == METRIC)


def relabelled(labels: JudgeLabels, change: Callable[[AnswerLabel], AnswerLabel | None]) -> JudgeLabels:
    """Labels of which each is another one, or gone."""
    return replace(labels, labels=[found for one in labels.labels if (found := change(one)) is not None])


def test_a_loss_that_labels_show_fails() -> None:
    """Ten points lost, 80 labels: the verdict says by how much, how good the judge is, and what was labelled."""
    verdict = verdict_of(a_suite(drop=0.1))
    assert (verdict.status, verdict.gating) == ("fail", True)
    assert verdict.change == pytest.approx(-10, abs=5)
    assert verdict.low is not None
    assert verdict.low < verdict.change
    assert verdict.p_value is not None
    assert verdict.p_value < 0.01
    assert "% of answers changed, 80 labelled; Se ." in verdict.reason
    assert verdict.reason.startswith("−")
    assert "from 160 labels" in verdict.notice
    assert "not calibrated" not in verdict.reason
    judge = verdict.judge
    assert judge is not None
    assert (judge.labels, judge.labelled_changed, judge.needed_labels, judge.advisory) == (160, 80, None, ())
    assert judge.changed_share == pytest.approx(0.45, abs=0.08)
    assert judge.se == pytest.approx(0.9, abs=0.1)
    assert judge.j == pytest.approx((judge.se or 0) + (judge.sp or 0) - 1)


def test_labels_that_rule_a_loss_out_pass() -> None:
    """Nothing lost, and labels of all changed answers."""
    verdict = verdict_of(a_suite(changed=0.2, labels=200))
    assert verdict.status == "pass"
    assert "a drop of 5 pts or more is ruled out (95 %); 2" in verdict.reason
    assert verdict.reason.endswith(verdict.notice)


def test_too_few_labels_say_how_many_more_decide() -> None:
    """The reason ends with the number of labels, and a suite with so many more is decided."""
    suite = a_suite(1, labels=30, changed=0.35)
    verdict = verdict_of(suite)
    assert verdict.status == "inconclusive"
    assert verdict.judge is not None
    more = verdict.judge.needed_labels
    assert more is not None
    assert verdict.reason.endswith(f"; about {more} more labels of changed answers would decide")
    assert verdict_of(replace(suite, labels=30 + more)).status == "pass"


def test_too_few_cases_say_so() -> None:
    """Where labels of all changed answers would not decide either, more labels are no advice."""
    verdict = verdict_of(a_suite(cases=60, changed=0.9, labels=30))
    assert verdict.status == "inconclusive"
    assert verdict.reason.endswith("labels of all 55 changed answers would not decide: add cases")
    assert verdict.judge is not None
    assert verdict.judge.needed_labels is None


def test_no_label_is_not_calibrated() -> None:
    """Without labels, and with those of a model or of another question, the ordinary gate decides with its mark."""
    suite = a_suite(drop=0.1)
    labels = suite.labels_and_judge
    by_model = relabelled(labels, lambda one: replace(one, made_by="model"))
    other = relabelled(labels, lambda one: replace(one, of=one.of._replace(question="ba9876543210")))
    plain = verdict_of(suite, NO_JUDGE_LABELS)
    assert plain.reason.endswith("; judge not calibrated")
    assert plain.judge is None
    assert plain == verdict_of(suite, by_model) == verdict_of(suite, other)


def test_too_few_labels_inform() -> None:
    """A judge below the floors neither fails nor passes, and takes no alpha from other gates."""
    for world in (World(labels=10, drop=0.2), World(labels=10)):
        verdict = verdict_of(world.draw(np.random.default_rng(SEED)))
        assert (verdict.status, verdict.gating) == ("inconclusive", False)
        assert verdict.reason.startswith("advisory: 20 of 30 labels; ")
        assert verdict.judge is not None
        assert verdict.judge.advisory[0] == "20 of 30 labels"


def test_a_useless_judge_informs() -> None:
    """A judge that guesses is advisory, whatever the number of labels."""
    verdict = verdict_of(a_suite(drop=0.1, labels=150, judge=Instrument(0.8, 0.2)))
    assert (verdict.status, verdict.gating) == ("inconclusive", False)
    assert "the judge hardly tells good from bad" in verdict.notice


def test_the_calibration_of_another_judge_informs() -> None:
    """After a change of the judge its old verdicts on labelled answers do not count."""
    suite = a_suite(drop=0.1)
    known = suite.labels_and_judge
    old = {METRIC: replace(known.calibrations[METRIC], signature="judge|question:0123456789ab|by:old")}
    for labels in (replace(known, calibrations=old), replace(known, calibrations={})):
        verdict = verdict_of(suite, labels)
        assert (verdict.status, verdict.gating) == ("inconclusive", False)
        assert "no verdict of this judge: run evalharness judge calibrate" in verdict.reason


def test_without_labels_of_these_answers_the_ordinary_gate_decides() -> None:
    """A calibrated judge without labels of a new answer: the verdict is the ordinary one, and says how good it is."""
    suite = a_suite(drop=0.2)
    labels = suite.labels_and_judge
    ordinary = verdict_of(suite, NO_JUDGE_LABELS)

    def of_other_answer(one: AnswerLabel) -> AnswerLabel:
        return replace(one, of=one.of._replace(answer=text_digest(one.of.answer)))

    moved = {of_other_answer(one).of: labels.calibrations[METRIC].values[one.of] for one in labels.labels}
    judge = {METRIC: replace(labels.calibrations[METRIC], values=moved)}
    verdict = verdict_of(suite, replace(relabelled(labels, of_other_answer), calibrations=judge))
    assert (verdict.status, verdict.change) == (ordinary.status, ordinary.change) == ("fail", ordinary.change)
    assert "from 160 labels; no label of these answers" in verdict.reason
    assert verdict.judge is not None
    assert verdict.judge.labelled_changed == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, drawn=False),
        lambda one: None if one.of.answer.startswith(tuple("0123456789abcde")) else one,
        lambda one: replace(one, of=one.of._replace(digest="edited")),
    ],
    ids=["not drawn", "one side only", "edited case"],
)
def test_labels_that_do_not_correct(change: Callable[[AnswerLabel], AnswerLabel | None]) -> None:
    """Labels of answers that were not drawn, of one side alone, or of an edited case correct no change."""
    suite = a_suite(drop=0.2, labels=150)
    labels = suite.labels_and_judge
    found = relabelled(labels, change)
    values = {one.of: 1.0 if one.value else 0.0 for one in found.labels}
    judge = {METRIC: replace(labels.calibrations[METRIC], values=values)}
    verdict = verdict_of(suite, replace(found, calibrations=judge))
    assert verdict.judge is not None
    assert verdict.judge.labelled_changed < 10
    assert "by labels and judge" not in verdict.reason


def test_only_labels_correct_a_judge_that_likes_the_new_style() -> None:
    """The judge sees no loss; the labels do, and the verdict says that the judge has become less accurate."""
    suite = a_suite(drop=0.15, labels=150, judge=Instrument(others_new=0.3))
    assert verdict_of(suite, NO_JUDGE_LABELS).status != "fail"
    verdict = verdict_of(suite)
    assert verdict.status == "fail"
    assert "the judge is less accurate on the new answers: J ." in verdict.reason
    assert verdict.judge is not None
    assert verdict.judge.j_before is not None
    assert verdict.judge.j_after is not None
    assert verdict.judge.j_after < verdict.judge.j_before - 0.3


def test_a_conversation_counts_once() -> None:
    """Equal turns of a conversation are no further evidence: its labels widen the interval, and can be too few."""
    suite = a_suite(turns=4, drop=0.1, labels=60)
    grouped, apart = verdict_of(suite), verdict_of(replace(suite, grouped=False))
    assert grouped.low is not None
    assert apart.low is not None
    assert grouped.change == pytest.approx(apart.change, abs=2.5)
    assert grouped.low < apart.low
    few = replace(suite, groups=np.minimum(suite.groups, 8))
    assert "60 of 184 changed answers labelled, from 9 groups of dependent cases: 10 decide" in verdict_of(few).reason


def test_equal_labels_decide() -> None:
    """Labels without any variance are no reason to wait: all lost fails, none lost does not."""
    suite = a_suite(labels=60)
    rest, some = np.ones(len(suite.groups)), np.arange(len(suite.groups)) < 60
    lost = replace(suite, people_before=rest, people_after=np.where(some, 0.0, rest), judge_before=rest)
    others = World(labels=60).draw(np.random.default_rng(1)).labels_and_judge
    for suite, status in ((lost, "fail"), (replace(lost, people_after=rest), "pass")):
        mine = suite.labels_and_judge
        values = {**mine.calibrations[METRIC].values, **{elsewhere(one): v for one, v in _judged(others)}}
        labels = [*mine.labels, *(replace(one, of=elsewhere(one)) for one in others.labels)]
        judge = {METRIC: replace(mine.calibrations[METRIC], values=values)}
        assert verdict_of(suite, JudgeLabels(labels, judge)).status == status


def _judged(labels: JudgeLabels) -> list[tuple[AnswerLabel, float]]:
    return [(one, labels.calibrations[METRIC].values[one.of]) for one in labels.labels]


def elsewhere(one: AnswerLabel) -> Any:
    """What a label of another case is about."""
    return one.of._replace(case=f"other-{one.of.case}")


def test_labels_of_selected_answers_do_not_decide() -> None:
    """Labels of answers that the judge sees getting better say nothing about the others: the ordinary gate decides."""
    suite = a_suite(drop=0.1)
    order = np.argsort(suite.judge_before - suite.judge_after, kind="stable")
    sides = ("people_before", "people_after", "judge_before", "judge_after")
    picked = replace(suite, **{name: getattr(suite, name)[order] for name in sides})
    verdict, ordinary = verdict_of(picked), verdict_of(picked, NO_JUDGE_LABELS)
    assert (verdict.status, verdict.change) == (ordinary.status, ordinary.change)
    assert verdict.notice.endswith(
        "the 80 labelled answers are no random sample of the changed ones: the judge sees another change in them; "
        "run evalharness judge calibrate"
    )


def test_labels_without_a_question_change_no_other_gate() -> None:
    """A label that names no question is of no metric, although the signatures of most metrics name none either."""
    suite = a_suite()
    run, known = suite.sides
    run = replace(run, header=replace(run.header, gates=(GateRule(METRIC, 0.05), GateRule("cost", 0.1))))
    labels = relabelled(suite.labels_and_judge, lambda one: replace(one, of=one.of._replace(question="")))
    with_them, without = (
        decide_run(run, {PAIR: known}, accept_command="", judge_labels=one) for one in (labels, NO_JUDGE_LABELS)
    )
    assert with_them == without


def test_unreadable_labels_are_an_error() -> None:
    """A judge whose labels are lost does not look like one that never had any."""
    verdict = verdict_of(a_suite(), JudgeLabels(problem="golden/labels/demo.jsonl:3: value: wrong"))
    assert (verdict.status, verdict.gating) == ("error", True)
    assert verdict.reason == "golden/labels/demo.jsonl:3: value: wrong"


def test_a_pair_of_compared_answers_has_one_label() -> None:
    """A label of the new answer against the accepted one counts from equal: 0.5 is no change."""
    suite = a_suite(changed=0.2, labels=70)
    labels = suite.labels_and_judge
    old = {one.of.case: one.of.answer for one in labels.labels[::2]}
    pairs = [replace(one, of=one.of._replace(against=old[one.of.case])) for one in labels.labels[1::2]]
    values = {one.of: one.value for one in pairs}
    judge = {METRIC: replace(labels.calibrations[METRIC], values=values)}
    lost = [replace(one, value=0.0 if n % 5 else 1.0) for n, one in enumerate(pairs)]
    verdict = verdict_of(
        suite, JudgeLabels(lost, {METRIC: replace(judge[METRIC], values={p.of: p.value for p in lost})})
    )
    assert verdict.judge is not None
    assert verdict.judge.labelled_changed == 70
    assert verdict.change == pytest.approx(100 * (0.2 - 0.5) * verdict.judge.changed_share, abs=1.0)


def test_other_gates_share_alpha() -> None:
    """The p-value of labels takes part in Holm's correction; that of an advisory judge does not."""
    suite = a_suite(drop=0.1)
    run, known = suite.sides
    gates = (GateRule(METRIC, 0.05), GateRule("cost", 0.1))
    both = verdict_of(suite, gates=gates)
    alone = verdict_of(suite)
    assert alone.p_value is not None
    assert both.p_value == pytest.approx(2 * alone.p_value)
    few = replace(suite, labels=10)
    found = decide_run(
        replace(run, header=replace(run.header, gates=gates)),
        {PAIR: known},
        accept_command="",
        judge_labels=few.labels_and_judge,
    )
    lone = decide_run(replace(run, header=replace(run.header, gates=gates[1:])), {PAIR: known}, accept_command="")
    assert [one.p_value for one in found if one.metric == "cost"] == [one.p_value for one in lone]


def fresh_samples(suite: Suite, *, lost: bool) -> tuple[Run, Run]:
    """A run of the suite with fresh samples of both versions; the new one is worse there if `lost`."""
    run, known = suite.sides
    mine, theirs = [], []
    for one in run.samples:
        accepted = known.cases[one.key.case].samples[-1].scores[METRIC]
        (score,) = one.scores
        for repeat in range(1, 5):
            key = one.key._replace(repeat=repeat)
            now = score if lost else replace(score, value=accepted)
            mine.append(replace(one, key=key._replace(purpose="confirm"), scores=(now,)))
            theirs.append(replace(one, key=key._replace(purpose="reference"), scores=(replace(score, value=accepted),)))
    header = replace(run.header, deterministic=(), max_stages=2)
    return replace(run, header=header, samples=(*run.samples, *mine)), replace(
        run, header=replace(header, id="reference"), samples=tuple(theirs)
    )


def test_a_loss_waits_for_fresh_samples() -> None:
    """Where fresh samples are possible, the labels alone ask for them, and they confirm the loss or do not."""
    suite = a_suite(drop=0.1)
    run, known = suite.sides
    labels = suite.labels_and_judge
    endpoint = replace(run, header=replace(run.header, deterministic=(), max_stages=2))
    asked = verdict_on(endpoint, known, labels, screening=True)
    assert (asked.status, asked.open, asked.suspicious) == ("inconclusive", True, True)
    mine, theirs = fresh_samples(suite, lost=True)
    assert verdict_on(mine, known, labels, reference=theirs).status == "fail"
    mine, theirs = fresh_samples(suite, lost=False)
    open_still = verdict_on(mine, known, labels, reference=theirs)
    assert open_still.status == "inconclusive"
    assert "fresh samples of both versions do not show the loss that the labels show" in open_still.reason


def test_more_labels_need_no_fresh_samples() -> None:
    """Where labels are missing, fresh samples settle nothing, and the run takes none."""
    suite = a_suite(labels=40)
    run, known = suite.sides
    endpoint = replace(run, header=replace(run.header, deterministic=(), max_stages=2))
    verdict = verdict_on(endpoint, known, suite.labels_and_judge, screening=True)
    assert (verdict.status, verdict.open) == ("inconclusive", False)
