"""Token counts of chat completions. Endpoints disagree on what `prompt_tokens` and `completion_tokens` contain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from evalharness.providers.estimates import with_estimates
from evalharness.providers.parse import token_count, whole_number
from evalharness.records import Request, Usage

_MOST_TOKENS = 10_000_000
"""Of one response. A larger `total_tokens` or reasoning count is a mistake of the endpoint, and is ignored."""
_CACHED = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
"""OpenAI (in the details), Moonshot; DeepSeek; gateways to Anthropic."""
_NAMES = {
    "completion_tokens": "output_tokens",
    "completion_tokens_details": "output_tokens_details",
    "prompt_tokens": "input_tokens",
    "prompt_tokens_details": "input_tokens_details",
}
"""The same counts in OpenAI's Responses API and at gateways to it."""
_WRITTEN = ("cache_write_tokens", "cache_creation_input_tokens")
"""OpenRouter; gateways to Anthropic."""


def chat_usage(reported: Mapping[str, Any], request: Request, text: str, reasoning_bytes: int) -> Usage:
    """Return the tokens that are billed; estimates from the texts for a count that is missing, null or wrongly 0.

    OpenAI's `completion_tokens` includes reasoning, that of xAI and Gemini does not: `total_tokens - prompt_tokens`
    counts where it is larger, and the sum where reasoning alone is larger. Bedrock's and Anthropic's `prompt_tokens`
    excludes cached tokens: they are added where the total, or their number, shows it. Raises EndpointError: a count is
    malformed.
    """
    reported = {**reported, **_renamed(reported)}
    usage = with_estimates(_counted(reported), request, text, reasoning_bytes)
    rest = _bounded(reported.get("total_tokens")) - usage.prompt_tokens
    if usage.estimated and not reported.get("completion_tokens") and rest > usage.completion_tokens:
        return replace(usage, completion_tokens=rest)
    return usage


def _counted(reported: Mapping[str, Any]) -> Usage:
    """Return the counts of the endpoint, 0 for one that is missing."""
    has_prompt = reported.get("prompt_tokens") is not None
    prompt = token_count(reported.get("prompt_tokens"), "prompt_tokens")
    total = _bounded(reported.get("total_tokens")) if has_prompt else 0  # alone, it cannot be divided
    counted = reported.get("completion_tokens")
    completion = max(0, total - prompt) if counted is None else token_count(counted, "completion_tokens")
    cached, written = _cache_counts(reported)
    reasoning_tokens = _reasoning_count(reported)
    uncounted = max(0, total - prompt - completion)
    if _is_beside(cached + written, prompt, uncounted, reasoning_tokens):
        prompt, uncounted = prompt + cached + written, max(0, uncounted - cached - written)
    if reasoning_tokens > completion:
        uncounted = max(uncounted, reasoning_tokens)
    return Usage(
        prompt,
        completion + uncounted,
        cached,
        reasoning_tokens=reasoning_tokens or uncounted,
        cache_write_tokens=written,
    )


def _renamed(reported: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts that have only the name of the Responses API."""
    return {name: reported.get(other) for name, other in _NAMES.items() if reported.get(name) is None}


def _is_beside(cache: int, prompt: int, uncounted: int, reasoning: int) -> bool:
    """Return whether the tokens of the cache are not part of the prompt's."""
    explains_total = uncounted != reasoning and uncounted in (cache, cache + reasoning)
    return cache > prompt or (cache > 0 and explains_total)


def _cache_counts(reported: Mapping[str, Any]) -> tuple[int, int]:
    """Return the tokens read from and written to the cache."""
    details = reported.get("prompt_tokens_details")
    holders = (details if isinstance(details, Mapping) else {}, reported)
    return _first_count(holders, _CACHED), _first_count(holders, _WRITTEN)


def _first_count(holders: tuple[Mapping[str, Any], ...], names: tuple[str, ...]) -> int:
    counts: Iterator[int] = (token_count(holder.get(name), name) for holder in holders for name in names)
    return next((count for count in counts if count), 0)


def _reasoning_count(reported: Mapping[str, Any]) -> int:
    details = reported.get("completion_tokens_details")
    nested = _bounded(details.get("reasoning_tokens")) if isinstance(details, Mapping) else 0
    return nested or _bounded(reported.get("reasoning_tokens"))


def _bounded(value: Any) -> int:
    """Return a count that only refines the others: 0 for anything that cannot be one."""
    count = whole_number(value)
    return count if count is not None and 0 <= count <= _MOST_TOKENS else 0
