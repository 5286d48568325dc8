"""How likely a model finds an answer: from the log-probabilities of its tokens, as the model's provider measured them.

The score is exp(mean of the tokens' log-probabilities): the geometric mean of their probabilities, or 1 / perplexity
(Jelinek et al. 1977, doi:10.1121/1.2016299), in (0, 1]. It is a number per token, so it compares answers of models with
the same tokeniser only. The end of the turn, which ends every answer, is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from evalharness.errors import MetricError
from evalharness.scoring.metrics.base import Metric, SampleView, of_answer, signature


def golden_logprob() -> Metric:
    """How likely the golden answer is as the model's own answer to the prompt; of several the likeliest counts.

    It sees what the model would rather say, long before a word of what it says changes; it does not look at the answer.
    """
    return replace(of_answer("golden_logprob", _signature("golden_logprob"), _of_golden), golden_likelihood=True)


def answer_logprob() -> Metric:
    """How certain the model is of its answer. It says nothing of whether the answer is right."""
    metric = of_answer("answer_logprob", _signature("answer_logprob"), _of_answer)
    return replace(metric, needs_golden=False, answer_likelihood=True)


def _signature(name: str) -> str:
    return signature(name, mean="geometric", per="token", end_of_turn=False, v=1)


def _of_golden(answer: SampleView) -> float:
    found, wanted = answer.golden_logprobs, len(answer.golden)
    if not found:
        raise MetricError(
            "the response does not say how likely the golden answers are (golden_logprobs): the model's provider must "
            "fill it in; if the response was replayed, --llm-record=all asks anew"
        )
    if len(found) != wanted or not all(found):
        tokens = ", ".join(str(len(one)) for one in found[:10])
        raise MetricError(
            f"the response has golden_logprobs for {tokens} tokens: not one list, with a token or more, for each of "
            f"{wanted} golden answers"
        )
    return max(map(_per_token, found))


def _of_answer(answer: SampleView) -> float:
    if not answer.logprobs and not answer.text:
        raise MetricError("the answer is empty: there is no token that could be certain")
    if not answer.logprobs:
        raise MetricError(
            "the response does not say how likely its tokens are (logprobs): the suite needs params: {logprobs: true} "
            "and a model that answers it; if the response was replayed, --llm-record=all asks anew"
        )
    return _per_token(answer.logprobs)


def _per_token(logprobs: Sequence[float]) -> float:
    """The sum does not depend on the order; what a rounding step has lifted above 0 is certain."""
    return math.exp(min(0.0, math.fsum(logprobs) / len(logprobs)))
