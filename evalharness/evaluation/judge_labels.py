"""The labels that the gates of a run read.

Those of the working tree count, also in a pull request: labels of its new answers can only come with it. The criteria
list those that it adds, edits or removes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evalharness.errors import StoreError
from evalharness.records import RunHeader
from evalharness.store.answer_labels import read_answer_labels, read_calibrations_of_judges

if TYPE_CHECKING:
    from evalharness.gate.judge_labels import JudgeLabels


def judge_labels(header: RunHeader, root: Path) -> JudgeLabels:
    """The labels of a suite with a judge; what is wrong with them where they cannot be read."""
    from evalharness.gate.judge_labels import NO_JUDGE_LABELS, JudgeLabels  # brings the gates
    from evalharness.gate.judged import question_of

    if not any(map(question_of, header.signatures.values())):
        return NO_JUDGE_LABELS
    try:
        return JudgeLabels(read_answer_labels(root, header.suite), read_calibrations_of_judges(root, header.suite))
    except StoreError as error:
        return JudgeLabels(problem=str(error))
