"""The labels that the gates of a run read.

Those of the working tree count, also in a pull request: labels of its new answers can only come with it. The criteria
list those that it adds, edits or removes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from evalharness.errors import StoreError
from evalharness.gate.judge_labels import JudgeLabels
from evalharness.records import Baseline, Baselines, CriteriaChange, Run, RunHeader, Verdict
from evalharness.store.answer_labels import read_answer_labels, read_calibrations_of_judges


def read_labels(header: RunHeader, root: Path) -> JudgeLabels:
    """The labels of a suite; what is wrong with them where they cannot be read."""
    try:
        return JudgeLabels(read_answer_labels(root, header.suite), read_calibrations_of_judges(root, header.suite))
    except StoreError as error:
        return JudgeLabels(problem=str(error))


def made_advisory(run: Run, verdicts: Iterable[Verdict], accepted: Baselines, then: Path) -> Iterator[CriteriaChange]:
    """A relaxing change for each gate that decided at a commit, and that informs by today's labels or judge.

    `then`: the folder of the commit. `accepted`: its baselines, which name the judge of then.
    """
    found = {one.metric: one.judge.advisory for one in verdicts if one.judge and one.judge.advisory}
    if not found:
        return
    labels = read_labels(run.header, then)
    for metric, problems in found.items():
        signatures = (one.signatures for one in accepted.values() if isinstance(one, Baseline))
        signature = next((its[metric] for its in signatures if metric in its), run.header.signatures[metric])
        error = labels.error(metric, signature)
        if error is None or error.calibrated:
            yield CriteriaChange(f"judge {metric}", "decides", f"advisory: {problems[0][:200]}", relaxes=True)
