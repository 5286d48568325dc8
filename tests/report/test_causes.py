"""Identical errors have one cause, whatever varies in their text; different errors keep theirs."""

from __future__ import annotations

import pytest

from evalharness.records import SampleError
from evalharness.report.causes import cause_key, causes, remedy
from evalharness.testing import sample

SAME = {
    "numbers": ("the prompt has 812 tokens", "the prompt has 1,024 tokens"),
    "durations": ("no response after 1.25 s", "no response after 30 s"),
    "dollars": ("worst-case cost $0.000123 exceeds it", "worst-case cost $12 exceeds it"),
    "request ids": (
        "overloaded (request req_011CbrFTcXhtiMzr3s6EocF7)",
        "overloaded (request req_011Cbr5dad6tQFhL2qejsTR)",
    ),
    "UUIDs": ("trace 6f8c1247-b44f-478b-b12b-ad61437594f0", "trace 0d4d21b3-0777-4fd7-bfe4-03e9b2ed017b"),
    "digests": ("key ca0f43c3df3f is unknown", "key fe9ced3299c9 is unknown"),
    "the case": ("died while it answered case 'one'", "died while it answered case 'two'"),
    "further lines": ("not recorded\nkey 1", "not recorded\nthe nearest one"),
    "line ends": ("\nno route", "no route\n"),
}
DIFFERENT = {
    "status": ("HTTP 400: no", "HTTP 500: no"),
    "status of another client": ("Error code: 429", "Error code: 500"),
    "signal": ("ended by signal 9", "ended by signal 11"),
    "line of code": ("KeyError: 'a' (app/model.py:12)", "KeyError: 'a' (app/model.py:40)"),
    "model": ("no model gpt-4o-mini", "no model gpt-5-mini"),
    "port": ("no connection to http://localhost:8000/v1", "no connection to http://localhost:8001/v1"),
    "words": ("no answer", "no reply"),
}


def grouped(*messages: str, kinds: tuple[str, ...] = ("x", "x"), cases: tuple[str, ...] = ("one", "two")) -> list[int]:
    """The sizes of the groups of errors with these messages."""
    failed = [
        sample(case, error=SampleError(kind, message))
        for case, kind, message in zip(cases, kinds, messages, strict=True)
    ]
    return [cause.samples for cause in causes(failed)]


@pytest.mark.parametrize("messages", SAME.values(), ids=SAME)
def test_one_cause(messages: tuple[str, str]) -> None:
    """Numbers, ids and the name of the case do not make another cause."""
    assert grouped(*messages) == [2]


@pytest.mark.parametrize("messages", DIFFERENT.values(), ids=DIFFERENT)
def test_two_causes(messages: tuple[str, str]) -> None:
    """Status codes, signals, lines of code, models and addresses do."""
    assert grouped(*messages) == [1, 1]


def test_a_kind_is_a_cause() -> None:
    """Equal texts of two kinds are two causes."""
    assert grouped("no", "no", kinds=("auth", "server")) == [1, 1]


@pytest.mark.parametrize("cases", [("1", "401"), ("the", "a"), ("key", "rejects")])
def test_a_case_that_is_a_word_of_the_message(cases: tuple[str, str]) -> None:
    """The id of a case is not taken out of ordinary words and numbers."""
    assert grouped(*["the endpoint rejects a key: HTTP 401"] * 2, cases=cases) == [2]


@pytest.mark.parametrize(
    ("case", "message", "key"),
    [
        ("a/b", "no row for a/b in a/b", "no row for # in #"),
        ("a/b", "xa/b, -a/b and a/b_ are other names than a/b.", "xa/b, -a/b and a/b_ are other names than #."),
        ("a/a", "the folder a/a/a", "the folder #/a"),
        ("a-a", "a-a-a is another case", "a-a-a is another case"),
        ("one", "one of 'one'", "one of '#'"),
    ],
)
def test_the_case_in_a_text(case: str, message: str, key: str) -> None:
    """The id of the case is left out where it is quoted, or a word that no language has; a part of a word stays."""
    assert cause_key(sample(case, error=SampleError("x", message))) == ("x", key)


def test_the_most_frequent_first() -> None:
    """Causes are ordered by their number of samples; a sample without an error has none."""
    failed = [sample(str(n), error=SampleError("x", "often" if n else "once")) for n in range(4)]
    first, second = causes([sample("good"), *failed])
    assert (first.count, first.text, first.first) == ("3 cases", "often", "1, 2, 3")
    assert (second.count, second.text) == ("1 case", "once")


def test_samples_of_one_case() -> None:
    """Repeats of a case count once; with several models the first cases name theirs."""
    error = SampleError("auth", "the environment variable A_KEY is not set (api_key_env)")
    (one,) = causes(sample("a", repeat=n, error=error) for n in range(3))
    assert (one.count, one.first) == ("1 case", "a")
    (two,) = causes(sample("a", model=model, error=error) for model in ("m", "n"))
    assert (two.count, two.first) == ("2 cases", "a[m-plain], a[n-plain]")
    assert two.remedy("pytest") == "export A_KEY=..., or replay answers: --llm-record=none"


@pytest.mark.parametrize(
    "kind", ["auth", "quota", "not found", "redirect", "connect", "tls", "parameter", "load", "odd"]
)
def test_what_to_do_fits_a_line(kind: str) -> None:
    """The last line of the summary is one line."""
    assert len(remedy(kind, "no", ["smollm2"], "pytest --llm-suite=bookshop")) <= 69
