"""The data types of evalharness: frozen dataclasses without I/O.

Suite ─ Case ─┐
       Prompt ┼─> Request ─> Response ─> Sample ─┐
       model ─┘                         (Score)  ├─> Run ─┐
                                                 ┘        ├─> Verdict
                                               Baseline ──┘
"""

from __future__ import annotations

from evalharness.records.application import Citation, Context, ToolCall
from evalharness.records.attachment import Attachment
from evalharness.records.dialogue import END, USER, Conversation, Dialogue, Reaction, SimulatedUser, UserState, turn_id
from evalharness.records.gates import ASSERTIONS, GateRule, TimeBounds, Unit
from evalharness.records.id_index import IdIndex
from evalharness.records.judged_again import AnswerScore, JudgedAgain
from evalharness.records.planned import KeyGrid, KeyList, PlannedKeys
from evalharness.records.response import FinishReason, Purpose, Request, Response, SampleKey, Timing, Usage
from evalharness.records.run import Run, RunHeader, Stability
from evalharness.records.sample import TIMINGS, Sample, slots_of
from evalharness.records.score import NotApplicable, SampleError, Score, Violation
from evalharness.records.shard import Shard
from evalharness.records.suite import (
    Case,
    ConfiguredText,
    GateSpec,
    Location,
    Message,
    MustPass,
    Params,
    Prompt,
    Spec,
    Suite,
    Tool,
)
from evalharness.records.verdict import (
    SEVERITY,
    AcceptedRun,
    Baseline,
    BaselineCase,
    Baselines,
    BaselineSample,
    ChangeUnit,
    CriteriaChange,
    IndexedCases,
    LevelUnit,
    PromptChange,
    Slice,
    Status,
    Verdict,
    worst,
)
from evalharness.records.world import Faults, ScriptedResult, World

__all__ = [
    "ASSERTIONS",
    "END",
    "SEVERITY",
    "TIMINGS",
    "USER",
    "AcceptedRun",
    "AnswerScore",
    "Attachment",
    "Baseline",
    "BaselineCase",
    "BaselineSample",
    "Baselines",
    "Case",
    "ChangeUnit",
    "Citation",
    "ConfiguredText",
    "Context",
    "Conversation",
    "CriteriaChange",
    "Dialogue",
    "Faults",
    "FinishReason",
    "GateRule",
    "GateSpec",
    "IdIndex",
    "IndexedCases",
    "JudgedAgain",
    "KeyGrid",
    "KeyList",
    "LevelUnit",
    "Location",
    "Message",
    "MustPass",
    "NotApplicable",
    "Params",
    "PlannedKeys",
    "Prompt",
    "PromptChange",
    "Purpose",
    "Reaction",
    "Request",
    "Response",
    "Run",
    "RunHeader",
    "Sample",
    "SampleError",
    "SampleKey",
    "Score",
    "ScriptedResult",
    "Shard",
    "SimulatedUser",
    "Slice",
    "Spec",
    "Stability",
    "Status",
    "Suite",
    "TimeBounds",
    "Timing",
    "Tool",
    "ToolCall",
    "Unit",
    "Usage",
    "UserState",
    "Verdict",
    "Violation",
    "World",
    "slots_of",
    "turn_id",
    "worst",
]
