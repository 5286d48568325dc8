"""Whole runs with defaults, to write to disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalharness.records import (
    Message,
    Run,
    Sample,
    SampleError,
    Score,
    Timing,
    Usage,
)
from evalharness.store import RunWriter, accepted_baselines, baseline_path, write_below
from evalharness.testing import run, sample

DIGESTS = {("m", "p"): "request"}
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
    """A scored sample with `text` in every free text."""
    made = sample(
        case,
        text,
        scores=[Score("exact", 0.123457, SIGNATURES["exact"])],
        prompt="p",
        model="m",
        repeat=repeat,
        tags=(text,),
        messages=(Message("system", text), Message("user", text)),
        golden=(text, text),
        usage=Usage(9, 3),
        timing=Timing(0.25, 0.1, None, 40.5),
    )
    return replace(made, **changes)


def broken(case: str = "a", message: str = "died") -> Sample:
    """A sample without a response."""
    return a_sample(case, response=None, scores=(), error=SampleError("crash", message))


def a_run(samples: Sequence[Sample] = (), *, name: str = "run-1", signatures: Any = None, **rest: Any) -> Run:
    """A run of two cases, or of these samples."""
    samples, signatures = samples or (a_sample("a"), a_sample("b")), signatures or SIGNATURES
    known = {"metrics": tuple(signatures), "signatures": signatures, "params": {"stop": ["\n"]}, "prompts": {"p": "x"}}
    known |= {"selected": tuple(one.key for one in samples), "environment": {"git": None}}
    return run(samples, id=name, **known | rest)


def write(path: Path, written: Run) -> Path:
    """Write the record of a run to disk."""
    writer = RunWriter(path, written.header)
    for one in written.samples:
        writer.append(one)
    writer.end(written)
    return path


def accepted(root: Path, *runs: Run, request: str = "request") -> Path:
    """Accept these runs in order. Returns the baseline file."""
    for one in runs:
        given = {("m", "p"): request}
        texts = accepted_baselines(one, root=root, digests=given, accepted_at="2026-01-02T00:00:00+00:00")
        for path, text in texts.items():
            write_below(root, path, text)
    return baseline_path(root, "demo", "m", "p")
