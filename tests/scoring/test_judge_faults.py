"""A judge behind an endpoint that misbehaves: the right decision or an error of its sample, and never another score."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from deciding import deciding, decision, streaming, token, token_among, with_logprobs

from evalharness.records import Sample
from evalharness.testing import FaultServer, Project
from evalharness.testing.fault_server import (
    Received,
    Reply,
    Script,
    Send,
    answering,
    chunk,
    completion,
    event,
    first,
    json_answer,
    sse_answer,
    status,
    truncated,
)

ANSWERS = {"bad": "bad answer", "first": "first answer", "last": "last answer"}
METRIC = {"name": "polite", "model": "critic", "ask": "Is it polite?"}


def judged(root: Path, script: Script, *, votes: int = 0, think: bool = False, **options: Any) -> dict[str, Sample]:
    """By case: the samples of a suite whose judge has this fault about the case `bad` alone."""
    how = {name: value for name, value in {"votes": votes, "think": think}.items() if value}

    def fault(request: Received) -> Reply:
        return (script if "bad answer" in request.case else deciding)(request)

    project = Project(root)
    project.write_suite(ANSWERS, metrics=[{"judge": {**METRIC, **how}}], gates=None)
    with FaultServer(fault) as server:
        critic = {"provider": "openai", "model": "m", "base_url": server.url, "deadline_s": 20, **options}
        project.configure(critic=critic)
        evaluation = project.evaluate()
    return {sample.key.case: sample for sample in evaluation.samples}


def check_others(found: dict[str, Sample], value: float = 0.75) -> None:
    """The other samples have their scores."""
    for case in ("first", "last"):
        assert found[case].error is None
        (score,) = found[case].scores
        assert score.value == pytest.approx(value)


def logprobs(*alternatives: tuple[Any, Any]) -> Script:
    """A reply whose first token has these alternatives, whatever their types."""
    top = [{"token": name, "logprob": value, "bytes": None} for name, value in alternatives]
    return streaming(decision({**top[0], "top_logprobs": top}))


def not_streamed(**choice: Any) -> Script:
    """A whole reply with these fields of its choice."""
    value = completion("yes", "critic")
    value["choices"][0] |= choice
    return lambda request: [Send(json_answer(value))]


def cut(request: Received) -> Reply:
    """The token and its log-probabilities, and then the end of the stream without an ending."""
    events = map(event, decision(token("yes", yes=1.0))[:2])
    return [Send(sse_answer(events, {"connection": "close"}))]


def half_of_json(request: Received) -> Reply:
    """A chunk of half an object."""
    return [Send(sse_answer([b"data: " + json.dumps(decision(token("yes", yes=1.0))[1]).encode()[:-20] + b"\n\n"]))]


def ending(finish: str, *tokens: dict[str, Any]) -> Script:
    """A decision with another reason for its end."""
    role, content, _, *rest = decision(*tokens)
    return streaming([role, content, chunk("critic", {}, finish), *rest])


YES = token("yes", yes=0.9, no=0.1)
PART = token("Y", Y=0.6, N=0.4)
NO = token("No", No=0.9, Yes=0.1)
THINK = token_among("<think>", {"<think>": 0.99, "yes": 0.01})
REFUSAL = streaming([chunk("critic", {"refusal": "I cannot."}), chunk("critic", {}, "stop")])
CALL = {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "yes", "arguments": "{}"}}]}


@pytest.mark.parametrize(
    ("script", "message"),
    [
        pytest.param(streaming(with_logprobs(None)), "no log-probabilities", id="null"),
        pytest.param(streaming(with_logprobs({})), "no log-probabilities", id="empty object"),
        pytest.param(streaming(with_logprobs({"content": None})), "no log-probabilities", id="null content"),
        pytest.param(streaming(with_logprobs({"content": []})), "no log-probabilities", id="no token"),
        pytest.param(not_streamed(logprobs=None), "no log-probabilities", id="whole, null"),
        pytest.param(streaming(with_logprobs([1])), "expected a JSON object", id="list"),
        pytest.param(streaming(with_logprobs({"content": "yes"})), "expected a list", id="text"),
        pytest.param(streaming(decision({**YES, "logprob": "-1"})), "a token with its log-prob", id="a text"),
        pytest.param(streaming(decision({**YES, "top_logprobs": "yes"})), "expected a list", id="top is a text"),
        pytest.param(logprobs(("yes", math.nan), ("no", -0.1)), "a token with its log-prob", id="NaN"),
        pytest.param(logprobs(("yes", math.inf)), "a token with its log-prob", id="infinite"),
        pytest.param(logprobs(("yes", None)), "a token with its log-prob", id="null logprob"),
        pytest.param(logprobs(("yes", True)), "a token with its log-prob", id="boolean"),
        pytest.param(logprobs(("yes", 0.9), ("no", 0.1)), "a token with its log-prob", id="shares for logarithms"),
        pytest.param(logprobs((1, -0.1)), "a token with its log-prob", id="a number for a token"),
        pytest.param(logprobs(("yes", 0), ("no", 0)), "more than 1", id="two of 100 %"),
        pytest.param(logprobs(("yes", -0.1), ("yes", -0.1), ("no", -3)), "more than 1", id="the same twice"),
        pytest.param(logprobs(("yes", -(10**400))), "a token with its log-prob", id="beyond floats"),
        pytest.param(logprobs(("yes", -math.inf)), "likeliest|no log-prob", id="impossible"),
        pytest.param(streaming(decision(token("I", I=0.9, The=0.1))), "likeliest first token is 'I'", id="no choice"),
        pytest.param(streaming(decision(token("Hm", Hm=0.6, yes=0.4))), "have 40% of the prob", id="under a half"),
        pytest.param(streaming(decision(THINK, YES, text="<think>yes")), "'<think>'", id="reasoning in the text"),
        pytest.param(streaming(decision(NO, YES)), "after the token 'No'", id="log-probabilities of a reasoning"),
        pytest.param(streaming(decision(YES, text="yesterday")), "got 'yesterday' after", id="another word"),
        pytest.param(streaming(decision(token("Y", Y=1.0), text="Yup.")), "got 'Yup.' after", id="part of another"),
        pytest.param(streaming(decision(token_among(" ", {" ": 0.9, "yes": 0.1}))), "no log-prob", id="blanks alone"),
        pytest.param(REFUSAL, "refuses", id="refusal"),
        pytest.param(ending("content_filter", YES), "content filter", id="filtered"),
        pytest.param(streaming([chunk("critic", CALL), chunk("critic", {}, "tool_calls")]), "tool", id="a call"),
        pytest.param(cut, "ended", id="cut stream"),
        pytest.param(truncated, "broke off", id="reset"),
        pytest.param(half_of_json, "is not JSON", id="half of JSON"),
        pytest.param(status(400, "logprobs is not supported"), "logprobs is not supported", id="400"),
        pytest.param(status(500), "HTTP 500", id="500"),
        pytest.param(status(429), "HTTP 429", id="429"),
        pytest.param(streaming([{"error": {"message": "overloaded"}}]), "overloaded", id="error in the stream"),
    ],
)
def test_no_decision_is_an_error_of_that_sample(tmp_path: Path, script: Script, message: str) -> None:
    """A reply without a decision is an error of its sample with the reason, and the other samples are scored."""
    found = judged(tmp_path, script, retries=0)
    assert found["bad"].scores == ()
    assert found["bad"].error
    assert found["bad"].error.message.startswith("polite: ")
    assert re.search(message, found["bad"].error.message), found["bad"].error.message
    check_others(found)


@pytest.mark.parametrize(
    ("script", "value"),
    [
        pytest.param(first(status(500), then=streaming(decision(YES))), 0.9, id="500 once"),
        pytest.param(first(status(429), then=streaming(decision(YES))), 0.9, id="429 once"),
        pytest.param(first(truncated, then=streaming(decision(YES))), 0.9, id="a reset once"),
        pytest.param(first(cut, then=streaming(decision(YES))), 0.9, id="a cut once"),
        pytest.param(first(half_of_json, then=streaming(decision(YES))), 0.9, id="half of JSON once"),
        pytest.param(
            streaming(decision(token_among("Yes", {"Yes": 0.3, " yes": 0.2, "YES": 0.1, "NO": 0.2, " no": 0.2}))),
            0.6,
            id="ways to write yes",
        ),
        pytest.param(
            streaming(decision(token("Y", Y=0.6, N=0.4), token("es", es=1.0), text="Yes")), 0.6, id="parts of a word"
        ),
        pytest.param(streaming(decision(token("\n\n"), YES)), 0.9, id="a blank first"),
        pytest.param(streaming(decision({**YES, "top_logprobs": []})), 1.0, id="the token alone"),
        pytest.param(logprobs(("yes", 0), ("no", -9999.0)), 1.0, id="-9999 for never"),
        pytest.param(logprobs(("yes", -0.0), ("no", -math.inf)), 1.0, id="minus infinity for never"),
        pytest.param(ending("length", YES), 0.9, id="cut after the decision"),
        pytest.param(streaming(decision(YES, text='\n"**Yes**, it is.')), 0.9, id="more than the choice"),
        pytest.param(streaming(decision(PART, text="ye")), 0.6, id="cut within the choice"),
        pytest.param(not_streamed(logprobs={"content": [YES]}), 0.9, id="not streamed"),
        pytest.param(streaming(decision(token("no", yes=0.9, no=0.1), text="no")), 0.9, id="a rare token in the text"),
    ],
)
def test_the_right_decision(tmp_path: Path, script: Script, value: float) -> None:
    """A temporary error is retried, and every way to write a choice counts for it."""
    found = judged(tmp_path, script)
    assert found["bad"].error is None
    assert [score.value for score in found["bad"].scores] == pytest.approx([value])
    check_others(found)


def nth_vote(number: int, script: Script, votes: str = "yes") -> Script:
    """One of the votes by this script, and this text for the others."""
    return lambda request: (script if request.attempt == number else answering(votes))(request)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        pytest.param(nth_vote(2, answering("Perhaps.")), "got 'Perhaps.'", id="another word"),
        pytest.param(nth_vote(2, answering("Yes, because")), "got 'Yes, because'", id="a sentence"),
        pytest.param(nth_vote(2, answering("yes no")), "got 'yes no'", id="both"),
        pytest.param(nth_vote(2, answering('{"answer": "yes"}')), "got '{", id="JSON"),
        pytest.param(nth_vote(2, answering("<think></think>yes")), "got '<think>", id="reasoning"),
        pytest.param(nth_vote(2, answering(" ")), "empty|got ' '", id="blank"),
        pytest.param(nth_vote(2, REFUSAL), "got 'I cannot.'", id="refusal"),
        pytest.param(nth_vote(2, streaming([chunk("critic", {}, "content_filter")])), "content filter", id="filtered"),
        pytest.param(nth_vote(2, status(500)), "HTTP 500", id="500"),
        pytest.param(nth_vote(2, cut), "ended", id="cut stream"),
    ],
)
def test_a_vote_that_is_none(tmp_path: Path, script: Script, message: str) -> None:
    """One vote that is no choice is the error of its sample: the shares of the others are not its score."""
    found = judged(tmp_path, script, votes=5, retries=0)
    assert found["bad"].scores == ()
    assert found["bad"].error
    assert re.search(message, found["bad"].error.message), found["bad"].error.message
    check_others(found, 1.0)


def test_votes_in_several_forms(tmp_path: Path) -> None:
    """Quotes, emphasis, case and a full stop do not make another vote, and a temporary error is retried."""
    script = nth_vote(1, answering(" **NO**.\n"), "\u201cYes.\u201d")
    found = judged(tmp_path, script, votes=4, concurrency=1)
    assert [score.value for score in found["bad"].scores] == [0.75]
    check_others(found, 1.0)


def in_round(first_one: Script, second: Script = deciding) -> Script:
    """The reasoning by one script, and the decision by another."""
    return lambda request: (second if request.body.get("logprobs") else first_one)(request)


REASONS = answering("It thanks the customer.")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        pytest.param(in_round(answering("")), "wrote no reasoning: an empty text", id="nothing"),
        pytest.param(in_round(REFUSAL), "wrote no reasoning: I cannot.", id="refusal"),
        pytest.param(in_round(status(500)), "HTTP 500", id="500"),
        pytest.param(in_round(cut), "ended", id="cut stream"),
        pytest.param(in_round(streaming([chunk("critic", {}, "content_filter")])), "content filter", id="filtered"),
        pytest.param(in_round(REASONS, status(500)), "HTTP 500", id="no decision"),
        pytest.param(in_round(REASONS, streaming(with_logprobs(None))), "no log-probabilities", id="no probabilities"),
        pytest.param(in_round(REASONS, streaming(decision(YES, text="yesterday"))), "'yesterday'", id="another word"),
    ],
)
def test_a_reasoning_without_a_decision(tmp_path: Path, script: Script, message: str) -> None:
    """A fault of either request of a judge that thinks is the error of its sample, also after a good reasoning."""
    found = judged(tmp_path, script, think=True, retries=0)
    assert found["bad"].scores == ()
    assert found["bad"].error
    assert message in found["bad"].error.message
    check_others(found)


def test_an_endless_reasoning(tmp_path: Path) -> None:
    """A reasoning that ignores the limit of tokens is cut, and the score says so."""
    found = judged(tmp_path, in_round(answering("word " * 100_000)), think=True)
    (score,) = found["bad"].scores
    assert (score.value, score.note) == (0.75, "reasoning cut at 512 tokens")
    assert len(score.explanation) <= 2_000
