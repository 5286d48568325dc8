"""The changes of the answers against the baseline, the worst first."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from evalharness.amounts import scores
from evalharness.records import Baseline, BaselineSample, Sample, SampleKey
from evalharness.report.outcome import Outcome

How = Literal["error", "broken", "worse", "better", "other", "same", "new"]
"""`broken`: a hard assertion does not hold. `other`: different text, same score. `new`: not in the baseline."""
VISIBLE = 0.005
"""Half a point of a score: smaller changes are not shown."""


@dataclass(frozen=True, slots=True)
class AnswerDiff:
    """The worst sample of a case with one model and prompt, and its baseline."""

    sample: Sample
    before: BaselineSample | None
    change: float
    """Change of the mean score; minus is worse."""
    how: How
    means: tuple[float, float] | None = None
    """The mean of the scores that compare, before and now; None if none does."""

    @property
    def moved(self) -> str:
        """Both means and their change in points; empty if nothing compares."""
        return scores(*self.means) if self.means else ""


def answers(outcome: Outcome) -> list[AnswerDiff]:
    """A diff for each case, model and prompt, the worst first.

    Errors come first, then broken assertions, then the largest drops.
    """
    worst: dict[tuple[str, str, str], AnswerDiff] = {}
    for answer in sorted((_answer(sample, outcome) for sample in outcome.run.samples), key=_rank):
        worst.setdefault(answer.sample.key[:3], answer)
    return list(worst.values())


def _answer(sample: Sample, outcome: Outcome) -> AnswerDiff:
    then = before(sample, outcome)
    means = _means(sample, then)
    change = means[1] - means[0] if means else 0.0
    return AnswerDiff(sample, then, change, _how(sample, then, change), means)


def _how(sample: Sample, then: BaselineSample | None, change: float) -> How:
    if sample.error or sample.response is None:
        return "error"
    if sample.failed_checks:
        return "broken"
    if then is None:
        return "new"
    if abs(change) > VISIBLE:
        return "worse" if change < 0 else "better"
    return "same" if then.text == sample.response.text else "other"


def _rank(answer: AnswerDiff) -> tuple[int, float, SampleKey]:
    sample = answer.sample
    group = 0 if sample.error else 1 if sample.failed_checks else 2
    return group, 0.0 if group < 2 else answer.change, sample.key


def score_change(sample: Sample, outcome: Outcome, metric: str | None = None) -> float:
    """The change against the baseline's latest answer.

    Of one metric, or the mean of all; 0 if nothing compares.
    """
    means = _means(sample, before(sample, outcome), metric)
    return means[1] - means[0] if means else 0.0


def _means(sample: Sample, then: BaselineSample | None, metric: str | None = None) -> tuple[float, float] | None:
    known = then.scores if then else {}
    wanted = [score for score in sample.scores if score.metric in known and metric in (None, score.metric)]
    if not wanted:
        return None
    return fmean(known[score.metric] for score in wanted), fmean(score.value for score in wanted)


def before(sample: Sample, outcome: Outcome) -> BaselineSample | None:
    """The baseline's latest sample of the same case: see `Baseline.match`."""
    baseline = outcome.baselines.get((sample.key.model, sample.key.prompt))
    return baseline.match(sample) if isinstance(baseline, Baseline) else None
