"""The likelihood of an answer for the model: golden_logprob and answer_logprob."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import MetricError
from evalharness.scoring.metrics import Metric, SampleView
from evalharness.scoring.metrics.likelihood import answer_logprob, golden_logprob

_GOLDEN, _ANSWER = golden_logprob(), answer_logprob()
_LOGPROBS = st.lists(st.floats(-50, 0), min_size=1, max_size=12).map(tuple)


def logs(*probabilities: float) -> tuple[float, ...]:
    """The logarithm of each."""
    return tuple(math.log(probability) for probability in probabilities)


def scored(metric: Metric, answer: SampleView) -> float:
    """The score, or the MetricError."""
    (result,) = metric.score([answer], [])
    if isinstance(result, MetricError):
        raise result
    return result


def of_golden(*golden: tuple[float, ...]) -> float:
    """golden_logprob for golden answers with these tokens."""
    return scored(_GOLDEN, SampleView.of("", tuple("abcdefgh"[: len(golden)]), golden_logprobs=golden))


def of_answer(logprobs: tuple[float, ...]) -> float:
    """answer_logprob of an answer with these tokens."""
    return scored(_ANSWER, SampleView.of("Yes.", logprobs=logprobs))


@pytest.mark.parametrize(
    ("golden", "expected"),
    [
        ([logs(0.5)], 0.5),  # one token: its probability
        ([logs(0.5, 0.5, 0.5)], 0.5),  # length does not count
        ([logs(1, 0.25)], 0.5),  # sqrt(1 * 1/4)
        ([logs(0.9, 0.9, 0.1)], 0.081 ** (1 / 3)),
        ([logs(1, 1)], 1),  # the only possible token
        ([(1e-6, 1e-6)], 1),  # a rounding step above it
        ([(-1000.0,)], 0),  # below the smallest float
        ([logs(0.1), logs(0.4), logs(0.2)], 0.4),  # the likeliest golden
        ([logs(0.5, 0.5), logs(0.5)], 0.5),
    ],
)
def test_by_hand(golden: list[tuple[float, ...]], expected: float) -> None:
    """The score is the geometric mean of the tokens' probabilities, of the best golden."""
    assert of_golden(*golden) == pytest.approx(expected, abs=1e-12)
    if len(golden) == 1:
        assert of_answer(golden[0]) == pytest.approx(expected, abs=1e-12)


def test_perplexity() -> None:
    """The inverse is the perplexity: k for a fair die of k sides, for any number of throws."""
    assert 1 / of_golden(logs(*[1 / 6] * 7)) == pytest.approx(6)


@given(logprobs=_LOGPROBS, data=st.data())
def test_monotone(logprobs: tuple[float, ...], data: st.DataObject) -> None:
    """A likelier token never lowers the score, and raises it if the difference exceeds a rounding step."""
    index = data.draw(st.integers(0, len(logprobs) - 1))
    raised = data.draw(st.floats(logprobs[index], 0))
    higher = (*logprobs[:index], raised, *logprobs[index + 1 :])
    for score in (of_answer, of_golden):
        assert score(higher) >= score(logprobs)
        if raised - logprobs[index] > 1e-6:
            assert score(higher) > score(logprobs)


@given(golden=st.lists(_LOGPROBS, min_size=1, max_size=5), data=st.data())
def test_order_does_not_matter(golden: list[tuple[float, ...]], data: st.DataObject) -> None:
    """The order of golden answers and tokens changes no bit of the score; one more golden never lowers it."""
    assert of_golden(*data.draw(st.permutations(golden))) == of_golden(*golden)
    assert of_golden(tuple(data.draw(st.permutations(golden[0])))) == of_golden(golden[0])
    assert of_golden(*golden) == max(of_golden(one) for one in golden)


@given(logprobs=_LOGPROBS)
def test_between_its_tokens(logprobs: tuple[float, ...]) -> None:
    """The mean lies between the least and the most likely token, so in [0, 1]."""
    low, high = math.exp(min(logprobs)), math.exp(max(logprobs))
    assert low * (1 - 1e-9) <= of_answer(logprobs) <= high * (1 + 1e-9)
    assert 0 <= of_answer(logprobs) <= 1


@pytest.mark.parametrize(
    ("metric", "answer", "message"),
    [
        (_GOLDEN, SampleView.of("Yes.", ("a",)), "has no golden_logprobs: .* --llm-record=all"),
        (_GOLDEN, SampleView.of("Yes.", ("a",), logprobs=(-1.0,)), "has no golden_logprobs"),
        (
            _GOLDEN,
            SampleView.of("Yes.", ("a", "b"), golden_logprobs=((-1.0,),)),
            "each of 2 golden answers, got lists of 1 tokens",
        ),
        (_GOLDEN, SampleView.of("Yes.", ("a",), golden_logprobs=((-1.0,), (-2.0,))), "each of 1 golden answers"),
        (_GOLDEN, SampleView.of("Yes.", ("a", "b"), golden_logprobs=((-1.0,), ())), "lists of 1, 0 tokens"),
        (_ANSWER, SampleView.of("Yes."), r"needs params: \{logprobs: true\}"),
        (_ANSWER, SampleView.of("Yes.", ("a",), golden_logprobs=((-1.0,),)), "has no logprobs"),
        (_ANSWER, SampleView.of(""), "the response is empty"),
    ],
)
def test_what_is_missing_is_an_error(metric: Metric, answer: SampleView, message: str) -> None:
    """Missing log-probabilities are an error with the next step, never a score."""
    with pytest.raises(MetricError, match=message):
        scored(metric, answer)


def test_signatures() -> None:
    """The signatures name the kind of mean and the omitted end of the turn."""
    rest = "mean:geometric|per:token|end_of_turn:no|v:1"
    assert (_GOLDEN.signature, _ANSWER.signature) == (f"golden_logprob|{rest}", f"answer_logprob|{rest}")


def test_declared_needs() -> None:
    """golden_logprob needs golden answers in the request, answer_logprob the tokens of the answer."""

    def needs(metric: Any) -> tuple[bool, bool, bool]:
        return metric.needs_golden, metric.golden_likelihood, metric.answer_likelihood

    assert needs(_GOLDEN) == (True, True, False)
    assert needs(_ANSWER) == (False, False, True)
