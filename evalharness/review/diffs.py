"""The answers of a run that differ from the baseline, the worst first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from statistics import fmean

from evalharness.records import Baseline, Baselines, BaselineSample, Run, Sample, SampleKey
from evalharness.report.score_details import ScoreDetails

_NO_DETAILS = ScoreDetails()


@dataclass(frozen=True, slots=True)
class ChangedAnswer:
    """An answer that differs from the baseline's latest one."""

    sample: Sample
    before: BaselineSample | None
    """The baseline's latest answer with the scores of equal signatures; None if it has none."""
    compares: bool
    """Whether the scores compare: the case and its goldens are unedited."""
    details: ScoreDetails = _NO_DETAILS
    """What stands behind its scores."""

    @property
    def key(self) -> SampleKey:
        """Case, prompt, model and repeat."""
        return self.sample.key

    @property
    def text(self) -> str:
        """The new answer."""
        return self.sample.response.text if self.sample.response else ""

    @property
    def changes(self) -> Mapping[str, float]:
        """By metric: the new score minus the old one; negative is worse."""
        then = self.before.scores if self.before and self.compares else {}
        return {s.metric: s.value - then[s.metric] for s in self.sample.scores if s.metric in then}

    @property
    def change(self) -> float:
        """The mean of the changes; 0 if nothing compares."""
        return fmean(self.changes.values()) if self.changes else 0.0

    @property
    def rank(self) -> tuple[bool, bool, float, SampleKey]:
        """A sort key: disagreements of people with a judge, then broken assertions, then the largest drops."""
        return not self.is_disputed, not self.sample.failed_checks, self.change, self.key

    @property
    def is_disputed(self) -> bool:
        """Whether people and a judge disagree on the new answer."""
        return self.details.is_disputed(self.sample)


def changed_answers(run: Run, baselines: Baselines, details: ScoreDetails = _NO_DETAILS) -> list[ChangedAnswer]:
    """The distinct new answers to each case, prompt and model, the worst first.

    Missing answers are not among them.
    """
    planned, found = run.header.planned, dict[tuple[str, str, str, str], ChangedAnswer]()
    for sample in sorted(run.samples, key=lambda sample: sample.key):
        if sample.answered and sample.key in planned:
            one = replace(_compared(sample, baselines), details=details)
            if one.before is None or one.before.text != one.text:
                found.setdefault((*sample.key[:3], one.text), one)
    return sorted(found.values(), key=lambda one: one.rank)


def _compared(sample: Sample, baselines: Baselines) -> ChangedAnswer:
    baseline = baselines.get((sample.key.model, sample.key.prompt))
    if not isinstance(baseline, Baseline):
        return ChangedAnswer(sample, None, compares=False)
    latest = baseline.match(sample, edited=True)
    return ChangedAnswer(sample, latest, compares=baseline.match(sample) is not None)


def new_answers(changed: Collection[ChangedAnswer]) -> dict[str, list[str]]:
    """The answers by case that are not golden yet, each once."""
    found: dict[str, list[str]] = {}
    for one in changed:
        known = found.setdefault(one.key.case, [])
        if one.text not in known and one.text not in one.sample.golden:
            known.append(one.text)
    return {case: answers for case, answers in found.items() if answers}
