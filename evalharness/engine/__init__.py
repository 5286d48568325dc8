"""Plan -> Samples: every request is asked once and scored once."""

from __future__ import annotations

from collections.abc import Callable

from evalharness.engine.engine import Engine
from evalharness.engine.plan import Plan, make_plan
from evalharness.records import Run, Sample

__all__ = ["Engine", "Plan", "make_plan", "run_suite"]


def run_suite(plan: Plan, *, on_sample: Callable[[Sample], None] | None = None) -> Run:
    """Ask and score everything in the plan, from Python and without pytest. Writes no file."""
    header, samples = plan.header(), []
    with Engine(plan.providers, [plan.scorer]) as engine:
        waiting = [engine.ask(case, request, plan.scorer) for case, request in plan.requests]
        for sample in waiting:
            samples.append(sample.result())
            if on_sample:
                on_sample(samples[-1])
    return Run(header, tuple(samples), tuple(request.key for _, request in plan.requests))
