"""The likelihood of a text, from the log-probabilities of its tokens as the model's provider measured them.

The score is exp(mean of the tokens' log-probabilities): the geometric mean of their probabilities, or 1 / perplexity
(Jelinek et al. 1977, doi:10.1121/1.2016299), in (0, 1]. It is a number per token, so it compares models with the same
tokeniser only. The end of the turn, which ends every response, is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from evalharness.errors import MetricError
from evalharness.scoring.metrics.base import Metric, SampleView, of_view, signature


def golden_logprob() -> Metric:
    """Return a metric of the likelihood of the golden answer after the prompt; the likeliest of several counts.

    It shows a shift in the model's preference long before a word of its response changes, and ignores the response.
    """
    return replace(of_view("golden_logprob", _signature("golden_logprob"), _of_golden), golden_likelihood=True)


def answer_logprob() -> Metric:
    """Return a metric of the model's certainty of its response, which is not whether the response is right."""
    metric = of_view("answer_logprob", _signature("answer_logprob"), _of_response)
    return replace(metric, needs_golden=False, answer_likelihood=True)


def _signature(name: str) -> str:
    return signature(name, mean="geometric", per="token", end_of_turn=False, v=1)


def _of_golden(view: SampleView) -> float:
    found, wanted = view.response.golden_logprobs, len(view.golden)
    if not found:
        raise MetricError(
            "the response has no golden_logprobs: the model's provider must measure them; to replace a replayed "
            "response, use --llm-record=all"
        )
    if len(found) != wanted or not all(found):
        tokens = ", ".join(str(len(one)) for one in found[:10])
        raise MetricError(
            f"golden_logprobs: expected one non-empty list for each of {wanted} golden answers, got lists of {tokens} "
            "tokens"
        )
    return max(map(_per_token, found))


def _of_response(view: SampleView) -> float:
    logprobs = view.response.logprobs
    if not logprobs and not view.text:
        raise MetricError("the response is empty: it has no tokens with a probability")
    if not logprobs:
        raise MetricError(
            "the response has no logprobs: the suite needs params: {logprobs: true} and a model that returns them; to "
            "replace a replayed response, use --llm-record=all"
        )
    return _per_token(logprobs)


def _per_token(logprobs: Sequence[float]) -> float:
    # fsum does not depend on the order, and a rounding step may lift a logarithm above 0
    return math.exp(min(0.0, math.fsum(logprobs) / len(logprobs)))
