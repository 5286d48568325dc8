"""Changed labels and calibrations of judges are lines of the criteria; what can hide an error relaxes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from evalharness.criteria.labels import changed_labels
from evalharness.records.answer_label import AnswerLabel, JudgeCalibration, Labelled
from evalharness.store.answer_labels import (
    add_answer_labels,
    calibration_path,
    label_path,
    read_calibrations_of_judges,
    update_calibrations_of_judges,
    write_answer_labels,
    write_calibrations_of_judges,
)

OF = [Labelled("q", f"case-{number}", "d", "a") for number in range(6)]
LABELS = [AnswerLabel(of, "polite", "yes", 1.0, "Ada", "2026-11-30", number < 2, "s") for number, of in enumerate(OF)]
JUDGE = JudgeCalibration("polite", "judge|1", "2026-11-30", dict.fromkeys(OF[:4], 0.9), 20, 4, 10, 1)


@pytest.fixture
def roots(tmp_path: Path) -> tuple[Path, Path]:
    """Two equal projects with three labels and a calibration."""
    there, here = tmp_path / "there", tmp_path / "here"
    for root in (there, here):
        root.mkdir()
        add_answer_labels(root, "demo", LABELS[:3])
        update_calibrations_of_judges(root, "demo", [JUDGE])
    return there, here


def lines(roots: tuple[Path, Path]) -> list[tuple[str, bool]]:
    """The changes, and whether each relaxes."""
    return [(str(one), one.relaxes) for one in changed_labels(*roots)]


def test_nothing_changed(roots: tuple[Path, Path]) -> None:
    """Equal files have no line."""
    assert lines(roots) == []


def test_added_labels(roots: tuple[Path, Path]) -> None:
    """New labels are listed with their people, and relax nothing; in a new file too."""
    more = [*LABELS[3:], replace(LABELS[0], by="Bo\nCy", made_by="model")]
    add_answer_labels(roots[1], "demo", more)
    text = "golden/labels/demo.jsonl: 4 labels of answers added by Ada, Bo Cy, 1 blind, 1 made by a model"
    assert lines(roots) == [(text, False)]
    add_answer_labels(roots[1], "other", LABELS[:1])
    assert ("golden/labels/other.jsonl: 1 label of an answer added by Ada, 1 blind", False) in lines(roots)


def test_an_edited_label(roots: tuple[Path, Path]) -> None:
    """A label with another choice relaxes, and its new version is listed."""
    add_answer_labels(roots[1], "demo", [replace(LABELS[0], choice="no", value=0.0)])
    assert lines(roots) == [
        ("golden/labels/demo.jsonl: 1 label is removed or edited", True),
        ("golden/labels/demo.jsonl: 1 label of an answer added by Ada, 1 blind", False),
    ]


@pytest.mark.parametrize(
    ("later", "relaxes"),
    [
        (replace(LABELS[0], choice="no", value=0.0), True),
        (replace(LABELS[0], at="2026-12-01"), False),
        (replace(LABELS[0], choice="no", value=0.0, by="Bo"), False),
        (replace(LABELS[0], choice="no", value=0.0, made_by="model"), False),
    ],
)
def test_a_label_that_overrules(roots: tuple[Path, Path], later: AnswerLabel, relaxes: bool) -> None:
    """The latest label of a person counts, so a later line edits an earlier one; that of another person does not."""
    write_answer_labels(roots[1], "demo", [*LABELS[:3], later])
    text = "golden/labels/demo.jsonl: 1 label is overruled by a later one of the same person"
    assert ((text, True) in lines(roots)) == relaxes
    assert [one for one in lines(roots) if one[1]] == ([(text, True)] if relaxes else [])


def test_the_order_of_labels(roots: tuple[Path, Path]) -> None:
    """Of two labels of one person the last line counts: their order is no detail."""
    both = [LABELS[0], replace(LABELS[0], choice="no", value=0.0)]
    write_answer_labels(roots[0], "demo", both)
    write_answer_labels(roots[1], "demo", both[::-1])
    assert lines(roots) == [("golden/labels/demo.jsonl: 1 label is overruled by a later one of the same person", True)]


def test_removed_files(roots: tuple[Path, Path]) -> None:
    """Without its files a judge is not calibrated."""
    label_path(roots[1], "demo").unlink()
    calibration_path(roots[1], "demo").unlink()
    assert lines(roots) == [
        ("golden/labels/demo.jsonl: 3 labels are removed or edited", True),
        ("golden/labels/demo.judges.jsonl: polite: the calibration of this judge is removed", True),
    ]


@pytest.mark.parametrize(
    ("edit", "text", "relaxes"),
    [
        (lambda one: replace(one, values={**one.values, OF[4]: 0.1}, planted=20), "4 verdicts -> 5 verdicts", False),
        (lambda one: replace(one, values={**one.values, OF[0]: 0.1}), "1 verdict is removed or edited", True),
        (lambda one: replace(one, values={OF[0]: 0.9}), "3 verdicts are removed or edited", True),
        (lambda one: replace(one, flipped=3), "the number of flipped is smaller", True),
        (lambda one: replace(one, planted=5), "the number of planted is smaller", True),
        (lambda one: replace(one, signature="judge|2", values={}), "0 verdicts of a new judge", False),
        (lambda one: replace(one, at="2026-12-01"), "", False),
    ],
)
def test_calibrations(
    roots: tuple[Path, Path], edit: Callable[[JudgeCalibration], JudgeCalibration], text: str, relaxes: bool
) -> None:
    """Verdicts may be added; one that is removed or edited relaxes, and so does a smaller test."""
    write_calibrations_of_judges(roots[1], "demo", [edit(read_calibrations_of_judges(roots[1], "demo")["polite"])])
    prefix = "golden/labels/demo.judges.jsonl: polite: "
    assert lines(roots) == ([(prefix + text, relaxes)] if text else [])


def test_damaged_files_relax(roots: tuple[Path, Path]) -> None:
    """A file that cannot be read is listed, with its line."""
    path = calibration_path(roots[1], "demo")
    path.write_text(json.dumps({"schema": 1, "kind": "judge"}) + "\n")
    label_path(roots[1], "demo").write_text(json.dumps({"schema": 1, "kind": "answer"}) + "\n")
    *people, (judges, _) = lines(roots)
    assert "demo.judges.jsonl: cannot be read: " in judges
    assert "demo.judges.jsonl:1: " in judges
    assert any("demo.jsonl: cannot be read" in text and relaxes for text, relaxes in people)
