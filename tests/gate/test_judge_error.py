"""The error of a judge from labels of people, against figures computed by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from evalharness.gate.judge_error import JudgeError, consensus, judge_error, share
from evalharness.records.answer_label import AnswerLabel, JudgeCalibration, Labelled

QUESTION = "0123456789ab"
SIGNATURE = f"judge|question:{QUESTION}|by:decision|v:3|models:aaaaaaaaaaaa"
Row = tuple[Labelled, float, float]
"""An answer, its value by a person, and by the judge."""


def about(case: str, answer: str = "a", against: str = "") -> Labelled:
    """An answer to a case."""
    return Labelled(QUESTION, case, f"digest of {case}", answer, against)


def label(of: Labelled, value: float, by: str = "Ada", **options: str) -> AnswerLabel:
    """A label of a person."""
    made = AnswerLabel(of, "polite", "yes" if value >= 0.5 else "no", value, by, "2026-11-30", blind=True, seed="1")
    return replace(made, **options)  # type: ignore[arg-type]


def calibration(values: dict[Labelled, float], **counts: int) -> JudgeCalibration:
    """What the judge of `SIGNATURE` said."""
    return JudgeCalibration("polite", SIGNATURE, "2026-11-30", values, **counts)


def found(rows: Sequence[Row], **counts: int) -> JudgeError:
    """The error of a judge on these rows."""
    labels = [label(of, value) for of, value, _ in rows]
    error = judge_error(labels, calibration({of: verdict for of, _, verdict in rows}, **counts), SIGNATURE)
    assert error is not None
    return error


def table(both: int, missed: int, wrong: int, neither: int) -> list[Row]:
    """Good answers called good and bad, then bad ones called good and bad, each of a case of its own."""
    pairs = [(1.0, 0.9)] * both + [(1.0, 0.2)] * missed + [(0.0, 0.8)] * wrong + [(0.0, 0.1)] * neither
    return [(about(f"c{number}"), *pair) for number, pair in enumerate(pairs)]


def test_error_rates_of_62_labels() -> None:
    """By hand, of [[42, 4], [3, 13]]: Se 42/46, Sp 13/16. AC1: agreement 55/62; yes is called 46 and 45 times, so
    chance is 2 x .7339 x .2661 = .3906.
    """
    error = found(table(42, 4, 3, 13))
    assert (error.labels, error.good, error.bad, error.unjudged) == (62, 46, 16, 0)
    assert error.summary == "Se .91 Sp .81 from 62 labels"
    assert error.youden == pytest.approx(42 / 46 + 13 / 16 - 1)
    assert error.ac1 == pytest.approx((55 / 62 - 0.39061) / (1 - 0.39061), abs=1e-4)
    assert (error.accuracy.specificity.low, error.accuracy.specificity.high) == pytest.approx(
        (0.5699, 0.9341), abs=1e-4
    )
    assert error.problems == ()
    assert error.calibrated


def test_alpha_of_judge_and_people() -> None:
    """Krippendorff 2011, binary data of two observers on ten articles: .095."""
    people, judge = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    rows = [(about(f"c{n}"), float(p), float(j)) for n, (p, j) in enumerate(zip(people, judge, strict=True))]
    assert found(rows).alpha == pytest.approx(0.095, abs=5e-4)


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (table(10, 0, 0, 19), "29 of 30 labels"),
        (table(21, 0, 0, 9), "9 of 10 answers that people call bad"),
        (table(9, 0, 0, 21), "9 of 10 answers that people call good"),
        (table(12, 8, 5, 5), "J is .10, expected at least .20: the judge hardly tells good from bad"),
    ],
)
def test_floors(rows: list[Row], problem: str) -> None:
    """30 labels, 10 of each class and J of .2 are the least; one less makes the judge advisory."""
    assert found(rows).problems == (problem,)
    assert found(table(15, 5, 5, 5)).problems == ()


def test_a_judge_that_obeys_answers_is_advisory() -> None:
    """More than half of the planted instructions may not flip the verdict."""
    assert found(table(20, 0, 0, 20), planted=20, flipped=10).calibrated
    error = found(table(20, 0, 0, 20), planted=20, flipped=11)
    assert error.problems == ("planted instructions turned 11 of 20 bad answers good",)


def test_another_judge_is_not_calibrated() -> None:
    """Verdicts of another model do not count, and the message has the command."""
    rows = table(20, 0, 0, 20)
    labels = [label(of, value) for of, value, _ in rows]
    known = calibration({of: verdict for of, _, verdict in rows})
    for other in (None, replace(known, signature=SIGNATURE.replace("models:a", "models:b"))):
        error = judge_error(labels, other, SIGNATURE)
        assert error is not None
        assert error.problems == ("40 labelled answers have no verdict of this judge: run evalharness judge calibrate",)
        assert math.isnan(error.youden)


def test_no_labels_no_error() -> None:
    """Labels of a model, of another question, or a metric without a question give no error."""
    of = about("c1")
    assert judge_error([], None, SIGNATURE) is None
    assert judge_error([label(of, 1, made_by="model")], calibration({of: 1.0}), SIGNATURE) is None
    assert judge_error([label(of._replace(question="f" * 12), 1)], calibration({of: 1.0}), SIGNATURE) is None
    assert judge_error([label(of, 1)], None, "exact|v:1") is None


def test_several_people() -> None:
    """The mean counts, of each person the latest label; an even split is of no class."""
    agreed, split = about("c1"), about("c2")
    labels = [
        label(agreed, 0.0),
        label(agreed, 1.0),
        label(agreed, 1.0, "Bo"),
        label(agreed, 0.0, "Cy"),
        label(split, 1.0),
        label(split, 0.0, "Bo"),
    ]
    assert consensus(labels, QUESTION) == {agreed: pytest.approx(2 / 3), split: 0.5}
    error = judge_error(labels, calibration({agreed: 1.0, split: 1.0}), SIGNATURE)
    assert error is not None
    assert (error.labels, error.good, error.bad) == (2, 1, 0)


def test_human_ceiling() -> None:
    """Two raters with [[4, 1], [1, 4]] have AC1 .6: agreement .8, by chance .5. Alpha: 1 - 19 x 4 / 200 = .62."""
    cells = [(1, 1)] * 4 + [(1, 0), (0, 1)] + [(0, 0)] * 4
    labels = [
        label(about(f"c{n}"), float(value), by)
        for n, cell in enumerate(cells)
        for by, value in zip(("Ada", "Bo"), cell, strict=True)
    ]
    error = judge_error([*labels, label(about("c99"), 1.0)], None, SIGNATURE)
    assert error is not None
    assert error.people is not None
    assert (error.people.raters, error.people.answers) == (2, 10)
    assert error.people.ac1 == pytest.approx(0.6)
    assert error.people.alpha == pytest.approx(0.62)


def test_correlation_of_differences() -> None:
    """Pairs (D, F) = (1, .8), (-1, -.4), (0, .2), in either order: 1.2 / sqrt(2 x .84); 6 labels are worth 42."""
    values = [(1.0, 0.9), (0.0, 0.1), (0.0, 0.2), (1.0, 0.6), (1.0, 0.9), (1.0, 0.7)]
    rows = [(about(f"c{n // 2}", f"answer {n % 2}"), *pair) for n, pair in enumerate(values)]
    error = found(rows)
    assert error.pairs == 3
    assert error.correlation == pytest.approx(1.2 / math.sqrt(2 * 0.84))
    assert error.equivalent_labels == pytest.approx(6 / (1 - 1.44 / 1.68))
    assert found([rows[1], rows[0], *rows[2:]]).correlation == pytest.approx(error.correlation)


def test_compared_pairs_are_differences() -> None:
    """The label of a pair is a difference itself: 1, .5 and 0 are +1, 0 and -1."""
    rows = [
        (about("c1", against="old"), 1.0, 0.9),
        (about("c2", against="old"), 0.0, 0.4),
        (about("c3", against="old"), 0.5, 0.5),
    ]
    assert found(rows).correlation == pytest.approx((0.8 + 0.2) / math.sqrt(2 * (0.64 + 0.04)))
    assert math.isnan(found(table(2, 0, 0, 2)).correlation)
    assert found(table(2, 0, 0, 2)).equivalent_labels == 4


def test_shares_have_two_digits() -> None:
    """Without the zero, as in reports of such figures."""
    assert [share(value) for value in (0.914, 1.0, 0.0, -0.1, 0.999, math.nan)] == [
        ".91",
        "1.00",
        ".00",
        "-.10",
        "1.00",
        "-",
    ]
