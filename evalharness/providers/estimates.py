"""Token counts that an endpoint leaves out, estimated from the texts."""

from __future__ import annotations

from dataclasses import replace

from evalharness.providers.parse import CHARS_PER_TOKEN
from evalharness.records import Request, Usage


def size_of(text: str) -> int:
    """The bytes of a text in UTF-8: other scripts than Latin have more tokens per character."""
    return len(text.encode("utf-8", "surrogatepass"))


def with_estimates(usage: Usage, request: Request, text: str, reasoning_bytes: int = 0) -> Usage:
    """The usage, with an estimate in place of each count of 0 that the texts contradict.

    A token for each four bytes, rounded up. The result is marked as an estimate.
    """
    prompt = usage.prompt_tokens or _tokens(sum(map(size_of, request.texts())))
    thought = 0 if usage.completion_tokens else _tokens(reasoning_bytes)
    completion = usage.completion_tokens or _tokens(size_of(text)) + thought
    if (prompt, completion) == (usage.prompt_tokens, usage.completion_tokens):
        return usage
    return replace(
        usage,
        prompt_tokens=prompt,
        completion_tokens=completion,
        estimated=True,
        reasoning_tokens=usage.reasoning_tokens or thought,
    )


def _tokens(size: int) -> int:
    return -(-size // CHARS_PER_TOKEN)
