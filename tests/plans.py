"""Run a plan without records, reports and verdicts: what tests of the execution need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from evalharness.evaluation.plan import Plan
from evalharness.execution import Engine, RunOptions
from evalharness.records import Run, Sample
from evalharness.store.ledger import Ledger


def run_plan(
    plan: Plan,
    *,
    on_sample: Callable[[Sample], None] | None = None,
    options: RunOptions | None = None,
    ledger: Ledger | None = None,
) -> Run:
    """Every request of the plan, answered and scored."""
    header, samples = plan.header(), []
    options = replace(options or RunOptions(), run=header.id)
    with Engine(plan.providers, [plan.scorer], options=options, pricing=plan.pricing, ledger=ledger) as engine:
        waiting = [engine.ask(case, request, plan.scorer) for case, request in plan.requests]
        for sample in waiting:
            samples.append(sample.result())
            if on_sample:
                on_sample(samples[-1])
    return Run(header, tuple(samples), tuple(request.key for _, request in plan.requests))
