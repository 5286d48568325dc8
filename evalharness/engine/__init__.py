"""Plan -> Samples: every request is asked once and scored once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from evalharness.engine.engine import Engine
from evalharness.engine.options import RECORD_MODES, Asking, RecordMode
from evalharness.engine.plan import Plan, make_plan
from evalharness.records import Run, Sample
from evalharness.store.ledger import Ledger

__all__ = ["RECORD_MODES", "Asking", "Engine", "Plan", "RecordMode", "make_plan", "run_suite"]


def run_suite(
    plan: Plan,
    *,
    on_sample: Callable[[Sample], None] | None = None,
    asking: Asking | None = None,
    ledger: Ledger | None = None,
) -> Run:
    """Ask and score everything in the plan, from Python and without pytest. Writes no file but the `ledger`, if one is
    given: responses are then kept there, and replayed from there.
    """
    header, samples = plan.header(), []
    asking = replace(asking or Asking(), run=header.id)
    with Engine(plan.providers, [plan.scorer], asking=asking, tariffs=plan.tariffs, ledger=ledger) as engine:
        waiting = [engine.ask(case, request, plan.scorer) for case, request in plan.requests]
        for sample in waiting:
            samples.append(sample.result())
            if on_sample:
                on_sample(samples[-1])
    return Run(header, tuple(samples), tuple(request.key for _, request in plan.requests))
