"""The two rounds of a metric's requests, in the scorer that makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from evalharness import Message, Metric, MetricError, Request, Response, request_to
from evalharness.records import SampleKey
from evalharness.records.suite import Params
from evalharness.scoring.metrics.base import SampleView
from evalharness.scoring.metrics.parts import metric_at
from evalharness.scoring.scorer import Answered, Scorer
from evalharness.testing import case, response

ASKED = Request(SampleKey("ann", "plain", "shop", 0), (Message("user", "Hi"),), 0, Params())


def _ask(view: SampleView) -> list[Request]:
    return [request_to("critic", Message("user", view.text))]


def _again(view: SampleView, replies: Sequence[Response]) -> list[Request]:
    if replies[0].text == "stop":
        raise MetricError("nothing to add")
    return [request_to("critic", Message("user", f"{view.text} {replies[0].text}"))]


def _length(views: Sequence[SampleView], replies: Sequence[Sequence[Response]]) -> list[float]:
    return [len(its) / 10 for its in replies]


TWICE = Metric("twice", "twice|v:1", _length, requests=_ask, follow_ups=_again, models=("critic",), needs_golden=False)
ONCE = replace(TWICE, name="once", follow_ups=None)


def _answered(text: str = "Yes.", **data: str) -> Answered:
    return Answered(case("ann"), ASKED, response(text, data=data))


def _texts(wanted: Sequence[Request] | MetricError) -> list[str]:
    assert not isinstance(wanted, MetricError), wanted
    return [one.messages[0].content for one in wanted]


def test_the_second_round_follows_the_first() -> None:
    """Follow-ups are made from the replies of their own metric; `score` gets those of both rounds."""
    scorer, answered = Scorer([ONCE, TWICE]), _answered()
    assert scorer.rounds == 2
    assert list(map(_texts, scorer.requests(answered))) == [["Yes."], ["Yes."]]
    first = replace(answered, replies=((response("a"),), (response("b"),)))
    once, twice = scorer.requests(first)
    assert (_texts(once), _texts(twice)) == ([], ["Yes. b"])
    assert not isinstance(twice, MetricError)
    assert twice[0].key == SampleKey("ann", "plain", "critic", 0)
    (sample,) = scorer.samples([replace(first, replies=((response("a"),), (response("b"), response("c"))))])
    assert [score.value for score in sample.scores] == [0.1, 0.2]


@pytest.mark.parametrize("reply", [MetricError("no response of 'critic'"), ()])
def test_no_second_round_without_the_first(reply: MetricError | tuple[Response, ...]) -> None:
    """A metric whose first round failed, or was empty, has no second one."""
    assert Scorer([TWICE]).requests(replace(_answered(), replies=(reply,))) == [[]]


def test_an_error_in_the_second_round() -> None:
    """It is the error of this metric alone."""
    wanted = Scorer([TWICE, TWICE]).requests(replace(_answered(), replies=((response("stop"),), (response("b"),))))
    assert isinstance(wanted[0], MetricError)
    assert _texts(wanted[1]) == ["Yes. b"]


@pytest.mark.parametrize(("metrics", "rounds"), [((), 0), ((ONCE,), 1), ((ONCE, TWICE), 2)])
def test_number_of_rounds(metrics: tuple[Metric, ...], rounds: int) -> None:
    """A suite has as many rounds as the metric with the most."""
    assert Scorer(metrics).rounds == rounds


def test_at_concerns_both_rounds() -> None:
    """A metric of a part of the answer sees the part in its follow-ups too."""
    scorer, answered = Scorer([metric_at(TWICE, "$.data.part")]), _answered(part="No.")
    assert _texts(scorer.requests(answered)[0]) == ["No."]
    assert _texts(scorer.requests(replace(answered, replies=((response("b"),),)))[0]) == ["No. b"]
