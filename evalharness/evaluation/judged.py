"""What judges change in the baselines, verdicts and criteria of a run.

The modules that do it are imported for runs with a judge alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalharness.gate.judged import question_of
from evalharness.records import Baselines, CriteriaChange, Run, RunHeader, Verdict

if TYPE_CHECKING:
    from evalharness.gate.judge_labels import JudgeLabels


def has_judges(header: RunHeader) -> bool:
    """Whether a metric of the run is a judge."""
    return any(map(question_of, header.signatures.values()))


def with_todays_judges(baselines: Baselines, run: Run, *, pinned: bool = False) -> Baselines:
    """The baselines, with scores of this run's judges in the place of those that other judges gave."""
    if not has_judges(run.header):
        return baselines
    from evalharness.evaluation import judged_again

    return judged_again.with_todays_judges(baselines, run, pinned=pinned)


def noted(verdicts: Sequence[Verdict], run: Run) -> list[Verdict]:
    """The verdicts, whose reasons say what was judged again, or why nothing was."""
    if not has_judges(run.header):
        return list(verdicts)
    from evalharness.evaluation import judged_again

    return [judged_again.noted(verdict, run) for verdict in verdicts]


def judge_labels(header: RunHeader, root: Path) -> JudgeLabels:
    """The labels of a suite with a judge."""
    from evalharness.gate.judge_labels import NO_JUDGE_LABELS

    if not has_judges(header):
        return NO_JUDGE_LABELS
    from evalharness.evaluation.judge_labels import read_labels

    return read_labels(header, root)


def made_advisory(run: Run, verdicts: Iterable[Verdict], accepted: Baselines, then: Path) -> Iterable[CriteriaChange]:
    """A relaxing change for each gate that decided at a commit, and that informs by today's labels or judge."""
    if not has_judges(run.header):
        return ()
    from evalharness.evaluation import judge_labels as labels

    return labels.made_advisory(run, verdicts, accepted, then)
