"""The cost of a request: the configured price of the model, else the price list of genai-prices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from evalharness.config import Price
from evalharness.providers import Provider
from evalharness.providers.parse import CHARS_PER_TOKEN
from evalharness.records import Request, Response
from evalharness.wire import is_local

MILLION = 1_000_000
HOUR_S = 3600
_TOKENS_A_MESSAGE = 16
"""More than any chat template adds around a message."""
_MOST_A_PICTURE, _MOST_A_DOCUMENT = 50_000, 500_000
"""Tokens: gpt-4o-mini counts 48,169 for a picture of 8 tiles, Anthropic up to 5,000 for a page of at most 100."""
_ABOUT_A_PICTURE, _ABOUT_A_DOCUMENT = 1_500, 10_000


@dataclass(frozen=True, slots=True)
class Pricing:
    """The price of one model."""

    source: str
    """The source of the price, for the record."""
    price: Callable[[int, int, int, int, float], float]
    """Dollars for prompt tokens, completion tokens, prompt tokens read from and written to the cache, and seconds."""

    def cost_usd(self, response: Response) -> float:
        """Return the dollars that this response cost."""
        usage = response.usage
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        written = min(usage.cache_write_tokens, usage.prompt_tokens - cached)
        return self.price(usage.prompt_tokens, usage.completion_tokens, cached, written, response.timing.total_s)

    def most_usd(self, request: Request, deadline_s: float) -> float:
        """Return the worst-case dollars: a token per byte of the prompt, and a response of `max_tokens`."""
        prompt = sum(len(text.encode("utf-8", "replace")) + _TOKENS_A_MESSAGE for text in request.texts())
        prompt += _TOKENS_A_MESSAGE + _attached(request, _MOST_A_PICTURE, _MOST_A_DOCUMENT)
        caches = (0, 0), (prompt, 0), (0, prompt)
        return max(self.price(prompt, request.params.max_tokens, *cache, deadline_s) for cache in caches)

    def about_usd(self, request: Request) -> float:
        """Return the dollars of a response of `max_tokens`, at the usual length of a token."""
        prompt = sum(map(len, request.texts())) // CHARS_PER_TOKEN + _attached(
            request, _ABOUT_A_PICTURE, _ABOUT_A_DOCUMENT
        )
        return self.price(prompt, request.params.max_tokens, 0, 0, 0.0)


def _attached(request: Request, picture: int, document: int) -> int:
    """The tokens of the files in the messages, by their number."""
    files = [one for message in request.messages for one in message.attachments]
    pictures = sum(one.is_picture for one in files)
    return pictures * picture + (len(files) - pictures) * document


def pricing_of(price: Price | None, provider: Provider) -> Pricing | None:
    """Return the price of a model, None when it is unknown."""
    if price is not None:
        return Pricing(f"configuration: {price}", _flat(price))
    reference = provider.capabilities.price_reference
    return None if reference is None or is_local(reference[0]) else _listed(*reference)


def _flat(price: Price) -> Callable[[int, int, int, int, float], float]:
    cached_rate = price.input if price.cached_input is None else price.cached_input
    write_rate = price.input if price.cache_write is None else price.cache_write

    def cost(prompt: int, completion: int, cached: int, written: int, seconds: float) -> float:
        tokens = (prompt - cached - written) * price.input + cached * cached_rate + written * write_rate
        tokens += completion * price.output
        return tokens / MILLION + seconds * price.per_hour / HOUR_S

    return cost


def _listed(address: str, model: str) -> Pricing | None:
    from genai_prices import Usage, calc_price

    try:
        found = calc_price(Usage(input_tokens=1), model, provider_api_url=address)
    except LookupError:
        return None

    def cost(prompt: int, completion: int, cached: int, written: int, seconds: float) -> float:
        cache = {"cache_read_tokens": cached, "cache_write_tokens": written}
        usage: Any = Usage(input_tokens=prompt, output_tokens=completion, **cache)
        return float(found.model_price.calc_price(usage)["total_price"])

    return Pricing(f"genai-prices {version('genai-prices')}: {found.provider.id} {found.model.id}", cost)
