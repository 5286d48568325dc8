"""On how many cases each metric is based, where some give it nothing to score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evalharness.records.marks import Mark, marked
from evalharness.records.run import Run
from evalharness.records.sample import Sample


@dataclass(frozen=True, slots=True)
class Coverage:
    """The cases of a suite, or the samples of a run, to which a metric applies."""

    metric: str
    scored: int
    total: int
    reasons: Mapping[str, int]
    """Reason -> number of cases without a score for it."""
    unit: str = "case"
    """`answer` where the answers of one case differ in it."""

    def __str__(self) -> str:
        why = ", ".join(_because(reason, count) for reason, count in self.reasons.items())
        return f"{self.metric} on {self.scored} of {self.total} {self.unit}s: {why}"


def _because(reason: str, count: int) -> str:
    if not reason.startswith("no "):
        return f"{count}: {reason}"
    return f"{count} {'has' if count == 1 else 'have'} {reason}"


def coverage(metric: str, reasons: Iterable[str], unit: str = "case") -> Coverage:
    """Return the coverage of a metric. `reasons`: for each case why the metric does not apply, empty if it does."""
    found = Counter(reasons)
    scored = found.pop("", 0)
    return Coverage(metric, scored, scored + found.total(), dict(found.most_common()), unit)


def coverage_of(run: Run) -> tuple[Coverage, ...]:
    """Return the coverage of each metric that does not apply to all planned samples of a run. Errors are left out."""
    left_out = marked(run.samples, Mark.INAPPLICABLE)
    names = dict.fromkeys(one.metric for sample in left_out for one in sample.not_applicable)
    return tuple(_in_samples(name, run.samples) for name in names)


def _in_samples(metric: str, samples: Sequence[Sample]) -> Coverage:
    by_case: dict[str, list[str]] = {}
    for sample in marked(samples, Mark.PLANNED):
        if not sample.answered:
            continue
        reason = next((one.reason for one in sample.not_applicable if one.metric == metric), "")
        by_case.setdefault(sample.key.case, []).append(reason)
    if all(len(set(reasons)) == 1 for reasons in by_case.values()):
        return coverage(metric, (reasons[0] for reasons in by_case.values()))
    return coverage(metric, (reason for reasons in by_case.values() for reason in reasons), "answer")
