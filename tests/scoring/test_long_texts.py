"""Long and hostile texts: a score, or an error that names the limit, in bounded work."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hang import in_time

from evalharness.config import Config
from evalharness.errors import MetricError, SchemaError
from evalharness.records import Spec
from evalharness.scoring.checks import open_check
from evalharness.scoring.metrics import SampleView, open_metric
from evalharness.scoring.metrics.json import json_schema
from evalharness.scoring.metrics.patterns import compile_pattern

LONG = "the refund takes thirty days " * 70_000  # 2 MB
OTHER = "thirty days the refund takes, " * 70_000
MARKS = "a" + "\N{COMBINING ACUTE ACCENT}\N{COMBINING GRAVE ACCENT BELOW}" * 350_000


def result(spec: Spec, answer: str, golden: str) -> object:
    """The score of one pair, or the error."""
    metric = open_metric(spec, Config())
    return metric.score([SampleView.of(answer, (golden,))], [()])[0]


@pytest.mark.parametrize(
    ("name", "unit"),
    [("edit_similarity", "characters"), ("rouge_l", "words"), ("ter", "tokens")],
)
def test_a_product_has_a_limit(name: str, unit: str) -> None:
    """Two texts of 2 MB are an error with their lengths for a metric whose time is the product of both."""
    with in_time():
        error = result(Spec(name), LONG, OTHER)

    assert isinstance(error, MetricError)
    assert "at most" in str(error)
    assert unit in str(error)


@pytest.mark.parametrize("name", ["edit_similarity", "rouge_l"])
def test_a_long_answer_to_a_short_golden_has_a_score(name: str) -> None:
    """The limit is one of the product: 2 MB against a sentence are scored."""
    with in_time():
        score = result(Spec(name), LONG, "thirty days")

    assert isinstance(score, float)
    assert 0 < score < 0.01


@pytest.mark.parametrize(
    "spec",
    [
        Spec("exact"),
        Spec("exact", {"ignore_case": True}),
        Spec("contains"),
        Spec("regex", {"pattern": "refund.*days"}),
        Spec("length", {"max_words": 5}),
        Spec("token_f1"),
        Spec("token_f1", {"tokenizer": "squad"}),
        Spec("json_valid"),
    ],
    ids=str,
)
def test_linear_metrics_take_two_megabytes(spec: Spec) -> None:
    """A metric whose time is linear scores a text of 2 MB."""
    with in_time():
        assert isinstance(result(spec, LONG, OTHER), float)


@pytest.mark.parametrize("name", ["exact", "contains", "edit_similarity", "token_f1", "rouge_1", "rouge_2", "rouge_l"])
def test_a_pile_of_marks_is_an_error(name: str) -> None:
    """Normalising hundreds of thousands of marks on one letter is quadratic, so it is refused with their number."""
    with in_time():
        error = result(Spec(name), MARKS, "a")

    assert isinstance(error, MetricError)
    assert "at most 200 combining marks in a row, got 700,000" in str(error)


def test_a_pile_of_marks_leaves_an_assertion_undecided() -> None:
    """An assertion on a text with too many marks is broken, with the reason."""
    with in_time():
        problem = open_check("contains", "refund").problem(SampleView.of(MARKS))

    assert problem == "could not be checked by contains: expected at most 200 combining marks in a row, got 700,000"


def test_marks_of_real_writing_compare() -> None:
    """Text with dozens of marks on a letter still compares in NFC."""
    letter = "e" + "\N{COMBINING ACUTE ACCENT}\N{COMBINING GRAVE ACCENT BELOW}" * 50
    swapped = "e" + "\N{COMBINING GRAVE ACCENT BELOW}" * 50 + "\N{COMBINING ACUTE ACCENT}" * 50

    assert result(Spec("exact"), letter, swapped) == 1.0


def test_a_large_pattern_on_a_long_text_is_an_error() -> None:
    """A pattern of thousands of instructions is not searched in 2 MB: RE2 may need the product of both."""
    found = compile_pattern("(?:a[ab]{0,300}){3}c")

    assert found("a" + "b" * 300 + "abac")
    with pytest.raises(MetricError, match=r"at most 1,000,000,000 steps, got 2,000,000 bytes"), in_time():
        found("ab" * 1_000_000)


@pytest.mark.parametrize("pattern", [r"\pL{900}c", "(?:(?:a{1000}){100}){100}", r"(?i)\pL{1,300}\s\pL{1,300}"])
def test_a_pattern_that_needs_much_memory_is_refused(pattern: str) -> None:
    """A short pattern that expands to megabytes is refused when it is opened."""
    with pytest.raises(ValueError, match="not a pattern that RE2 takes"), in_time():
        compile_pattern(pattern)


MIXED = [[number] if number % 2 else {"b": number} for number in range(2_400)]
HOSTILE_SCHEMAS: list[tuple[str, Callable[[], dict[str, object]], str]] = [
    ("too many values", lambda: {"properties": {f"p{n}": {"type": "string"} for n in range(5_000)}}, "5,000 values"),
    ("names of two types", lambda: {"required": [*map(str, range(4_000)), 1]}, "wrong at $.required"),
    ("the same value twice", lambda: {"enum": [*MIXED, [1]]}, "wrong at $.enum"),
]


@pytest.mark.parametrize(("_", "schema", "message"), HOSTILE_SCHEMAS, ids=[row[0] for row in HOSTILE_SCHEMAS])
def test_hostile_schemas(_: str, schema: Callable[[], dict[str, object]], message: str) -> None:
    """A schema whose check would compare all pairs of its values is refused at once."""
    with pytest.raises(SchemaError) as error, in_time():
        json_schema({"$schema": "http://json-schema.org/draft-04/schema#", **schema()})

    assert message in str(error.value)


def test_thousands_of_allowed_values_are_looked_up() -> None:
    """An `enum` of thousands of objects is opened and checked by hash, for each of thousands of items."""
    draft = {"$schema": "http://json-schema.org/draft-04/schema#", "items": {"enum": [*MIXED[:1_900], True, 1.5]}}
    with in_time():
        metric = json_schema(draft)
        scores = [metric.score([SampleView.of(text)], [()])[0] for text in ("[[1], 1.50, true]" + " " * 9, "[1]")]
        many = metric.score([SampleView.of("[" + "[1]," * 100_000 + "[2]]")], [()])[0]

    assert scores == [1.0, 0.0]
    assert many == 0.0
