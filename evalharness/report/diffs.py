"""Which answers changed, and by how much: today's beside the baseline's latest, the worst first."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from evalharness.records import Baseline, BaselineSample, Sample, SampleKey
from evalharness.report import Outcome

How = Literal["error", "broken", "worse", "better", "other", "same", "new"]
"""`broken`: a hard assertion does not hold. `other`: another text at the same score. `new`: nothing to compare with."""
VISIBLE = 0.005
"""Smaller changes of a score are none: half a point."""


@dataclass(frozen=True, slots=True)
class AnswerDiff:
    """A case with one model and prompt: its worst draw, and what stood there before."""

    sample: Sample
    before: BaselineSample | None
    change: float
    """Of the mean score; negative is worse."""
    how: How


def answers(outcome: Outcome) -> list[AnswerDiff]:
    """One for each case, model and prompt; errors first, then broken assertions, then the largest falls."""
    worst: dict[tuple[str, str, str], AnswerDiff] = {}
    for answer in sorted((_answer(sample, outcome) for sample in outcome.run.samples), key=_rank):
        worst.setdefault(answer.sample.key[:3], answer)
    return list(worst.values())


def _answer(sample: Sample, outcome: Outcome) -> AnswerDiff:
    then = before(sample, outcome)
    moved = _change(sample, then)
    return AnswerDiff(sample, then, moved, _how(sample, then, moved))


def _how(sample: Sample, then: BaselineSample | None, moved: float) -> How:
    if sample.error or sample.response is None:
        return "error"
    if sample.failed_checks:
        return "broken"
    if then is None:
        return "new"
    if abs(moved) > VISIBLE:
        return "worse" if moved < 0 else "better"
    return "same" if then.text == sample.response.text else "other"


def _rank(answer: AnswerDiff) -> tuple[int, float, SampleKey]:
    sample = answer.sample
    group = 0 if sample.error else 1 if sample.failed_checks else 2
    return group, 0.0 if group < 2 else answer.change, sample.key


def score_change(sample: Sample, outcome: Outcome, metric: str | None = None) -> float:
    """The answer's score minus that of the baseline's latest answer, the mean over metrics or of one; 0 when they do
    not compare.
    """
    return _change(sample, before(sample, outcome), metric)


def _change(sample: Sample, then: BaselineSample | None, metric: str | None = None) -> float:
    scores = then.scores if then else {}
    wanted = [score for score in sample.scores if score.metric in scores and metric in (None, score.metric)]
    return fmean(score.value - scores[score.metric] for score in wanted) if wanted else 0.0


def before(sample: Sample, outcome: Outcome) -> BaselineSample | None:
    """The baseline's latest sample of the same case: see `Baseline.match`."""
    baseline = outcome.baselines.get((sample.key.model, sample.key.prompt))
    return baseline.match(sample) if isinstance(baseline, Baseline) else None
