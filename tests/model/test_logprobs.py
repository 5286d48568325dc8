"""Log-probabilities of answers and golden answers, and answers within a grammar or schema."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from evalharness.errors import ProviderError


def test_logprobs_of_an_answer(smollm2, make_request):
    """With `logprobs` an answer has one number for each token, and greedy tokens are likely."""
    question = make_request("What is the capital of France?", max_tokens=32)
    plain = smollm2.complete(question)
    scored = smollm2.complete(replace(question, params=replace(question.params, logprobs=True)))
    assert plain.logprobs == ()
    assert scored.text == plain.text
    assert len(scored.logprobs) == scored.usage.completion_tokens
    assert all(value <= 1e-6 for value in scored.logprobs)
    assert math.exp(sum(scored.logprobs) / len(scored.logprobs)) > 0.2


def test_own_answer_as_golden(smollm2, make_request):
    """The model's own answer, as a golden answer, is as likely as its generated tokens, except for rounding."""
    question = make_request("What is the capital of France?", max_tokens=32)
    question = replace(question, params=replace(question.params, logprobs=True))
    answer = smollm2.complete(question)
    scored = smollm2.complete(replace(question, golden=(answer.text,)))
    assert scored.text == answer.text
    assert len(scored.golden_logprobs[0]) == len(answer.logprobs)
    assert _mean(scored.golden_logprobs[0]) == pytest.approx(_mean(answer.logprobs), abs=0.1)


def test_several_goldens(smollm2, make_request):
    """Golden answers change no text, are scored independently and in order, and a likely one scores higher."""
    question = make_request("What is the capital of France?", max_tokens=32)
    goldens = ("The capital of France is Paris.", "Bananas tell violet lies to seventeen kings of yesterday.", "Paris")
    together = smollm2.complete(replace(question, golden=goldens))
    alone = [smollm2.complete(replace(question, golden=(golden,))).golden_logprobs[0] for golden in goldens]
    assert together.text == smollm2.complete(question).text
    assert list(together.golden_logprobs) == alone
    assert _mean(alone[0]) > _mean(alone[1]) + 1


def _mean(values):
    return sum(values) / len(values)


def test_a_golden_that_does_not_fit(open_gguf, make_request):
    """A golden answer longer than the context is the error of its case."""
    provider = open_gguf(slots=1, context=256)
    with pytest.raises(ProviderError, match="the context holds 256"):
        provider.complete(replace(make_request("Hello"), golden=("word " * 300,)))
    assert provider.complete(make_request("Hello", max_tokens=2)).text


def test_a_grammar_holds(smollm2, make_request):
    """A greedy or hot answer is one of the grammar's texts."""
    grammar = 'root ::= "red" | "green" | "blue"'
    for temperature in (0.0, 1.5):
        answer = smollm2.complete(make_request("Tell me a story.", grammar=grammar, temperature=temperature))
        assert answer.text in ("red", "green", "blue")
        assert answer.finish_reason == "stop"


def test_a_schema_holds(smollm2, make_request):
    """An answer is JSON that fits the schema."""
    kinds = {"enum": ["cat", "dog"]}
    schema = {"type": "object", "properties": {"kind": kinds, "old": {"type": "boolean"}}, "required": ["kind", "old"]}
    schema["additionalProperties"] = False
    answer = smollm2.complete(make_request("Tell me of your dog.", json_schema=json.dumps(schema), max_tokens=48))
    assert json.loads(answer.text).keys() == {"kind", "old"}


def test_a_bad_grammar(smollm2, make_request):
    """An invalid grammar is an error before it reaches native code, and the next case gets an answer."""
    with pytest.raises(ProviderError) as caught:
        smollm2.complete(make_request("Hello", grammar="root ::= ("))
    assert caught.value.kind == "constraint"
    assert smollm2.complete(make_request("Hello", max_tokens=2)).text
