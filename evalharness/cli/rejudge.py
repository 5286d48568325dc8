"""A run record judged again from files alone, as the run itself was: for the commands that say what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

from evalharness.config import load_config
from evalharness.errors import StoreError
from evalharness.evaluation.merge_base import MergeBase, pairs_of
from evalharness.records import GateRule, Run
from evalharness.report import Outcome
from evalharness.store import merge_base, read_run
from evalharness.store.runs import RECORD

_REFERENCE = "reference.jsonl"
Rules = Callable[[Sequence[GateRule]], Sequence[GateRule]]


def judged(root: Path, run: Path, baseline: str | None = None, base: str | None = None, rules: Rules = list) -> Outcome:
    """The outcome of a record, or of the folder that holds one. Raises EvalHarnessError."""
    path = run / RECORD if run.is_dir() else run
    record = read_run(path)
    _refuse_paths(path, record)
    name = record.header.suite
    trusted = MergeBase(load_config(root), merge_base(root, base))
    beside = path.parent / _REFERENCE
    reference = read_run(beside) if path.name == RECORD and beside.exists() else None
    command = f"pytest --llm-suite={name} --llm-accept"
    verdicts = trusted.judge(
        record,
        accept_command=command,
        given=baseline,
        gates=rules(trusted.rules(name, record.header.gates)),
        reference=reference,
    )
    return Outcome(
        record,
        tuple(verdicts),
        trusted.shown(record, baseline, reference),
        path.parent,
        command,
        compared=baseline != "none",
        criteria=trusted.changes(name),
        base=trusted.commit.sha if trusted.commit else "",
    )


def _refuse_paths(path: Path, run: Run) -> None:
    """The record may be somebody else's, and its names become names of files. Raises StoreError."""
    for name in (run.header.suite, *(part for pair in pairs_of(run) for part in pair)):
        if PurePath(name).name != name or name == "..":  # "." has no name
            raise StoreError(f"{path}:1: '{name}' is no name of a suite, model or prompt")
