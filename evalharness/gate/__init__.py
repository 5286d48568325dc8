"""Compares a run with its baselines: records in, verdicts out.

Pure arithmetic without input or output. docs/gate.md explains the statistics, docs/gate-table.md has their simulated
error rates.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalharness.gate.context import GateContext, NoComparison
    from evalharness.gate.cost import assess_cost
    from evalharness.gate.decide import decide_run
    from evalharness.gate.evidence import GateResult
    from evalharness.gate.kinds import GateKind
    from evalharness.gate.latency import Calibration, assess_latency
    from evalharness.gate.scores import assess_scores

_PUBLIC = {
    "Calibration": "latency",
    "GateContext": "context",
    "GateKind": "kinds",
    "GateResult": "evidence",
    "NoComparison": "context",
    "assess_cost": "cost",
    "assess_latency": "latency",
    "assess_scores": "scores",
    "decide_run": "decide",
}
"""Name -> module. Loaded on first use, because loading a suite does not need numpy."""

__all__ = [
    "Calibration",
    "GateContext",
    "GateKind",
    "GateResult",
    "NoComparison",
    "assess_cost",
    "assess_latency",
    "assess_scores",
    "decide_run",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
