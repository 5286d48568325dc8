"""The nouns of evalharness: frozen, typed, no I/O.

Suite ─ Case ─┐
       Prompt ┼─> Request ─> Response ─> Sample ─┐
       model ─┘                         (Score)  ├─> Run ─┐
                                                 ┘        ├─> Verdict
                                               Baseline ──┘
"""

from __future__ import annotations

from evalharness.records.run import (
    FinishReason,
    Purpose,
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
    BaselineSample,
    Change,
    Slice,
    Status,
    Verdict,
    worst,
)

__all__ = [
    "RATIOS",
    "SEVERITY",
    "TIMED",
    "AcceptedRun",
    "Baseline",
    "BaselineCase",
    "BaselineSample",
    "Baselines",
    "Case",
    "Change",
    "FinishReason",
    "GateRule",
    "GateSpec",
    "Location",
    "Message",
    "Params",
    "Prompt",
    "Purpose",
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
