"""Changed answers: only scores of equal signature compare."""

from __future__ import annotations

from dataclasses import replace

from outcomes import a_baseline, a_sample, an_outcome

from evalharness.records import Score
from evalharness.report.diffs import score_change
from evalharness.review.diffs import changed_answers

SAMPLE = a_sample(0, scores=(Score("chrf", 0.2, "chrf|v:2"), Score("rouge_l", 0.7, "rouge_l|v:1")))
OUTCOME = an_outcome([SAMPLE], baseline=a_baseline([SAMPLE]))


def test_a_metric_that_is_measured_in_another_way() -> None:
    """A score of another signature is not a drop."""
    (answer,) = OUTCOME.contents.answers.of("worse")
    assert round(answer.change, 9) == -0.1
    assert answer.before
    assert answer.before.scores == {"rouge_l": 0.8}
    assert score_change(SAMPLE, OUTCOME.baselines, "chrf") == 0


def test_an_answer_whose_scores_do_not_compare() -> None:
    """Its text is compared, even if no score is."""
    sample = replace(SAMPLE, scores=SAMPLE.scores[:1])
    (answer,) = an_outcome([sample], baseline=a_baseline([sample])).contents.answers.of("other")
    assert answer.change == 0


def test_review() -> None:
    """A review shows the changes of comparable metrics only."""
    (one,) = changed_answers(OUTCOME.run, OUTCOME.baselines)
    assert list(one.changes) == ["rouge_l"]
    assert round(one.change, 9) == -0.1
