"""The price of a request: between 0 and its worst case, and unknown rather than 0 without a price."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from genai_prices import Usage as Count
from genai_prices import calc_price
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.config import Config, ModelConfig, Price
from evalharness.execution import RunOptions
from evalharness.execution.accounts import Accounts
from evalharness.execution.job import Job
from evalharness.execution.pricing import Pricing, pricing_of
from evalharness.providers import Provider, open_provider
from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import Message, Params, Request, Response, SampleKey, Timing, Usage

OPENAI = "https://api.openai.com/v1"
DEADLINE_S = 120.0
DOLLARS = st.floats(0, 1000)
PRICES = st.builds(
    Price,
    input=DOLLARS,
    output=DOLLARS,
    cached_input=st.none() | DOLLARS,
    cache_write=st.none() | DOLLARS,
    per_hour=DOLLARS,
)
SHARES = st.floats(0, 1)


def remote(url: str = OPENAI, model: str = "gpt-4o-mini", provider: str = "openai") -> Provider:
    """The provider of a model at this address."""
    options: dict[str, Any] = {"base_url": url, "model": model}
    return open_provider("m", Config(root=Path(), models={"m": ModelConfig(provider=provider, **options)}))


def flat(price: Price) -> Pricing:
    """The pricing from a price in the configuration."""
    found = pricing_of(price, remote())
    assert found
    return found


def answered(prompt: int, completion: int, cached: int = 0, seconds: float = 1.0, written: int = 0) -> Response:
    """An answer with this usage."""
    return Response("Yes.", "stop", Usage(prompt, completion, cached, cache_write_tokens=written), Timing(seconds))


def a_request(*texts: str, max_tokens: int = 256) -> Request:
    """A request with these messages."""
    messages = tuple(Message("user", text) for text in texts)
    return Request(SampleKey("a", "p", "m", 0), messages, 0, Params(max_tokens=max_tokens))


@pytest.mark.parametrize(
    ("price", "response", "dollars"),
    [
        (Price(input=3, output=15), answered(1_000_000, 0), 3.0),
        (Price(input=3, output=15), answered(0, 1_000_000), 15.0),
        (Price(input=3, output=15), answered(1000, 200), 0.006),
        (Price(input=3, output=15), answered(1000, 200, cached=1000), 0.006),
        (Price(input=3, output=15, cached_input=0.3), answered(1000, 200, cached=600), 0.00438),
        (Price(input=3, cached_input=0), answered(1000, 200, cached=600), 0.0012),
        (Price(input=3, cache_write=3.75), answered(1000, 200, written=400), 0.0033),
        (Price(input=3, cached_input=0.3, cache_write=6), answered(1000, 200, cached=500, written=500), 0.00315),
        (Price(input=3), answered(1000, 200, written=400), 0.003),
        (Price(per_hour=3.6), answered(1000, 200, seconds=2.5), 0.0025),
        (Price(output=10, per_hour=3.6), answered(1000, 200, seconds=1000), 1.002),
        (Price(), answered(1000, 200), 0.0),
    ],
)
def test_price_of_the_configuration(price: Price, response: Response, dollars: float) -> None:
    """Dollars per million tokens, with an own price for cached ones where given, and per hour of work."""
    assert flat(price).cost_usd(response) == pytest.approx(dollars, rel=1e-12)


@given(PRICES, st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**7))
def test_never_less_than_nothing(price: Price, prompt: int, completion: int, cached: int) -> None:
    """More cached tokens than tokens cost at least nothing and raise no error."""
    assert flat(price).cost_usd(answered(prompt, completion, cached)) >= 0


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4o"])
def test_a_listed_price_of_nonsense(model: str) -> None:
    """An impossible token count does not discard a paid answer."""
    found = pricing_of(None, remote(model=model))
    assert found
    assert found.cost_usd(answered(10, 5, cached=1000)) > 0


@settings(max_examples=50)
@given(PRICES, st.lists(st.text(), min_size=1), st.integers(1, 10**5), st.tuples(*[SHARES] * 5))
def test_never_more_than_the_most(price: Price, texts: list[str], longest: int, shares: tuple[float, ...]) -> None:
    """No answer costs more than its request's worst case: a token has at least one byte."""
    read, cached, written, generated, took = shares
    most_tokens = sum(len(text.encode("utf-8", "replace")) for text in texts)
    prompt = int(read * most_tokens)
    from_cache = int(cached * prompt)
    counts = prompt, int(generated * longest), from_cache
    response = answered(*counts, took * DEADLINE_S, written=int(written * (prompt - from_cache)))
    most = flat(price).most_usd(a_request(*texts, max_tokens=longest), DEADLINE_S)
    assert flat(price).cost_usd(response) <= most * (1 + 1e-12)


