"""The accepted answers that today's judges must judge again, because their scores are of other judges or missing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from evalharness.evaluation.baselines import Pair
from evalharness.evaluation.judged_again import compared_answers
from evalharness.evaluation.merge_base import MergeBase
from evalharness.evaluation.plan import Plan
from evalharness.gate.judged import question_of
from evalharness.records import Baseline
from evalharness.scoring.metrics import Metric
from evalharness.scoring.metrics.base import SampleView
from evalharness.scoring.scorer import Answered, Scorer


@dataclass(frozen=True)
class StoredAnswers:
    """One metric on the accepted answers of one model and prompt."""

    metric: Metric
    pair: Pair
    pinned: bool
    before: str
    """The signature of the metric in the baseline; empty without one."""
    missing: str
    """What the metric reads and a baseline does not keep; empty if there is nothing."""
    answers: tuple[Answered, ...]
    """Each distinct answer to a case that is unedited since, with today's request."""

    @cached_property
    def scorer(self) -> Scorer:
        """Scores them by this metric alone."""
        return Scorer([self.metric])


def stored_answers(
    plan: Plan, today: Collection[Answered], base: MergeBase, given: str | None = None
) -> Iterator[StoredAnswers]:
    """The answers to judge again, for the gates of a suite. `today`: its answers by a run, `given`: see `baselines`."""
    name, pairs = plan.suite.name, list(plan.request_digests)
    gated = {rule.metric for rule in base.rules(name, [gate.rule for gate in plan.suite.gates])}
    metrics = [one for one in plan.metrics if one.name in gated and one.beyond and question_of(one.signature)]
    if not metrics:
        return
    for baselines, pinned in ((base.baselines(name, pairs, given), False), (base.pinned(name, pairs), True)):
        for pair, baseline in baselines.items():
            if isinstance(baseline, Baseline):
                mine = {one.case.id: one for one in today if (one.request.key.model, one.request.key.prompt) == pair}
                yield from _of_baseline(metrics, mine, baseline, pair, pinned=pinned)


def _of_baseline(
    metrics: Collection[Metric], today: Mapping[str, Answered], baseline: Baseline, pair: Pair, *, pinned: bool
) -> Iterator[StoredAnswers]:
    found = compared_answers(baseline, {case: one.case.digest for case, one in today.items()})
    answers = tuple(_stored(today[case], text) for case, text in found)
    for metric in metrics:
        before = baseline.signatures.get(metric.name, "")
        if answers and before != metric.signature:
            missing = next(filter(None, (_missing(metric, today[case]) for case, _ in found)), "")
            yield StoredAnswers(metric, pair, pinned, before, missing, answers)


def _stored(today: Answered, text: str) -> Answered:
    return Answered(replace(today.case, checks=()), today.request, SampleView.of(text).response)


def _missing(metric: Metric, today: Answered) -> str:
    """What the metric reads of an answer of today and a baseline does not keep of an accepted one."""
    assert metric.beyond
    if today.request.dialogue or today.request.user:
        return "conversation"
    return ", ".join(metric.beyond(today.view)).replace("_", " ")
