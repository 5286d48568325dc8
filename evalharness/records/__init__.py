"""The nouns of evalharness: frozen, typed, no I/O.

Suite ─ Case ─┐
       Prompt ┼─> Request ─> Response ─> Sample ─┐
       model ─┘                         (Score)  ├─> Run ─┐
                                                 ┘        ├─> Verdict
                                               Baseline ──┘
"""

from __future__ import annotations

from evalharness.records.run import (
    REFERENCE_DRAWS,
    RERUN_DRAWS,
    Failure,
    FinishReason,
    Request,
    Response,
    Run,
    RunHeader,
    Sample,
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
    "REFERENCE_DRAWS",
    "RERUN_DRAWS",
    "SEVERITY",
    "TIMED",
    "AcceptedRun",
    "Baseline",
    "BaselineCase",
    "Baselines",
    "Case",
    "Change",
    "Draw",
    "Failure",
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