@pytest.mark.parametrize(
    ("url", "model", "provider", "usage"),
    [
        (OPENAI, "gpt-4o-mini", "openai", (1000, 50, 0)),
        (OPENAI, "gpt-4o-mini", "openai", (123_457, 4096, 100_000)),
        (OPENAI, "gpt-4o", "openai", (0, 0, 0)),
        ("https://x.openai.azure.com/openai/v1", "gpt-4o", "openai", (1000, 50, 10)),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "gemini-2.5-pro", "openai", (300_000, 50, 0)),
        ("https://api.anthropic.com", "claude-sonnet-4-5", "anthropic", (300_000, 50, 1000)),
    ],
)
def test_a_listed_model(url: str, model: str, provider: str, usage: tuple[int, int, int]) -> None:
    """A model in genai-prices has the price of genai-prices, and the source names it."""
    found = pricing_of(None, remote(url, model, provider))
    assert found
    prompt, completion, cached = usage
    counted = Count(input_tokens=prompt, output_tokens=completion, cache_read_tokens=cached)
    wanted = calc_price(counted, model, provider_api_url=url)
    assert found.cost_usd(answered(*usage)) == pytest.approx(float(wanted.total_price), rel=1e-9)
    assert found.source == f"genai-prices {version('genai-prices')}: {wanted.provider.id} {wanted.model.id}"


def test_a_listed_price_of_cache_writes() -> None:
    """Tokens that Anthropic writes to its cache cost a quarter more than other prompt tokens."""
    found = pricing_of(None, remote("https://api.anthropic.com", "claude-sonnet-4-5", "anthropic"))
    assert found
    plain, written = (found.cost_usd(answered(1000, 0, written=count)) for count in (0, 1000))
    assert written == pytest.approx(1.25 * plain)


@pytest.mark.parametrize(
    "provider",
    [
        remote(model="gpt-no-such-model"),
        remote("https://gateway.example.org/v1"),
        remote("http://127.0.0.1:8080/v1"),
        remote("http://localhost:8080/v1"),
        remote("http://[::1]:8080/v1"),
        ScriptedProvider({"*": "Yes."}),
    ],
    ids=["unknown model", "unknown address", "127.0.0.1", "localhost", "::1", "scripted"],
)
def test_unknown(provider: Provider) -> None:
    """A model with an unknown price has none, whatever its name; the configuration can set one."""
    assert pricing_of(None, provider) is None
    given = pricing_of(Price(input=1, per_hour=0.5), provider)
    assert given
    assert given.source == "configuration: input 1, per_hour 0.5"


def test_the_configuration_comes_first() -> None:
    """A price in the configuration replaces the listed one, even a price of 0."""
    assert flat(Price(input=7)).cost_usd(answered(1_000_000, 0)) == 7.0
    assert flat(Price()).cost_usd(answered(1_000_000, 0)) == 0.0


def test_the_estimate() -> None:
    """The estimate: four characters a token and the longest answer. The maximum: a byte a token and the deadline."""
    price = flat(Price(input=1_000_000, output=1_000_000, per_hour=3600))
    request = a_request("x" * 400, max_tokens=10)
    assert price.about_usd(request) == 100 + 10
    assert price.most_usd(request, DEADLINE_S) == 400 + 2 * 16 + 10 + DEADLINE_S


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("Yes.", 1), ("Yes!!", 2), ("\u4f60\u597d\u4e16\u754c", 3), ("\udc80", 1)]
)
def test_uncounted_answers_have_a_price(text: str, tokens: int) -> None:
    """A provider that counts nothing has an estimate where its model has a price, and its own zeros where not."""
    job, response = Job(0, a_request("Hi"), None), Response(text, "stop", Usage(0, 0), Timing(1.0))
    priced = Accounts(ScriptedProvider({"*": "Yes."}), RunOptions(), flat(Price(input=1, output=2)))
    assert priced.counted(job, response).usage == Usage(1, tokens, estimated=True)
    assert Accounts(ScriptedProvider({"*": "Yes."}), RunOptions()).counted(job, response) == response
