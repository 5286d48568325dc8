"""exact, contains, regex, length."""

from __future__ import annotations

from typing import Any

import pytest
from hang import in_time
from hypothesis import given
from hypothesis import strategies as st

from evalharness.scoring.metrics.patterns import MAX_PATTERN_CHARS, compile_pattern
from evalharness.scoring.metrics.strings import contains, exact, length, regex


@pytest.mark.parametrize(
    ("options", "answer", "golden", "expected"),
    [
        ({}, "Paris", ["Paris"], 1),
        ({}, "paris", ["Paris"], 0),
        ({}, " Paris\n", ["Rome", "Paris"], 1),
        ({"strip": False}, " Paris", ["Paris"], 0),
        ({"ignore_case": True}, "STRASSE", ["straße"], 1),  # Unicode case folding: ß -> ss
        ({}, "cafe\u0301", ["caf\u00e9"], 1),  # one accent, typed in two ways
        ({"text": "yes"}, "yes", [], 1),
        ({"text": "yes"}, "yes", ["no"], 1),  # the text of the suite replaces the golden answers
        ({"text": ""}, " ", [], 1),
    ],
)
def test_exact(score: Any, options: dict[str, Any], answer: str, golden: list[str], expected: float) -> None:
    """An answer is exact when it equals the text or any golden answer."""
    assert score(exact(**options), answer, *golden) == expected


@pytest.mark.parametrize(
    ("options", "answer", "golden", "expected"),
    [
        ({"text": "30 days"}, "You have 30 days.", [], 1),
        ({"text": "30 Days"}, "You have 30 days.", [], 0),
        ({"text": "30 Days", "ignore_case": True}, "You have 30 days.", [], 1),
        ({}, "It is Paris.", ["Rome", "Paris"], 1),
        ({}, "anything", ["", " "], 0),  # an empty golden answer does not match everything
        ({}, "", [""], 1),
        ({"text": "สามสิบวัน"}, "คืนได้ภายในสามสิบวัน", [], 1),
    ],
)
def test_contains(score: Any, options: dict[str, Any], answer: str, golden: list[str], expected: float) -> None:
    """A text is found anywhere in the answer; a blank text only in a blank answer."""
    assert score(contains(**options), answer, *golden) == expected


@pytest.mark.parametrize(
    ("pattern", "options", "answer", "expected"),
    [
        (r"\d+ days", {}, "You have 30 days.", 1),
        (r"^\d+ days$", {}, "You have 30 days.", 0),
        ("DAYS", {"ignore_case": True}, "30 days", 1),
        (r"\p{Thai}+", {}, "x สวัสดี", 1),
        ("^.$", {}, "\U0001f600", 1),  # a character counts once, however many bytes it has
        ("caf\u00e9$", {}, "cafe\u0301", 1),  # an accent typed as a mark of its own
        ("e\u0301", {}, "cafe\u0301", 1),
        ("cafe\u0301$", {}, "caf\u00e9", 1),
        ("CAFE\u0301", {"ignore_case": True}, "caf\u00e9", 1),
        (r"\p{M}", {}, "cafe\u0301", 1),
        ("cafe$", {}, "cafe\u0301", 0),
        ("x", {}, "\ud800x", 1),  # half a surrogate pair, as from "\ud800" in JSON
    ],
)
def test_regex(score: Any, pattern: str, options: dict[str, Any], answer: str, expected: float) -> None:
    """A pattern is found anywhere in the answer."""
    assert score(regex(pattern, **options), answer) == expected


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(a", r"missing \)"),
        (r"(?=a)", r"invalid perl operator"),
        (r"(a)\1", r"invalid escape sequence"),
        ("(?:a{1000}){1000}", "repetition"),
        ("a" * (MAX_PATTERN_CHARS + 1), "at most 4,096 characters"),
    ],
)
def test_bad_patterns(pattern: str, reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A pattern that RE2 refuses is an error with RE2's reason, without output on stderr."""
    with pytest.raises(ValueError, match=reason):
        regex(pattern)
    assert capfd.readouterr().err == ""


def test_patterns_are_linear() -> None:
    """A pattern that Python's engine never finishes (2^100,000 steps here) gives a score."""
    with in_time():
        assert not compile_pattern("^(a+)+$")("a" * 100_000 + "b")


@pytest.mark.parametrize(
    ("options", "answer", "expected"),
    [
        ({"max_words": 4}, "one two three four", 1),
        ({"max_words": 2}, "one two three four", 0.5),
        ({"min_words": 8}, "one two three four", 0.5),
        ({"min_words": 2, "max_chars": 9}, "one two three four", 0.5),  # 9 / 18 characters is the worse of 1 and 1/2
        ({"min_words": 1}, "", 0),
        ({"max_words": 0}, "", 1),
        ({"max_words": 0}, "one", 0),
        ({"min_chars": 3}, "สวัสดี", 1),  # code points: six of them
    ],
)
def test_length(score: Any, options: dict[str, Any], answer: str, expected: float) -> None:
    """The score is 1 within the bounds, outside the ratio of limit and length; all numbers by hand."""
    assert score(length(**options), answer) == expected


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "at least one of"),
        ({"max_words": -1}, "expected a length from 0"),
        ({"min_chars": 5, "max_chars": 4}, "no response"),
    ],
)
def test_bad_lengths(options: dict[str, int], reason: str) -> None:
    """Bounds without an effect, or that no answer can meet, are refused."""
    with pytest.raises(ValueError, match=reason):
        length(**options)


def test_contains_nothing_is_refused() -> None:
    """A blank text to look for is refused, since every answer has it."""
    with pytest.raises(ValueError, match="blank"):
        contains(" ")


@pytest.mark.parametrize(
    ("metric", "needs_golden", "signature"),
    [
        (exact(), True, "exact|text:golden|case:yes|strip:yes|v:1"),
        (exact("golden"), False, 'exact|text:"=golden"|case:yes|strip:yes|v:1'),
        (contains("a|b", ignore_case=True), False, 'contains|text:"=a|b"|case:no|v:1'),
        (regex("^a"), False, 'regex|pattern:"^a"|case:yes|engine:re2|v:2'),
        (regex("e\u0301"), False, 'regex|pattern:"e\\u0301"|case:yes|engine:re2|v:3'),
        (length(min_words=3, max_words=9), False, "length|min_words:3|max_words:9|v:1"),
    ],
)
def test_signatures(metric: Any, needs_golden: bool, signature: str) -> None:
    """The signature has each option that changes the number; only metrics without a text need golden answers."""
    assert (metric.needs_golden, metric.signature) == (needs_golden, signature)


@given(st.text(), st.integers(0, 20), st.integers(0, 20))
def test_length_is_in_range(score: Any, text: str, low: int, more: int) -> None:
    """The score is in [0, 1], and 1 exactly within the bounds."""
    value = score(length(min_chars=low, max_chars=low + more), text)
    assert 0 <= value <= 1
    assert (value == 1) == (low <= len(text) <= low + more)


@given(st.text(min_size=1).filter(str.strip))
def test_a_text_is_and_contains_itself(score: Any, text: str) -> None:
    """Every text equals and contains itself, with case or without."""
    for ignore_case in (True, False):
        assert score(exact(ignore_case=ignore_case), text, text) == 1
        assert score(contains(ignore_case=ignore_case), text, text) == 1
