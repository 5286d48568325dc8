"""Decide a recorded run again, from files alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from evalharness.config import Config, load_config
from evalharness.errors import EvalHarnessError
from evalharness.evaluation.merge_base import MergeBase
from evalharness.evaluation.prompt_changes import prompt_changes
from evalharness.evaluation.stored_run import reference_of, refuse_paths
from evalharness.records import GateRule, Run, Suite
from evalharness.report import Outcome
from evalharness.store import merge_base, read_run
from evalharness.store.runs import record_in
from evalharness.store.together import restore_interrupted
from evalharness.suites import load_suite

Rules = Callable[[Sequence[GateRule]], Sequence[GateRule]]


def rejudge(
    root: Path, run: Path, baseline: str | None = None, base: str | None = None, rules: Rules = list
) -> Outcome:
    """The outcome of a run record or its folder. Raises EvalHarnessError."""
    path = record_in(run) if run.is_dir() else run
    record = read_run(path)
    return decide_again(MergeBase(load_config(root), merge_base(root, base)), path, record, baseline, rules)


def decide_again(base: MergeBase, path: Path, record: Run, baseline: str | None = None, rules: Rules = list) -> Outcome:
    """The outcome of the record that was read from `path`. Raises EvalHarnessError."""
    refuse_paths(path, record)
    restore_interrupted(base.config.root)
    name, config = record.header.suite, base.config
    reference, against = reference_of(path), record.header.against
    command, suite = f"pytest --llm-suite={name} --llm-accept", _suite(name, config)
    verdicts = base.decide(
        record,
        accept_command=command,
        given=baseline,
        gates=rules(base.rules(name, record.header.gates)),
        reference=reference,
        suite=suite,
    )
    return Outcome(
        record,
        tuple(verdicts),
        base.shown(record, baseline, reference),
        path.parent,
        command,
        compared=baseline != "none",
        criteria=base.criteria(record, verdicts, baseline, reference),
        prompts=prompt_changes(record, suite, config, base.snapshot.folder if base.commit and not against else None),
        base=base.commit.sha if base.commit else "",
        root=config.root,
        suite=suite,
    )


def _suite(name: str, config: Config) -> Suite | None:
    """The suite, for line numbers and gates on assertions; None where it is gone or invalid."""
    try:
        return load_suite(name, config)
    except EvalHarnessError:
        return None
