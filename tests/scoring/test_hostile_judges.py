"""A judge of another package that returns nonsense, raises, or breaks its contract: an error, and never a score."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from evalharness import load_config, registry
from evalharness.errors import EvalHarnessError, MetricError, SuiteError
from evalharness.records import Message, Request, Sample, Score
from evalharness.scoring.judges import Judge, Opinion, Question
from evalharness.scoring.metrics.base import Metric, Responses, SampleView, request_to
from evalharness.scoring.metrics.judge import judge
from evalharness.testing import Project, response

FINE = {"yes": 0.75, "no": 0.25}
METRIC = {"judge": {"name": "kind", "judge": "panel", "ask": "Is it kind?"}}


class Panel(Judge):
    """A judge whose decision about the answer `bad` is set, and whose other decisions are fine."""

    signature: Any = "panel|v:1"

    def __init__(self, bad: Any = FINE) -> None:
        self.bad = bad

    def decide(self, questions: Sequence[Question], responses: Sequence[Responses]) -> Any:
        """The decisions."""
        return [self.bad if question.view.text == "bad" else FINE for question in questions]


class Raising(Panel):
    """A judge that raises about the answer `bad`."""

    def decide(self, questions: Sequence[Question], responses: Sequence[Responses]) -> Any:
        """The decisions, or an exception."""
        if any(question.view.text == "bad" for question in questions):
            raise self.bad
        return super().decide(questions, responses)


class Returning(Panel):
    """A judge whose decisions are what a function makes of the right ones."""

    def __init__(self, change: Callable[[Any], Any]) -> None:
        super().__init__()
        self.change = change

    def decide(self, questions: Sequence[Question], responses: Sequence[Responses]) -> Any:
        """The changed decisions."""
        return self.change(super().decide(questions, responses))


class Asking(Panel):
    """A judge that sends what a function makes of a question."""

    models, requests_each = ("critic",), 1

    def __init__(self, make: Callable[[], Any]) -> None:
        super().__init__()
        self.make = make

    def requests(self, question: Question) -> Sequence[Request]:
        """The requests."""
        return self.make()


class Unreadable(dict[str, float]):
    """A mapping that raises when it is read."""

    def __getitem__(self, name: str) -> float:
        raise RuntimeError(f"no {name}")


Run = Callable[[object], dict[str, Sample]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Evaluate the answers `bad` and `good` with a judge, and return the samples by case."""
    project = Project(tmp_path)
    project.write_suite({"bad": "bad", "good": "good"}, metrics=[METRIC], gates=None)
    project.configure(critic={"provider": "scripted", "answers": {"*": "yes"}})
    table = '[tool.evalharness.judges.panel]\njudge = "panel"\n'
    project.write("pyproject.toml", project.read("pyproject.toml") + table)
    find = registry.find

    def evaluate(judge: object) -> dict[str, Sample]:
        def found(kind: Any, *arguments: Any) -> Any:
            return (lambda: judge) if kind == "judges" else find(kind, *arguments)

        monkeypatch.setattr(registry, "find", found)
        return {sample.key.case: sample for sample in project.evaluate().samples}

    return evaluate


def message_of(sample: Sample) -> str:
    """The error of a sample, which has no score."""
    assert sample.scores == ()
    assert sample.error
    return sample.error.message


def check_good(sample: Sample) -> None:
    """The sample has its score."""
    assert sample.error is None
    assert [score.value for score in sample.scores] == [0.75]


ADDS_UP = "kind: expected probabilities that add up to 1, got "
BY_CHOICE = "kind: expected probabilities of yes, no, got "


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        ({"yes": math.nan, "no": 0.5}, f"{ADDS_UP}{{'yes': nan"),
        ({"yes": math.inf, "no": 0}, ADDS_UP),
        ({"yes": -0.5, "no": 1.5}, ADDS_UP),
        ({"yes": 1, "no": 1}, ADDS_UP),
        ({"yes": 0, "no": 0}, ADDS_UP),
        ({"yes": 10**400, "no": 0}, ADDS_UP),
        ({"yes": "0.5", "no": "0.5"}, ADDS_UP),
        ({"yes": True, "no": False}, ADDS_UP),
        ({"yes": None, "no": 1}, ADDS_UP),
        ({"yes": 1j, "no": 1}, ADDS_UP),
        ({"yes": [1], "no": 0}, ADDS_UP),
        ({"yes": 1}, BY_CHOICE),
        ({"yes": 1, "no": 0, "perhaps": 0}, BY_CHOICE),
        ({"YES": 1, "no": 0}, BY_CHOICE),
        ({1: 1, "no": 0}, BY_CHOICE),
        ({}, BY_CHOICE),
        (None, f"{BY_CHOICE}None"),
        (1.0, BY_CHOICE),
        ("yes", BY_CHOICE),
        ([("yes", 1), ("no", 0)], BY_CHOICE),
        (ValueError("x"), BY_CHOICE),
        (MetricError("too hard"), "kind: too hard"),
        (Unreadable(FINE), "kind: RuntimeError: no yes"),
    ],
    ids=str,
)
def test_a_decision_that_is_none(run: Run, decision: object, message: str) -> None:
    """A decision that is no distribution over the choices is the error of its sample alone."""
    found = run(Panel(decision))
    assert message_of(found["bad"]).startswith(message)
    assert len(message_of(found["bad"])) < 400
    check_good(found["good"])


