"""The tokens that may begin a reply, as OpenAI's Chat Completions API reports them.

    "choices": [{"logprobs": {"content": [{"token": "yes", "logprob": -0.1, "top_logprobs": [{"token": ..., ...}]}]}}]

https://platform.openai.com/docs/api-reference/chat/object, with `logprobs: true` and `top_logprobs`. Chunks of a stream
have the same object. llama.cpp's server adds `id` and `bytes` to each token.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evalharness.errors import BilledError
from evalharness.providers.decisions import Decision, begins, is_blank, of_first_token
from evalharness.providers.parse import json_object
from evalharness.records import Request
from evalharness.redaction import shortened
from evalharness.wire import EndpointError

_ROUNDING = 1e-3
_MOST_SHARE = 1.01
"""Of all alternatives together: endpoints round."""


@dataclass(slots=True)
class FirstToken:
    """The alternatives at the first token of the reply that is more than a blank."""

    found: dict[str, float] = field(default_factory=dict)
    """Token -> log-probability."""
    token: str = ""
    """The one that begins the reply."""

    def take(self, choice: Mapping[str, Any]) -> None:
        """Take the log-probabilities of a choice, whole or of a chunk. Raises EndpointError: another shape."""
        logprobs = choice.get("logprobs")
        if self.found or not logprobs:
            return
        content = json_object(logprobs, "logprobs").get("content") or []
        if not isinstance(content, list):
            raise EndpointError(f"logprobs: content: expected a list, got {shortened(content)}")
        for entry in content:
            token, logprob = _pair(entry)
            if not is_blank(token):
                self.found = _alternatives(entry)
                self.found.setdefault(token, logprob)
                self.token = token
                return

    def decision(self, request: Request, text: str) -> Decision:
        """Return the decision between the choices of the request; nothing without choices. `text`: the whole reply.

        Raises BilledError: no log-probabilities, choices that have less than half of the probability, or a reply that
        goes on as another word than a choice.
        """
        if not request.choices:
            return Decision()
        if not self.found:
            raise BilledError(
                "no decision: the response has no log-probabilities: name a model whose endpoint returns `logprobs`, "
                "or set votes: 5 for the metric",
                kind="decision",
            )
        found = of_first_token(self.found, request.choices)
        if not begins(text, self.token, request.choices):
            wanted = ", ".join(request.choices)
            message = f"no decision: expected a reply that begins with one of {wanted}, got {shortened(text, 60)!r}"
            raise BilledError(f"{message} after the token {shortened(self.token, 40)!r}", kind="decision")
        return found


def _alternatives(entry: Mapping[str, Any]) -> dict[str, float]:
    """The alternatives of a token. Tokens with the same text count together."""
    given = entry.get("top_logprobs") or []
    if not isinstance(given, list):
        raise EndpointError(f"logprobs: top_logprobs: expected a list, got {shortened(given)}")
    shares: dict[str, float] = {}
    for token, logprob in map(_pair, given):
        shares[token] = shares.get(token, 0.0) + math.exp(logprob)
    if (total := math.fsum(shares.values())) > _MOST_SHARE:
        raise EndpointError(f"logprobs: expected probabilities that add up to at most 1, got more than 1: {total:.4g}")
    return {token: math.log(share) for token, share in shares.items() if share > 0}


def _pair(value: Any) -> tuple[str, float]:
    entry = json_object(value, "a token in logprobs")
    token, logprob = entry.get("token"), entry.get("logprob")
    found = _number(logprob)
    if not isinstance(token, str) or not found <= _ROUNDING:
        raise EndpointError(f"logprobs: expected a token with its log-probability, got {shortened(entry)}")
    return token, min(0.0, found)


def _number(value: Any) -> float:
    """The value as a float; NaN for another type or a number beyond floats."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan
