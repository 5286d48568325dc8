"""Whole runs with sane defaults, to be written to disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalharness.records import (
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
from evalharness.store import RunWriter, accept, baseline_path, sample_to_json

ASKED = {("m", "p"): "asked"}
SIGNATURES = {"exact": "exact|v:1"}
HOSTILE = (
    "",
    "plain",
    "two\nlines\r\nand\rmore",
    "nul\x00esc\x1b[31m",
    "u2028\u2028u2029\u2029nel\x85",
    "emoji 👩‍👩‍👧 and é",
    "lone \ud83d half",
    'quote " and \\ slash \\ud83d',
    '{"sample": null}\n{"end": {}}',
    "\ufeffbom",
)


def a_sample(case: str = "a", *, repeat: int = 0, text: str = "Yes.", **changes: Any) -> Sample:
    """A scored answer with `text` in every free text."""
    sample = Sample(
        key=SampleKey(case, "p", "m", repeat),
        digest=f"digest-{case}",
        tags=(text,),
        messages=(Message("system", text), Message("user", text)),
        golden=(text, text),
        response=Response(text, "stop", Usage(9, 3), Timing(0.25, 0.1, None, 40.5)),
        scores=(Score("exact", 0.123457, SIGNATURES["exact"]),),
    )
    return replace(sample, **changes)


def broken(case: str = "a", message: str = "died") -> Sample:
    """A case without an answer."""
    return a_sample(case, response=None, scores=(), error=SampleError("crash", message))


def a_run(samples: Sequence[Sample] = (), *, name: str = "run-1", signatures: Any = None, **rest: Any) -> Run:
    """A run of two cases, or of these samples."""
    samples = samples or (a_sample("a"), a_sample("b"))
    signatures = signatures or SIGNATURES
    keys = tuple(sample.key for sample in samples)
    header = RunHeader(
        id=name,
        suite="demo",
        file="suites/demo.yaml",
        started_at="2026-01-01T00:00:00+00:00",
        models={"m": {"provider": "scripted"}},
        prompts={"p": "digest"},
        params={"stop": ["\n"]},
        metrics=tuple(signatures),
        signatures=signatures,
        gates=(GateRule("exact", 0.05),),
        planned=rest.pop("planned", keys),
        machine_class="here",
        environment={"git": None},
    )
    return Run(header, tuple(samples), **{"selected": keys} | rest)


def write(path: Path, run: Run) -> Path:
    """The run's record on disk."""
    writer = RunWriter(path, run.header)
    for sample in run.samples:
        writer.append(sample_to_json(sample))
    writer.end(run)
    return path


def accepted(root: Path, *runs: Run, asked: str = "asked") -> Path:
    """The baseline file after these runs were accepted, one after the other."""
    for run in runs:
        accept(run, root=root, digests={("m", "p"): asked}, accepted_at="2026-01-02T00:00:00+00:00")
    return baseline_path(root, "demo", "m", "p")
