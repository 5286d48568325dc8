"""Replies of an endpoint that decides: chunks with the log-probabilities of their tokens, for the fault server."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from evalharness.testing.fault_server import Received, Reply, Script, Send, chunks, event, sse_answer

DONE = b"data: [DONE]\n\n"


def token(text: str, **alternatives: float) -> dict[str, Any]:
    """One token with its alternatives, as OpenAI and llama.cpp's server send them. Shares are not logarithms."""
    return token_among(text, alternatives)


def token_among(text: str, alternatives: Mapping[str, float]) -> dict[str, Any]:
    """`token` with alternatives that are no names in Python."""
    top = [{"token": name, "logprob": math.log(share), "bytes": None} for name, share in alternatives.items()]
    share = alternatives.get(text, 0.01)
    return {"token": text, "logprob": math.log(share), "bytes": None, "top_logprobs": top}


def decision(*tokens: dict[str, Any], text: str = "yes") -> list[dict[str, Any]]:
    """The chunks of a streamed reply with these tokens in the chunk of its text."""
    return with_logprobs({"content": list(tokens)}, text)


def with_logprobs(logprobs: Any, text: str = "yes") -> list[dict[str, Any]]:
    """The chunks of a streamed reply with this value as the log-probabilities of its text."""
    role, content, *rest = chunks(text, "critic", pieces=1)
    content["choices"][0]["logprobs"] = logprobs
    return [role, content, *rest]


def streaming(parts: Sequence[dict[str, Any]]) -> Script:
    """A stream of these chunks with its end for every request."""
    return lambda request: [Send(sse_answer([*map(event, parts), DONE]))]


def deciding(request: Received) -> Reply:
    """`yes` with three quarters."""
    return streaming(decision(token("yes", yes=0.75, no=0.25)))(request)
