"""What the model itself says of texts: log-probabilities of its answers and of golden ones; answers within bounds."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from evalharness.errors import ProviderError


def test_logprobs_of_an_answer(smollm2, ask):
    """One number for each token, none where nobody asks; a greedy token is seldom unlikely."""
    question = ask("What is the capital of France?", max_tokens=32)
    plain = smollm2.complete(question)
    told = smollm2.complete(replace(question, params=replace(question.params, logprobs=True)))
    assert plain.logprobs == ()
    assert told.text == plain.text
    assert len(told.logprobs) == told.usage.completion_tokens
    assert all(value <= 1e-6 for value in told.logprobs)
    assert math.exp(sum(told.logprobs) / len(told.logprobs)) > 0.2


def test_a_golden_answer_is_as_likely_as_the_same_text_drawn(smollm2, ask):
    """The model's own answer, given as a golden one, is as likely as it was when it was drawn, but for the rounding of
    a quantised model at another shape.
    """
    question = ask("What is the capital of France?", max_tokens=32)
    question = replace(question, params=replace(question.params, logprobs=True))
    drawn = smollm2.complete(question)
    scored = smollm2.complete(replace(question, golden=(drawn.text,)))
    assert scored.text == drawn.text
    assert len(scored.golden_logprobs[0]) == len(drawn.logprobs)
    assert _mean(scored.golden_logprobs[0]) == pytest.approx(_mean(drawn.logprobs), abs=0.1)


def test_goldens_change_nothing_and_come_in_order(smollm2, ask):
    """Beside goldens the answer is the same; each golden has its own number, whichever others there are; a likely one
    has a higher one.
    """
    question = ask("What is the capital of France?", max_tokens=32)
    goldens = ("The capital of France is Paris.", "Bananas tell violet lies to seventeen kings of yesterday.", "Paris")
    together = smollm2.complete(replace(question, golden=goldens))
    alone = [smollm2.complete(replace(question, golden=(golden,))).golden_logprobs[0] for golden in goldens]
    assert together.text == smollm2.complete(question).text
    assert list(together.golden_logprobs) == alone
    assert _mean(alone[0]) > _mean(alone[1]) + 1


def _mean(values):
    return sum(values) / len(values)


def test_a_golden_that_does_not_fit(open_gguf, ask):
    """A golden longer than the context is an error that says so, of this case alone."""
    provider = open_gguf(slots=1, context=256)
    with pytest.raises(ProviderError, match="the context holds 256"):
        provider.complete(replace(ask("Hello"), golden=("word " * 300,)))
    assert provider.complete(ask("Hello", max_tokens=2)).text


def test_a_grammar_holds(smollm2, ask):
    """An answer is one of the grammar's texts, greedy or drawn."""
    grammar = 'root ::= "red" | "green" | "blue"'
    for temperature in (0.0, 1.5):
        answer = smollm2.complete(ask("Tell me a story.", grammar=grammar, temperature=temperature))
        assert answer.text in ("red", "green", "blue")
        assert answer.finish_reason == "stop"


def test_a_schema_holds(smollm2, ask):
    """An answer is JSON that fits the schema, whatever the model would rather say."""
    kinds = {"enum": ["cat", "dog"]}
    schema = {"type": "object", "properties": {"kind": kinds, "old": {"type": "boolean"}}, "required": ["kind", "old"]}
    schema["additionalProperties"] = False
    answer = smollm2.complete(ask("Tell me of your dog.", json_schema=json.dumps(schema), max_tokens=48))
    assert json.loads(answer.text).keys() == {"kind", "old"}


def test_a_bad_grammar(smollm2, ask):
    """What is no grammar is refused before it reaches native code, and the next case is answered."""
    with pytest.raises(ProviderError) as caught:
        smollm2.complete(ask("Hello", grammar="root ::= ("))
    assert caught.value.kind == "constraint"
    assert smollm2.complete(ask("Hello", max_tokens=2)).text