@pytest.mark.parametrize("one", [1 / 3, Fraction(1, 3), Decimal(1) / 3])
def test_numbers_of_other_types(run: Run, one: Any) -> None:
    """Fractions and decimals are numbers."""
    assert run(Panel({"yes": one, "no": 1 - one}))["bad"].scores[0].value == 0.333333


@pytest.mark.parametrize(
    "error", [ValueError("x"), RecursionError("x"), StopIteration(1), MemoryError(), SystemExit(0)]
)
def test_a_judge_that_raises(run: Run, error: BaseException) -> None:
    """An exception is the error of its sample, with its type; SystemExit does not end the run."""
    found = run(Raising(error))
    assert type(error).__name__ in message_of(found["bad"])
    check_good(found["good"])


def endless(decisions: Sequence[Any]) -> Iterator[Any]:
    """Decisions without an end."""
    while True:
        yield decisions[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: found[1:], "expected a decision for each of 1 questions, got 0"),
        (lambda found: [*found, FINE], "expected a decision for each of 1 questions, got more"),
        (lambda found: [FINE, *found], "expected a decision for each of 1 questions, got more"),
        (endless, "expected a decision for each of 1 questions, got more"),
        (lambda found: None, "TypeError: 'NoneType' object is not iterable"),
        (lambda found: found[0], "expected "),
    ],
    ids=["fewer", "more", "shifted", "endless", "none", "one for all"],
)
def test_another_number_of_decisions(run: Run, change: Callable[[Any], Any], message: str) -> None:
    """With a decision too many, nothing shows whose it is: no sample has a score."""
    found = run(Returning(change))
    assert all(message in message_of(sample) for sample in found.values())


def test_decisions_from_a_generator(run: Run) -> None:
    """Decisions need not be a list."""
    for sample in run(Returning(iter)).values():
        check_good(sample)


