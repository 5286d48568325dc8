"""The nouns of evalharness: frozen, typed, no I/O.

Suite ─ Case ─┐
       Prompt ┼─> Request ─> Response ─> Sample ─┐
       model ─┘                         (Score)  ├─> Run ─┐
                                                 ┘        ├─> Verdict
                                               Baseline ──┘
"""

from __future__ import annotations

from evalharness.records.run import (
    Failure,
    FinishReason,
    Request,
    Response,
    Run,
    RunHeader,
    Sample,
    SampleKey,
    Score,
    Timing,
    Usage,
)
from evalharness.records.suite import Case, GateSpec, Location, Message, Params, Prompt, Spec, Suite
from evalharness.records.verdict import SEVERITY, AcceptedRun, Baseline, BaselineCase, Draw, Status, Verdict, worst

__all__ = [
    "SEVERITY",
    "AcceptedRun",
    "Baseline",
    "BaselineCase",
    "Case",
    "Draw",
    "Failure",
    "FinishReason",
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
    "Spec",
    "Status",
    "Suite",
    "Timing",
    "Usage",
    "Verdict",
    "worst",
]
