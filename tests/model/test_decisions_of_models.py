"""Decisions of a real model: no form errors, and the same bytes in every order, every subset and after a restart."""

from __future__ import annotations

import math
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from evalharness import Opinion, Question, SampleView
from evalharness.scoring.judges.model_judge import ModelJudge, ThinkingJudge
from evalharness.store.recorded import canonical, response_to_json

_REPLIES = ["Thank you, we will help you today.", "No.", "Read the manual yourself.", "Of course, with pleasure!"]
_CHOICES = [("yes", "no"), ("warm", "neutral", "curt"), ("useless", "poor", "fair", "good", "perfect")]


def questions(make_request, count):
    """Requests for decisions about different replies, between two, three and five choices."""
    made = []
    for number in range(count):
        text = f"Is reply {number} polite?\n\nReply: {_REPLIES[number % 4]}"
        made.append(replace(make_request(text, max_tokens=4), choices=_CHOICES[number % 3]))
    return made


def decisions(provider, requests):
    """By the text of the question: the decision as stored bytes. Many requests are in flight."""
    with ThreadPoolExecutor(provider.capabilities.concurrency) as pool:
        found = list(pool.map(provider.complete, requests))
    stored = [response_to_json(one) for one in found]
    return {
        request.messages[-1].content: canonical([one["decision"], one["decided"]])
        for request, one in zip(requests, stored, strict=True)
    }


def test_a_decision_is_the_softmax_of_likelihoods(smollm2, make_request):
    """The probability of a choice is that of its tokens after the prompt, divided by that of all choices."""
    asked = replace(make_request("Is the sky blue? Answer yes or no."), choices=("yes", "no", "perhaps not"))
    likely = smollm2.complete(replace(asked, choices=(), golden=asked.choices)).golden_logprobs
    weights = [math.exp(math.fsum(one)) for one in likely]
    found = smollm2.complete(asked)
    assert found.decision == pytest.approx([one / sum(weights) for one in weights])
    assert found.decided == pytest.approx(sum(weights))
    assert found.golden_logprobs == ()


@pytest.mark.parametrize(
    "count",
    [pytest.param(9, marks=pytest.mark.slow), pytest.param(200, marks=[pytest.mark.slow, pytest.mark.deep])],
)
def test_the_same_decisions(smollm2, open_gguf, make_request, count):
    """Each request has a decision, and its bytes are the same in 3 orders, in 3 subsets and after a restart."""
    asked = questions(make_request, count)
    whole = decisions(smollm2, asked)
    assert len(whole) == count  # an error of form would have raised
    for seed in range(3):
        shuffled = random.Random(seed).sample(asked, count)
        assert decisions(smollm2, shuffled) == whole
        part = shuffled[: count // (seed + 2)]
        assert decisions(smollm2, part).items() <= whole.items()
    assert decisions(open_gguf(slots=8), asked) == whole


def test_a_decision_after_a_text(smollm2):
    """With `think` the model writes a text, and its decision depends on this text."""
    judge, shown = ThinkingJudge("smollm2", 4), (("answer", "Of course, with pleasure!"),)
    question = Question("Is the answer polite?", SampleView.of(shown[0][1]), shown=shown)
    thought = smollm2.complete(judge.requests(question)[0])
    decision = smollm2.complete(judge.follow_ups(question, [thought])[0])
    (opinion,) = judge.decide([question], [[thought, decision]])
    assert isinstance(opinion, Opinion), opinion
    assert math.fsum(opinion.probabilities.values()) == pytest.approx(1)
    assert 0 < opinion.parts["decided"] <= 1
    assert opinion.explanation == thought.text.strip()
    assert opinion.note == "reasoning cut at 4 tokens"
    assert smollm2.complete(ModelJudge("smollm2").requests(question)[0]).decision != decision.decision
