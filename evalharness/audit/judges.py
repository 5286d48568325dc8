"""The judges that were calibrated, and the people whose labels they were calibrated with."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from evalharness.audit.since import Since
from evalharness.errors import StoreError
from evalharness.records.answer_label import AnswerLabel, JudgeCalibration
from evalharness.records.audit import AuditedJudge, AuditedLabels
from evalharness.store.answer_labels import (
    LABEL_FOLDER,
    label_path,
    read_answer_labels,
    read_calibrations_of_judges,
)
from evalharness.store.runs import stored_lines

if TYPE_CHECKING:
    from evalharness.gate.stats.agreement import Proportion

_JUDGES = ".judges.jsonl"
_PREFERENCE = "label"
"""The kind of the lines of blind comparisons."""
_MOST_CHARS = 200
_NO_LABELS = "no label of a person on its question"
_T = TypeVar("_T")


class _Entry(NamedTuple):
    """A line with a label."""

    metric: str
    by: str
    made_by: str
    at: str
    blind: bool
    drawn: bool
    content: object
    """The whole line, by which equal lines are found."""


def judges_and_labels(
    root: Path, suites: Collection[str], point: Since
) -> tuple[tuple[AuditedJudge, ...], tuple[AuditedLabels, ...], tuple[str, ...]]:
    """The judges that were calibrated after a point, the labels added after it, and problems with file and line."""
    judges: list[AuditedJudge] = []
    labels: list[AuditedLabels] = []
    problems: list[str] = []
    for suite in _suites(root, suites, point):
        reader = _Reader(root, suite, point, problems)
        judges += reader.judges()
        labels += reader.labels()
    return tuple(judges), tuple(labels), tuple(problems)


def _suites(root: Path, chosen: Collection[str], point: Since) -> list[str]:
    """The suites with labels or judges, now or at the point."""
    folders = [folder / LABEL_FOLDER for folder in (root, point.folder) if folder]
    names = {path.name for folder in folders for path in folder.glob("*.jsonl")}
    found = {name.removesuffix(_JUDGES).removesuffix(".jsonl") for name in names}
    return sorted(name for name in found if not chosen or name in chosen)


class _Reader:
    """Reads the files of one suite; an unreadable one is a problem, and counts as empty."""

    def __init__(self, root: Path, suite: str, point: Since, problems: list[str]) -> None:
        self.root, self.suite, self.point, self.problems = root, suite, point, problems

    def judges(self) -> Iterator[AuditedJudge]:
        """Each judge whose calibration is new or has changed."""
        then = self._read(self.point.folder, read_calibrations_of_judges) or {}
        now = self._read(self.root, read_calibrations_of_judges)
        if now is None:
            return
        self._lost("calibration", ".judges", len(then.keys() - now.keys()))
        labels = self._read(self.root, read_answer_labels) or []
        for metric, one in sorted(now.items()):
            if then.get(metric) != one and self.point.is_later(one.at):
                yield _audited(self.suite, one, labels)

    def labels(self) -> Iterator[AuditedLabels]:
        """The new labels of each person, by metric."""
        now, older = self._read(self.root, _entries), set(self._read(self.point.folder, _entries) or ())
        if now is None:
            return
        self._lost("label", "", len(older - set(now)))
        groups: dict[tuple[str, str, str], list[_Entry]] = {}
        for one in now:
            if one not in older and self.point.is_later(one.at):
                groups.setdefault((one.metric, one.by, one.made_by), []).append(one)
        yield from (_group(self.suite, found) for _, found in sorted(groups.items()))

    def _lost(self, what: str, kind: str, count: int) -> None:
        """Report what the commit has and the files of today lack."""
        if count:
            lines = f"1 {what}" if count == 1 else f"{count} {what}s"
            self.problems.append(
                f"{LABEL_FOLDER}/{self.suite}{kind}.jsonl: {lines} of {self.point.name} removed or edited"
            )

    def _read(self, root: Path | None, read: Callable[[Path, str], _T]) -> _T | None:
        """What is in a file of the project or of the commit; None if it cannot be read."""
        if root is None:
            return None
        try:
            return read(root, self.suite)
        except StoreError as error:
            text = str(error).replace(f"{root}/", "" if root == self.root else f"{self.point.name}:")
            if text not in self.problems:
                self.problems.append(text)
            return None


def _entries(root: Path, suite: str) -> list[_Entry]:
    """The labels of answers and the choices in blind comparisons. Raises StoreError with file:line."""
    labels = [
        _Entry(one.metric, one.by, one.made_by, one.at, one.blind, one.drawn, one)
        for one in read_answer_labels(root, suite)
    ]
    path = label_path(root, suite)
    lines = stored_lines(path) if path.exists() else ()
    return labels + [_preference(path, *one) for one in lines if one[1].get("kind") == _PREFERENCE]


def _preference(path: Path, number: int, line: Mapping[str, object]) -> _Entry:
    by, at = line.get("by"), line.get("at")
    for key, text in (("by", by), ("at", at)):
        if not isinstance(text, str) or len(text) > _MOST_CHARS:
            raise StoreError(f"{path}:{number}: {key}: expected a text of at most {_MOST_CHARS} characters")
    return _Entry("", str(by), "person", str(at), True, False, json.dumps(line, sort_keys=True))


def _group(suite: str, entries: Sequence[_Entry]) -> AuditedLabels:
    first, times = entries[0], sorted(one.at for one in entries)
    return AuditedLabels(
        suite=suite,
        metric=first.metric,
        by=first.by,
        made_by=first.made_by,
        labels=len(entries),
        blind=sum(one.blind for one in entries),
        drawn=sum(one.drawn for one in entries),
        first=times[0],
        last=times[-1],
    )


def _audited(suite: str, one: JudgeCalibration, labels: Sequence[AnswerLabel]) -> AuditedJudge:
    from evalharness.gate.judge_error import judge_error  # brings numpy
    from evalharness.gate.judged import question_of

    error, question = judge_error(labels, one, one.signature), question_of(one.signature)
    people = {label.by for label in labels if label.calibrates(question)}
    se, sp = (error.accuracy.sensitivity, error.accuracy.specificity) if error else (None, None)
    return AuditedJudge(
        suite=suite,
        metric=one.metric,
        signature=one.signature,
        at=one.at,
        labels=error.labels if error else 0,
        good=error.good if error else 0,
        bad=error.bad if error else 0,
        se=_known(se),
        se_bounds=(se.low, se.high) if se else (0.0, 1.0),
        sp=_known(sp),
        sp_bounds=(sp.low, sp.high) if sp else (0.0, 1.0),
        people=len(people),
        problems=error.problems if error else (_NO_LABELS,),
    )


def _known(share: Proportion | None) -> float | None:
    return None if share is None or math.isnan(share.share) else share.share
