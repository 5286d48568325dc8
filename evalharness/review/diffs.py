"""The answers of a run that are not what the baseline says, worst first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from statistics import fmean

from evalharness.records import Baseline, Baselines, BaselineSample, Run, Sample, SampleKey


@dataclass(frozen=True, slots=True)
class Changed:
    """An answer that is not the baseline's latest one."""

    sample: Sample
    before: BaselineSample | None
    """The baseline's latest, with the scores that were measured as today's; None where it has none."""
    compares: bool
    """Whether the scores of both sides do: the case and its golden answers were not edited since."""

    @property
    def key(self) -> SampleKey:
        """What it answers."""
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
        """Their mean; 0 where nothing compares."""
        return fmean(self.changes.values()) if self.changes else 0.0

    @property
    def rank(self) -> tuple[bool, float, SampleKey]:
        """Sorts broken assertions first, then the largest falls."""
        return not self.sample.failed_checks, self.change, self.key


def changed_answers(run: Run, baselines: Baselines) -> list[Changed]:
    """One for each distinct new answer to a case, prompt and model. An answer that never came is none."""
    planned, found = set(run.header.planned), dict[tuple[str, str, str, str], Changed]()
    for sample in sorted(run.samples, key=lambda sample: sample.key):
        if sample.answered and sample.key in planned:
            one = _compared(sample, baselines)
            if one.before is None or one.before.text != one.text:
                found.setdefault((*sample.key[:3], one.text), one)
    return sorted(found.values(), key=lambda one: one.rank)


def _compared(sample: Sample, baselines: Baselines) -> Changed:
    baseline = baselines.get((sample.key.model, sample.key.prompt))
    if not isinstance(baseline, Baseline):
        return Changed(sample, None, compares=False)
    latest = baseline.match(sample, edited=True)
    return Changed(sample, latest, compares=baseline.match(sample) is not None)


def new_answers(changed: Collection[Changed]) -> dict[str, list[str]]:
    """By case: the answers that are not golden yet, each once."""
    found: dict[str, list[str]] = {}
    for one in changed:
        known = found.setdefault(one.key.case, [])
        if one.text not in known and one.text not in one.sample.golden:
            known.append(one.text)
    return {case: answers for case, answers in found.items() if answers}
