"""The nouns of evalharness: frozen, typed, no I/O.

Suite ─ Case ─┐
       Prompt ┼─> Request ─> Response ─> Sample ─┐
       model ─┘                         (Score)  ├─> Run ─┐
                                                 ┘        ├─> Verdict
                                               Baseline ──┘
"""

from __future__ import annotations

from evalharness.records.run import (
    REFERENCE_REPEATS,
    RERUN_REPEATS,
    FinishReason,
    Request,
    Response,
    Run,
    RunHeader,
    Sample,
    SampleError,
    SampleKey,
    Score,
    Stability,
    Timing,
    Usage,
    slots_of,
)
from evalharness.records.suite import (
    RATIOS,
    TIMED,
    Case,
    GateRule,
    GateSpec,
    Location,
    Message,
    Params,
    Prompt,
    Spec,
    Suite,
)
from evalharness.records.verdict import (
    SEVERITY,
    AcceptedRun,
    Baseline,
    BaselineCase,
    Baselines,
    Change,
    Draw,
    Slice,
    Status,
    Verdict,
    worst,
)

__all__ = [
    "RATIOS",
    "REFERENCE_REPEATS",
    "RERUN_REPEATS",
    "SEVERITY",
    "TIMED",
    "AcceptedRun",
    "Baseline",
    "BaselineCase",
    "Baselines",
    "Case",
    "Change",
    "Draw",
    "FinishReason",
    "GateRule",
    "GateSpec",
    "Location",
    "Message",
    "Params",
    "Prompt",
    "Request",
    "Response",
    "Run",
    "RunHeader",
    "Sample",
    "SampleError",
    "SampleKey",
    "Score",
    "Slice",
    "Spec",
    "Stability",
    "Status",
    "Suite",
    "Timing",
    "Usage",
    "Verdict",
    "slots_of",
    "worst",
]
