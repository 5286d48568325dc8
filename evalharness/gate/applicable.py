"""The cases that a gate on a metric compares: those to which the metric applies."""

from __future__ import annotations

from dataclasses import replace

from evalharness.gate.case_samples import has_mark, some_cases
from evalharness.gate.context import GateContext
from evalharness.gate.kinds.base import Samples
from evalharness.records import BaselineSample
from evalharness.records.marks import Mark


def applicable(context: GateContext) -> GateContext:
    """Return the context with the cases to which the metric of the rule applies, in a sample of either side."""
    metric, known, samples = context.rule.metric, context.pairing.known_cases, context.pairing.samples
    if not has_mark(samples, Mark.INAPPLICABLE):  # as in most runs
        return context

    def keeps(case: str) -> bool:
        mine, theirs = samples[case], known[case].samples if case in known else ()
        return not all(any(one.metric == metric for one in sample.not_applicable) for sample in mine) or not all(
            metric in one.not_applicable for one in theirs
        )

    kept = some_cases(samples, keeps)
    return context if len(kept) == len(samples) else replace(context, pairing=replace(context.pairing, samples=kept))


def without_inapplicable(metric: str, samples: Samples) -> dict[str, list[BaselineSample]]:
    """Return the samples to which a metric applies, by case."""
    return {case: [one for one in found if metric not in one.not_applicable] for case, found in samples.items()}