@pytest.mark.parametrize(
    ("requests", "message"),
    [
        (lambda: None, "TypeError"),
        (lambda: ["x"], "AttributeError"),
        (list, "expected 1 requests for each question (requests_each), got 0"),
        (lambda: [request_to("critic", Message("user", "x"))] * 2, "expected 1 requests for each question"),
        (lambda: [request_to("scripted", Message("user", "x"))], "expected requests to critic, got one to 'scripted'"),
        (lambda: [request_to("nothing", Message("user", "x"))], "expected requests to critic, got one to 'nothing'"),
        (lambda: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_requests_of_a_judge(run: Run, requests: Callable[[], Any], message: str) -> None:
    """Requests of another number, type or model are an error of each sample."""
    for sample in run(Asking(requests)).values():
        assert message in message_of(sample)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("signature", None, "signature: expected a text that is not empty, got None"),
        ("signature", " ", "signature: expected a text that is not empty, got ' '"),
        ("models", "critic", "models: expected a tuple of names, got 'critic'"),
        ("models", [1], "models: expected a tuple of names, got [1]"),
        ("models", None, "models: expected a tuple of names, got None"),
        ("models", iter(["critic"]), "models: expected a tuple of names, got <list_iterator"),
        ("requests_each", True, "requests_each: expected a number from 0, got True"),
        ("requests_each", -1, "requests_each: expected a number from 0, got -1"),
        ("requests_each", None, "requests_each: expected a number from 0, got None"),
        ("models", ("nothing",), "unknown model 'nothing'"),
        ("models", ("scripted",), "the model 'scripted' would judge its own answers"),
    ],
)
def test_a_judge_without_its_parts(run: Run, name: str, value: object, message: str) -> None:
    """A judge is refused before the first request if a part has the wrong type, or names a model that cannot judge."""
    panel = Panel()
    setattr(panel, name, value)
    with pytest.raises(EvalHarnessError) as caught:
        run(panel)
    assert message in str(caught.value)


class Older:
    """A judge with the members of an older protocol, which inherits nothing."""

    signature, models = "panel|v:1", ()
    requests = decide = lambda *_: ()


@pytest.mark.parametrize(
    ("judge", "lacks"),
    [
        (None, "'signature', got NoneType"),
        (object(), "'signature', got object"),
        ("yes", "'signature', got str"),
        (Older(), "'requests_each', got Older"),
    ],
)
def test_no_judge(run: Run, judge: object, lacks: str) -> None:
    """What is no judge is refused with the place of its table and what it lacks."""
    wanted = f"judges.panel]: the judge 'panel': expected an object with {lacks}"
    with pytest.raises(SuiteError, match=re.escape(wanted)):
        run(judge)


@pytest.mark.parametrize(
    ("opinion", "message"),
    [
        (Opinion(FINE, parts={"flips": math.nan}), "kind: expected finite parts, got {'flips': nan}"),
        (Opinion(FINE, parts=dict.fromkeys(map(str, range(5_000)), 1.0)), "kind: expected at most 1,000 parts"),
        (Opinion(FINE, parts={"x" * 1_000: 1.0}), "kind: expected at most 1,000 parts with names of at most 200"),
        (Opinion(FINE, parts={"flips": "often"}), "kind: TypeError"),  # type: ignore[dict-item]
        (Opinion(FINE, parts=None), "kind: TypeError"),  # type: ignore[arg-type]
        (Opinion(FINE, note=5), "kind: TypeError"),  # type: ignore[arg-type]
        (Opinion({"yes": 1}), BY_CHOICE),
        (Opinion(None), BY_CHOICE),  # type: ignore[arg-type]
        (Opinion(Opinion(FINE)), BY_CHOICE),  # type: ignore[arg-type]
    ],
    ids=range(9),
)
def test_an_opinion_that_is_none(run: Run, opinion: Opinion, message: str) -> None:
    """An opinion with unsound probabilities, parts or notes is the error of its sample alone, of bounded length."""
    found = run(Panel(opinion))
    assert message_of(found["bad"]).startswith(message)
    assert len(message_of(found["bad"])) < 400
    check_good(found["good"])


def test_what_an_opinion_shows(run: Run) -> None:
    """No part replaces the probability of a choice, and a long explanation is cut."""
    opinion = Opinion(FINE, explanation="x" * 10**6, parts={"yes": 5.0, "flips": 0.5}, note="n" * 10**6)
    (score,) = run(Panel(opinion))["bad"].scores
    assert score.parts == {"yes": 0.75, "no": 0.25, "flips": 0.5}
    assert (len(score.explanation), len(score.note)) == (2_000, 2_000)


Opened = Callable[..., Metric]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Open the metric of a judge."""
    project = Project(tmp_path)
    project.write("pyproject.toml", '[tool.evalharness.judges.panel]\njudge = "panel"\n')

    def metric(panel: Judge, **options: Any) -> Metric:
        monkeypatch.setattr(registry, "make", lambda *_, **__: panel)
        return judge(name="better", ask="Which?", judge="panel", config=load_config(tmp_path), **options)

    return metric


def test_no_part_replaces_one_of_a_comparison(opened: Opened) -> None:
    """The numbers of a comparison are the harness's own."""
    parts = {"orders agree": 0.5, "shown first": 5.0, "flips": 0.5}
    better = opened(Panel(Opinion({"first": 0.25, "second": 0.75}, parts=parts)), against="baseline")
    view = replace(SampleView.of("bad"), accepted="bad, too", messages=(Message("user", "?"),))
    (found,) = better.score([view], [()])
    assert isinstance(found, Score)
    assert found.parts == {"shown first": 0.25, "shown second": 0.75, "orders agree": 0, "flips": 0.5}


class Following(Panel):
    """A judge that sends a second request about the sentence `Two.` alone."""

    models, requests_each = ("critic",), 1

    def follow_ups(self, question: Question, responses: Responses) -> Sequence[Request]:
        """The second round."""
        return [request_to("critic", Message("user", "x"))] * (question.shown[-1][1] == "Two.")


def test_follow_ups_of_another_number(opened: Opened) -> None:
    """The message is about the second round, not about `requests_each`."""
    metric = opened(Following(), each="sentence", sees=["answer"])
    assert metric.follow_ups
    with pytest.raises(MetricError, match=r"expected 0 requests for each question \(as for the first\), got 1"):
        metric.follow_ups(SampleView.of("One. Two."), (response("yes"), response("yes")))
