"""Changes of the labels that calibrate judges, and of what the judges said about the labelled answers.

Lines may only be added. New labels and new verdicts are listed: they move the error of a judge, but relax nothing. One
that is removed, edited, or overruled by a later line can hide an error, and relaxes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from evalharness.errors import StoreError
from evalharness.records import CriteriaChange
from evalharness.records.answer_label import AnswerLabel, JudgeCalibration, Labelled
from evalharness.store.answer_labels import (
    LABEL_FOLDER,
    calibration_path,
    label_path,
    read_answer_labels,
    read_calibrations_of_judges,
)

_JUDGES = ".judges.jsonl"
_MOST_CHARS = 200
_TESTS = ("planted", "flipped", "asked_again", "changed_again")


def changed_labels(there: Path, here: Path) -> Iterator[CriteriaChange]:
    """The differences between the labels and calibrations of all suites in two folders."""
    names = {path.name for root in (there, here) for path in (root / LABEL_FOLDER).glob("*.jsonl")}
    for name in sorted(names):
        try:
            if name.endswith(_JUDGES):
                yield from _of_judges(there, here, name.removesuffix(_JUDGES))
            else:
                yield from _of_people(there, here, name.removesuffix(".jsonl"))
        except StoreError as error:
            text = " ".join(str(error).split())[:_MOST_CHARS]
            yield CriteriaChange(f"{LABEL_FOLDER}/{name}", "", f"cannot be read: {text}", relaxes=True)


def _of_people(there: Path, here: Path, suite: str) -> Iterator[CriteriaChange]:
    paths = [label_path(root, suite) for root in (there, here)]
    then, now = (path.read_bytes() if path.is_file() else b"" for path in paths)
    if then == now:
        return
    what = f"{LABEL_FOLDER}/{paths[0].name}"
    if lost := len(set(then.splitlines()) - set(now.splitlines())):
        yield CriteriaChange(what, "", f"{_count(lost, 'label')} removed or edited", relaxes=True)
    before, after = (read_answer_labels(root, suite) for root in (there, here))
    if overruled := _overruled(before, after):
        text = f"{_count(overruled, 'label')} overruled by a later one of the same person"
        yield CriteriaChange(what, "", text, relaxes=True)
    known = set(before)
    if added := [one for one in after if one not in known]:
        yield CriteriaChange(what, "", _added(added), relaxes=False)


def _overruled(before: Sequence[AnswerLabel], after: Sequence[AnswerLabel]) -> int:
    """The number of labels that are still there, but no longer the latest of their person on the answer."""
    kept, now = set(after), _latest(after)
    return sum(old in kept and now[key].value != old.value for key, old in _latest(before).items())


def _latest(labels: Sequence[AnswerLabel]) -> dict[tuple[Labelled, str, str], AnswerLabel]:
    return {one.identity: one for one in labels}


def _added(labels: Sequence[AnswerLabel]) -> str:
    people = sorted({" ".join(one.by.split())[:40] for one in labels})
    names = ", ".join(people[:3]) + (f" and {len(people) - 3} more" if len(people) > 3 else "")
    blind, of_models = sum(one.blind for one in labels), sum(one.made_by == "model" for one in labels)
    count = "1 label of an answer" if len(labels) == 1 else f"{len(labels)} labels of answers"
    return f"{count} added by {names}, {blind} blind" + (f", {of_models} made by a model" if of_models else "")


def _of_judges(there: Path, here: Path, suite: str) -> Iterator[CriteriaChange]:
    then, now = (read_calibrations_of_judges(root, suite) for root in (there, here))
    what = f"{LABEL_FOLDER}/{calibration_path(there, suite).name}"
    for metric in sorted(then.keys() | now.keys()):
        place, old, new = f"{what}: {metric[:100]}", then.get(metric), now.get(metric)
        if new is None:
            yield CriteriaChange(place, "", "the calibration of this judge is removed", relaxes=True)
        elif old is None or old.signature != new.signature:
            yield CriteriaChange(place, "", f"{len(new.values)} verdicts of a new judge", relaxes=False)
        else:
            yield from _of_one_judge(place, old, new)


def _of_one_judge(place: str, old: JudgeCalibration, new: JudgeCalibration) -> Iterator[CriteriaChange]:
    lost = sum(new.values.get(of) != value for of, value in old.values.items())
    if lost:
        yield CriteriaChange(place, "", f"{_count(lost, 'verdict')} removed or edited", relaxes=True)
    smaller = [name for name in _TESTS if getattr(new, name) < getattr(old, name)]
    if smaller:
        yield CriteriaChange(place, "", f"the number of {smaller[0].replace('_', ' ')} is smaller", relaxes=True)
    if not lost and not smaller and replace(old, at=new.at) != new:
        yield CriteriaChange(place, f"{len(old.values)} verdicts", f"{len(new.values)} verdicts", relaxes=False)


def _count(number: int, what: str) -> str:
    return f"1 {what} is" if number == 1 else f"{number} {what}s are"
