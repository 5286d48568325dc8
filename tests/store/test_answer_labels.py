"""Labels of answers and what judges said about them, as files in golden/labels/."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from evalharness.errors import StoreError
from evalharness.records.answer_label import AnswerLabel, JudgeCalibration, Labelled
from evalharness.store.answer_labels import (
    calibration_path,
    label_path,
    read_answer_labels,
    read_calibrations_of_judges,
    write_answer_labels,
    write_calibrations_of_judges,
)

OF = Labelled("0123456789ab", "refund", "d1", "a1")
LABEL = AnswerLabel(OF, "polite", "yes", 1.0, "Ada", "2026-11-30T09:00:00+00:00", blind=True, seed="7")
PAIR = AnswerLabel(OF._replace(against="a0"), "better", "first", 0.5, "Bo", "2026-11-30", blind=True, seed="7")


def test_labels_come_back_as_they_were(tmp_path: Path) -> None:
    """Every field is stored."""
    write_answer_labels(tmp_path, "support", [LABEL, PAIR])
    assert read_answer_labels(tmp_path, "support") == [LABEL, PAIR]


def test_preferences_in_the_same_file_stay(tmp_path: Path) -> None:
    """Both kinds of labels share the file."""
    path = label_path(tmp_path, "support")
    path.parent.mkdir(parents=True)
    preference = {"schema": 1, "kind": "label", "case": "refund"}
    path.write_text(json.dumps(preference) + "\n")
    write_answer_labels(tmp_path, "support", [LABEL])
    write_answer_labels(tmp_path, "support", [LABEL, PAIR])
    assert [json.loads(line)["kind"] for line in path.read_text().splitlines()] == ["label", "answer", "answer"]


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    """A new suite has no labels."""
    assert read_answer_labels(tmp_path, "support") == []
    assert read_calibrations_of_judges(tmp_path, "support") == {}


def test_judges_come_back_as_they_were(tmp_path: Path) -> None:
    """Values keep what they are about."""
    found = JudgeCalibration("polite", "judge|question:0123456789ab|by:x", "2026-11-30", {OF: 0.25}, 5, 1, 4, 2, 3)
    write_calibrations_of_judges(tmp_path, "support", [found])
    assert read_calibrations_of_judges(tmp_path, "support") == {"polite": found}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"value": 1.5}, "1: value"),
        ({"made_by": "cat"}, "1: made_by"),
        ({"of": {}}, "1: of.question"),
        ({"x": 1}, "1: x"),
    ],
)
def test_a_damaged_label_is_an_error_with_its_line(tmp_path: Path, change: dict[str, object], says: str) -> None:
    """A field out of its range is named."""
    write_answer_labels(tmp_path, "support", [LABEL])
    path = label_path(tmp_path, "support")
    path.write_text(json.dumps(json.loads(path.read_text()) | change) + "\n")
    with pytest.raises(StoreError, match=says):
        read_answer_labels(tmp_path, "support")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", ""),
        (b'{"schema": 1', ":1: the last line is cut off"),
        (b"\xff\n", ": cannot be read: "),
        (b"\n", ":1:1: not JSON"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("path_of", [label_path, calibration_path])
def test_a_damaged_file_is_an_error(
    tmp_path: Path, path_of: Callable[[Path, str], Path], content: bytes, says: str
) -> None:
    """No line is lost silently: both files are read alike, and an empty one has none."""
    path = path_of(tmp_path, "support")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    read = read_answer_labels if path_of is label_path else read_calibrations_of_judges
    if not says:
        assert not read(tmp_path, "support")
        return
    with pytest.raises(StoreError, match=re.escape(f"{path.name}{says}")):
        read(tmp_path, "support")


def test_a_damaged_judge_is_an_error_with_its_line(tmp_path: Path) -> None:
    """A count below zero is named."""
    write_calibrations_of_judges(tmp_path, "support", [JudgeCalibration("polite", "s", "2026")])
    path = calibration_path(tmp_path, "support")
    path.write_text(path.read_text().replace('"planted": 0', '"planted": -1'))
    with pytest.raises(StoreError, match="1: planted"):
        read_calibrations_of_judges(tmp_path, "support")
