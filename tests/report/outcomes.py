"""Decided runs with sensible defaults: `an_outcome(...)` goes through the real gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalharness.records import Baseline, GateRule, Message, Run, Sample, SampleError
from evalharness.report import Outcome
from evalharness.testing import baseline, outcome, run, sample

ROOT = Path("/project")
METRICS = {"chrf": "chrf|v:1", "rouge_l": "rouge_l|v:1"}
TAGS = ("billing", "refunds", "shipping")
GATES = (("chrf", 0.05), ("rouge_l", 0.05), ("latency", 0.1), ("cost", 0.1))
TOKENS = {"prompt_tokens": 100, "completion_tokens": 20}


def a_sample(number: int, value: float = 0.8, **changes: Any) -> Sample:
    """The answer to one case, with `value` as every score."""
    made = sample(
        f"case-{number}",
        f"Answer {number} of the model.",
        scores=dict.fromkeys(METRICS, value),
        prompt="concise",
        model="smollm2",
        tags=(TAGS[number % 3],),
        messages=(Message("system", "You answer customers."), Message("user", f"Question {number}?")),
        golden=(f"Golden answer {number}.",),
        **TOKENS,
    )
    return replace(made, **changes)


def broken(number: int, message: str = "the worker died", kind: str = "crash") -> Sample:
    """A case without an answer."""
    return a_sample(number, response=None, scores=(), error=SampleError(kind, message))


def a_run(samples: Sequence[Sample], gates: Sequence[tuple[str, float]] = (), **rest: Any) -> Run:
    """A run of these samples alone."""
    known = {
        "id": "20260101T000000Z-abcdef",
        "suite": "support",
        "file": "suites/support.yaml",
        "metrics": tuple(METRICS),
        "signatures": METRICS,
        "machine_class": "this machine",
    }
    return run(samples, gates=[GateRule(*gate) for gate in gates or GATES], **known | rest)


def a_baseline(samples: Sequence[Sample], value: float = 0.8) -> Baseline:
    """A baseline of one accepted run with the same cases, all scored `value`."""
    earlier = [
        sample(
            one.key.case,
            f"Earlier answer to {one.key.case}.",
            scores=dict.fromkeys(METRICS, value),
            prompt=one.key.prompt,
            model=one.key.model,
            digest=one.digest,
            **TOKENS,
        )
        for one in samples
    ]
    return baseline(a_run(earlier, id="accepted", started_at="2026-01-01"))


def an_outcome(samples: Sequence[Sample] = (), *, baseline: Any = "same cases", **rest: Any) -> Outcome:
    """A run of these samples (default: 60 good ones) after the gates compared it with a baseline."""
    samples = samples or [a_sample(number) for number in range(60)]
    known = a_baseline(samples) if baseline == "same cases" else baseline
    return outcome(
        a_run(samples, **rest), baselines={("smollm2", "concise"): known}, folder=ROOT / "reports/support", root=ROOT
    )
