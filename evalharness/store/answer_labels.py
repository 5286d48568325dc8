"""The labels of answers in `golden/labels/SUITE.jsonl`, and the judges on them in `golden/labels/SUITE.judges.jsonl`.

Both are criteria and untrusted. The first file also has the preferences of blind comparisons (`review/labels.py`),
which are left alone here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from evalharness.errors import StoreError
from evalharness.records.answer_label import AnswerLabel, JudgeCalibration, Labelled
from evalharness.store.checked_line import checked_line
from evalharness.store.files import read_below, write_below
from evalharness.store.folders import writing
from evalharness.store.locks import locked
from evalharness.store.runs import lines_of, stored_lines

LABEL_FOLDER = "golden/labels"
ANSWER, _CALIBRATION = "answer", "judge"
"""The kinds of lines."""
EXPORT = "answer-labels"
"""The kind of the first line of what people export from a page."""
_Name = Annotated[str, Field(max_length=2_000)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Count = Annotated[int, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, populate_by_name=True)

    schema_: Literal[1] = Field(default=1, alias="schema")


class _About(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    question: _Name
    case: _Name
    digest: _Name
    answer: _Name
    against: _Name = ""


class _Label(_Strict):
    kind: Literal["answer"]
    of: _About
    metric: _Name
    choice: _Name
    value: _Share
    by: _Name
    at: _Name
    blind: bool
    seed: _Name
    drawn: bool = True
    made_by: Literal["person", "model"] = "person"


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    of: _About
    value: _Share


class _Judge(_Strict):
    kind: Literal["judge"]
    metric: _Name
    signature: _Name
    at: _Name
    values: list[_Value]
    planted: _Count = 0
    flipped: _Count = 0
    asked_again: _Count = 0
    changed_again: _Count = 0
    first_picks: _Count = 0


def label_path(root: Path, suite: str) -> Path:
    """The file of the labels."""
    return root / LABEL_FOLDER / f"{suite}.jsonl"


def calibration_path(root: Path, suite: str) -> Path:
    """The file of the judges."""
    return root / LABEL_FOLDER / f"{suite}.judges.jsonl"


def read_answer_labels(root: Path, suite: str) -> list[AnswerLabel]:
    """The labels of answers, in the order of the file; none without a file. Raises StoreError with file:line."""
    path = label_path(root, suite)
    return [_label(path, number, line) for number, line in answer_lines(path)]


def answer_lines(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """The lines with labels of answers, and their numbers; none without a file. Raises StoreError."""
    if not path.exists():
        return []
    return [pair for pair in stored_lines(path) if pair[1].get("kind") == ANSWER]


def has_answer_labels(file: Path, most_mb: float) -> bool:
    """Whether a regular file of at most this size is an export of labels of answers. Raises StoreError."""
    if not file.is_file() or file.stat().st_size > most_mb * 1e6:
        return False
    return next(stored_lines(file), (1, {}))[1].get("kind") == EXPORT


def write_answer_labels(root: Path, suite: str, labels: Iterable[AnswerLabel]) -> None:
    """Replace the labels of answers in the file by these, and keep its other lines. Raises StoreError."""
    path = label_path(root, suite)
    kept = [line for _, line in stored_lines(path) if line.get("kind") != ANSWER] if path.exists() else []
    lines = [*kept, *({"schema": 1, "kind": ANSWER, **_plain(label)} for label in labels)]
    write_below(root, path, (dumped(line) for line in lines))


def add_answer_labels(root: Path, suite: str, labels: Iterable[AnswerLabel]) -> tuple[int, int]:
    """Add labels to the file at once; one of the same person on the same answer replaces the earlier one.

    Returns the numbers of new and of changed labels. Raises StoreError.
    """
    path, added, changed = label_path(root, suite), 0, 0
    with writing(path), locked(path.parent, root):
        known = {one.identity: one for one in read_answer_labels(root, suite)}
        for label in labels:
            old = known.get(label.identity)
            if old is None or old.choice != label.choice:
                added, changed = added + (old is None), changed + (old is not None)
                known[label.identity] = label
        if added or changed:
            write_answer_labels(root, suite, known.values())
    return added, changed


def read_calibrations_of_judges(root: Path, suite: str) -> dict[str, JudgeCalibration]:
    """The calibration of each metric; none without a file. Raises StoreError with file:line."""
    path = calibration_path(root, suite)
    content = read_below(root, path) if os.path.lexists(path) else None  # which would create the folder
    if content is None:
        return {}
    try:
        lines = lines_of(path, content.decode())
    except UnicodeDecodeError as error:
        raise StoreError(f"{path}: cannot be read: {error}") from None
    found = (_calibration(path, number, line) for number, line in lines)
    return {one.metric: one for one in found}


def write_calibrations_of_judges(root: Path, suite: str, calibrations: Sequence[JudgeCalibration]) -> None:
    """Write the file. Raises StoreError."""
    write_below(root, calibration_path(root, suite), (dumped(_judge_line(one)) for one in calibrations))


def update_calibrations_of_judges(root: Path, suite: str, calibrations: Iterable[JudgeCalibration]) -> None:
    """Replace the calibrations of these metrics; one that differs in its time alone stays. Raises StoreError."""
    path = calibration_path(root, suite)
    with writing(path), locked(path.parent, root):
        known = read_calibrations_of_judges(root, suite)
        before = dict(known)
        for one in calibrations:
            old = known.get(one.metric)
            known[one.metric] = old if old and replace(one, at=old.at) == old else one
        if known != before:
            write_calibrations_of_judges(root, suite, list(known.values()))


def _judge_line(one: JudgeCalibration) -> dict[str, Any]:
    plain = {name: getattr(one, name) for name in JudgeCalibration.__slots__}
    values = [{"of": _about(of), "value": value} for of, value in sorted(one.values.items())]
    return {"schema": 1, "kind": _CALIBRATION, **plain, "values": values}


def _about(of: Labelled) -> dict[str, str]:
    return {name: text for name, text in of._asdict().items() if text or name != "against"}


def _plain(label: AnswerLabel) -> dict[str, Any]:
    return {**asdict(label), "of": _about(label.of)}


def dumped(line: Mapping[str, Any]) -> str:
    """A line of a stored file."""
    return json.dumps(line, ensure_ascii=False) + "\n"


def _label(path: Path, number: int, line: dict[str, Any]) -> AnswerLabel:
    found = dict(checked_line(_Label, path, number, line))
    of = Labelled(**dict(found.pop("of")))
    return AnswerLabel(of, **{name: value for name, value in found.items() if name not in ("schema_", "kind")})


def _calibration(path: Path, number: int, line: dict[str, Any]) -> JudgeCalibration:
    found = dict(checked_line(_Judge, path, number, line))
    values = {Labelled(**dict(one.of)): one.value for one in found.pop("values")}
    rest = {name: value for name, value in found.items() if name not in ("schema_", "kind")}
    return JudgeCalibration(**rest, values=values)
