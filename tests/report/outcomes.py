"""Decided runs with defaults: `an_outcome(...)` goes through the real gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalharness.gate import decide_run
from evalharness.records import (
    AcceptedRun,
    Baseline,
    BaselineCase,
    BaselineSample,
    GateRule,
    Message,
    Response,
    Run,
    RunHeader,
    Sample,
    SampleError,
    SampleKey,
    Score,
    Timing,
    Usage,
)
from evalharness.report import Outcome

ROOT = Path("/project")
METRICS = {"chrf": "chrf|v:1", "rouge_l": "rouge_l|v:1"}
TAGS = ("billing", "refunds", "shipping")


def a_sample(number: int, value: float = 0.8, **changes: Any) -> Sample:
    """The answer to one case, with `value` as every score."""
    sample = Sample(
        key=SampleKey(f"case-{number}", "concise", "smollm2", 0),
        digest=f"digest-{number}",
        tags=(TAGS[number % 3],),
        messages=(Message("system", "You answer customers."), Message("user", f"Question {number}?")),
        golden=(f"Golden answer {number}.",),
        response=Response(f"Answer {number} of the model.", "stop", Usage(100, 20), Timing(0.5)),
        scores=tuple(Score(metric, value, signature) for metric, signature in METRICS.items()),
    )
    return replace(sample, **changes)


def broken(number: int, message: str = "the worker died", kind: str = "crash") -> Sample:
    """A case without an answer."""
    return a_sample(number, response=None, scores=(), error=SampleError(kind, message))


def a_run(samples: Sequence[Sample], gates: Sequence[tuple[str, float]] = (), **rest: Any) -> Run:
    """A run whose plan is exactly these samples."""
    header = RunHeader(
        id="20260101T000000Z-abcdef",
        suite="support",
        file="suites/support.yaml",
        started_at="2026-01-01T00:00:00+00:00",
        models={"smollm2": {}},
        prompts={"concise": ""},
        params={},
        metrics=tuple(METRICS),
        signatures=METRICS,
        gates=tuple(
            GateRule(*gate) for gate in gates or (("chrf", 0.05), ("rouge_l", 0.05), ("latency", 0.1), ("cost", 0.1))
        ),
        planned=rest.pop("planned", tuple(sample.key for sample in samples)),
        machine_class="this machine",
        environment={},
    )
    return Run(header, tuple(samples), **{"selected": header.planned} | rest)


def a_baseline(samples: Sequence[Sample], value: float = 0.8) -> Baseline:
    """A baseline of one accepted run with the same cases, all scored `value`."""
    runs = (AcceptedRun("accepted", "2026-01-01", "this machine", METRICS, "asked"),)
    cases = {
        s.key.case: BaselineCase(
            s.digest,
            (
                BaselineSample(
                    "accepted", f"Earlier answer to {s.key.case}.", dict.fromkeys(METRICS, value), 100, 20, 0.5
                ),
            ),
            number,
        )
        for number, s in enumerate(samples, start=2)
    }
    return Baseline("golden/baselines/support/smollm2.concise.jsonl", "support", "smollm2", "concise", runs, cases)


def an_outcome(samples: Sequence[Sample] = (), *, baseline: Any = "same cases", **rest: Any) -> Outcome:
    """A run of these samples (default: 60 good ones), decided by the real gate."""
    samples = samples or [a_sample(number) for number in range(60)]
    run = a_run(samples, **rest)
    known = a_baseline(samples) if baseline == "same cases" else baseline
    baselines = {("smollm2", "concise"): known}
    command = "pytest --llm-suite=support --llm-accept"
    verdicts = () if run.stopped else tuple(decide_run(run, baselines, accept_command=command))
    return Outcome(run, verdicts, baselines, ROOT / "reports" / "support", command, root=ROOT)
