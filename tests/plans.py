"""Run a plan without records, reports and verdicts, for tests of the execution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from evalharness.evaluation.pipeline import Pipeline
from evalharness.evaluation.plan import Plan
from evalharness.execution import Engine, RunOptions
from evalharness.providers import Provider
from evalharness.records import Run, Sample
from evalharness.store.ledger import Ledger


def open_pipeline(providers: Mapping[str, Provider], **engine: Any) -> Pipeline:
    """A pipeline with an engine of its own."""
    return Pipeline(Engine(providers, **engine))


def run_plan(
    plan: Plan,
    *,
    on_sample: Callable[[Sample], None] | None = None,
    options: RunOptions | None = None,
    ledger: Ledger | None = None,
) -> Run:
    """The run of all requests of the plan."""
    header, samples = plan.header(), []
    options = replace(options or RunOptions(), run=header.id)
    models = {**plan.metric_models, **plan.providers}
    with open_pipeline(models, options=options, pricing=plan.pricing, ledger=ledger) as pipeline:
        waiting = [pipeline.submit(case, request, plan.scorer) for case, request in plan.requests]
        for sample in waiting:
            samples.append(sample.result())
            if on_sample:
                on_sample(samples[-1])
    return Run(header, tuple(samples), tuple(request.key for _, request in plan.requests))
