"""The accepted answers that judges compare with those of a run, and their part in a gate.

The accepted answer is the latest one: the last sample of the latest accepted run, for a case that is unedited since. It
is its own equal, so it counts as 0.5 whatever older scores the baseline has, which are about still older answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from evalharness.evaluation.baselines import Pair
from evalharness.evaluation.merge_base import MergeBase
from evalharness.evaluation.plan import Plan
from evalharness.records import Baseline


def with_accepted(plan: Plan, base: MergeBase, given: str | None) -> Plan:
    """The plan with the accepted answers, if a metric compares with them. `given` chooses other baselines.

    Raises GitError.
    """
    if not any(metric.compares for metric in plan.metrics):
        return plan
    baselines = base.baselines(plan.suite.name, list(plan.request_digests), given)
    found = {pair: one for pair, one in baselines.items() if isinstance(one, Baseline)}
    return replace(plan, accepted=dict(_latest(plan, found)))


def _latest(plan: Plan, baselines: Mapping[Pair, Baseline]) -> Iterator[tuple[tuple[str, str, str], str]]:
    for model, prompt in plan.planned.pairs:
        for case in plan.suite.cases if (model, prompt) in baselines else ():
            stored = baselines[model, prompt].cases.get(case.id)
            if stored and stored.digest == case.digest:
                yield (model, prompt, case.id), stored.samples[-1].text
