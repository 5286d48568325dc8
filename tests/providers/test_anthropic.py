"""Anthropic's format: its documented streams, and its own fields for keys and system messages."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from anthropic_streams import (
    BASIC,
    BROKEN,
    CACHED,
    COUNTED_TWICE,
    EMPTY,
    MODEL,
    OVERLOADED,
    PING,
    PINGED,
    STOP,
    THINKING,
    THOUGHT,
    TOOL_USE,
    UNKNOWN,
    Event,
    end,
    ended,
    sse,
    start,
    text,
)
from event_clock import count_events
from faults import CLOSING, raw

from evalharness.config import Config, ModelConfig
from evalharness.errors import BilledError, ProviderError, ThrottledError
from evalharness.providers import open_provider
from evalharness.records import Message, Params, Request, Response, SampleKey, Usage
from evalharness.testing.fault_server import Close, FaultServer, Received, Script, head, json_answer, sse_answer
from evalharness.wire import EndpointError

PATIENCE_S = 60
KEY = "sk-ant-canary-0123456789"
REQUEST = Request(SampleKey("a", "p", "m", 0), (Message("user", "Why?"),), 0, Params(), "try-1")


def opened(url: str = "http://host", **options: Any) -> Any:
    """The provider of one model at this address."""
    model = ModelConfig(provider="anthropic", **{"base_url": url, "model": "claude", **options})
    return open_provider("m", Config(root=Path(), models={"m": model}))


def complete(script: Script, request: Request = REQUEST, **options: Any) -> tuple[Response, Received]:
    """The answer to a script's reply, and the request. Raises the provider's errors."""

    async def run(url: str) -> Response:
        provider = opened(url, **options)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await provider.complete(request)
        finally:
            await provider.close()

    with FaultServer(script) as server:
        return asyncio.run(run(server.url.removesuffix("/v1"))), server.log[0]


def answered(*events: Event) -> Response:
    """The answer to a stream of these events."""
    return complete(raw(sse_answer(sse(*events))))[0]


def refused(script: Script) -> ProviderError:
    """The error for a script's reply."""
    with pytest.raises(ProviderError) as caught:
        complete(script)
    return caught.value


@pytest.mark.parametrize(
    ("stream", "answer", "finish", "usage"),
    [
        (BASIC, "Hello!", "stop", Usage(25, 15)),
        (PINGED, "Hello!", "stop", Usage(25, 15)),
        (THINKING, "Nine.", "stop", Usage(25, 40)),
        (CACHED, "From memory.", "stop", Usage(2325, 5, 2000, cache_write_tokens=300)),
        (COUNTED_TWICE, "One two", "stop", Usage(10_694, 6, 7, cache_write_tokens=5)),
        (UNKNOWN, "Hello!", "stop", Usage(25, 15)),
        (EMPTY, "", "stop", Usage(25, 2)),
        (ended("max_tokens"), "Hello!", "length", Usage(25, 15)),
        (ended("model_context_window_exceeded"), "Hello!", "length", Usage(25, 15)),
        ([*ended("stop_sequence")[:-2], end("stop_sequence", sequence="\n"), STOP], "Hello!", "stop", Usage(25, 15)),
        ([*BASIC, *BASIC], "Hello!", "stop", Usage(25, 15)),
    ],
)
def test_answer(stream: list[Event], answer: str, finish: str, usage: Usage) -> None:
    """Text is joined without thoughts, the last count of each kind holds, and unknown events are ignored."""
    response = answered(*stream)
    assert (response.text, response.finish_reason, response.usage) == (answer, finish, usage)
    assert (response.model, response.fingerprint) == (MODEL, "")


@pytest.mark.parametrize(
    ("stream", "kind", "error_class"),
    [
        (TOOL_USE, "tool call", BilledError),
        (ended("pause_turn"), "tool call", BilledError),
        (ended("refusal"), "refused", BilledError),
        (ended("banana"), "malformed", BilledError),
        ([start(), OVERLOADED], "server", ThrottledError),
        ([*BASIC[:-2], OVERLOADED], "server", EndpointError),
        ([*BASIC[:-2], BROKEN, *BASIC[-2:]], "request", BilledError),
        ([start(), BROKEN], "request", ProviderError),
        ([*BASIC[:-2], STOP], "truncated", EndpointError),
        ([*BASIC[:-2], end(None), STOP], "truncated", EndpointError),
        ([STOP], "truncated", EndpointError),
        ([PING, PING], "truncated", EndpointError),
        ([{"type": "message_start", "message": "Hello"}, *BASIC[1:]], "malformed", EndpointError),
        ([{"type": "message_start"}, *BASIC[1:]], "malformed", EndpointError),
        ([start(input_tokens="many"), *BASIC[1:]], "malformed", EndpointError),
        ([start(input_tokens=-1), *BASIC[1:]], "malformed", EndpointError),
    ],
)
def test_no_answer(stream: list[Event], kind: str, error_class: type[ProviderError]) -> None:
    """An invalid answer is an error of its own kind, with a mark if it may have a price."""
    error = refused(raw(sse_answer(sse(*stream))))
    assert (error.kind, type(error)) == (kind, error_class)


@pytest.mark.parametrize("stream", [BASIC, THINKING, CACHED])
def test_cut_between_events(stream: list[Event]) -> None:
    """A stream without its last events is never an answer."""
    for kept in range(len(stream)):
        assert refused(raw(sse_answer(sse(*stream[:kept])))).kind == "truncated"


@pytest.mark.parametrize("left", range(1, 80, 6))
def test_cut_within_an_event(left: int) -> None:
    """A stream without its last bytes is never an answer."""
    whole = b"".join(sse(*BASIC))
    assert refused(raw(head(200, CLOSING) + whole[:-left], Close())).kind == "truncated"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (json_answer({"type": "message", "content": [{"type": "text", "text": "Hello!"}]}), "malformed"),
        (json_answer(OVERLOADED, 529), "server"),
        (json_answer({"type": "error", "error": {"type": "rate_limit_error", "message": "Slow"}}, 429), "rate limit"),
        (json_answer({"type": "error", "error": {"type": "authentication_error", "message": "No"}}, 401), "auth"),
        (head(200, {"content-type": "text/html", "content-length": "6"}) + b"<html>", "malformed"),
        (sse_answer([b"event: message_stop\ndata: {}\n\n"]), "truncated"),
        (sse_answer([b"data: [1]\n\n"]), "malformed"),
        (sse_answer([b"data: [DONE]\n\n"]), "malformed"),
    ],
)
def test_no_stream(answer: bytes, kind: str) -> None:
    """A response that is not an event stream is an error."""
    assert refused(raw(answer)).kind == kind


@pytest.mark.parametrize(
    ("events", "before"),
    [
        ([start(), text(0)[0], PING, *text(0, "", "x")[1:]], 4),
        ([start(), *THOUGHT[:2], *text(1, "x")], 2),
        ([start(), THOUGHT[0], THOUGHT[3], *text(1, "x")], 4),
    ],
)
def test_first_token(monkeypatch: pytest.MonkeyPatch, events: list[Event], before: int) -> None:
    """The first token is the first piece of text or thought that is not empty."""
    count_events(monkeypatch)
    timing = answered(*events, end("end_turn"), STOP).timing
    assert timing.first_token_s is not None
    assert timing.total_s - timing.first_token_s == pytest.approx(len(events[before + 1 :]) + 2)


ALL_SET = Params(64, 0.5, 7, 0.9, 40, 0.05, 1.1, ("\n", "END"))


@pytest.mark.parametrize(
    ("params", "options", "body"),
    [
        (Params(), {}, {"max_tokens": 256, "temperature": 0.0}),
        (Params(temperature=None), {}, {"max_tokens": 256}),
        (Params(), {"omits": ["temperature"]}, {"max_tokens": 256}),
        (
            replace(ALL_SET, seed=None, min_p=0.0, repeat_penalty=1.0),
            {},
            {"max_tokens": 64, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "stop_sequences": ["\n", "END"]},
        ),
        (Params(temperature=None), {"extra": {"service_tier": "auto"}}, {"max_tokens": 256, "service_tier": "auto"}),
        (
            Params(temperature=None, json_schema='{"type":"object"}'),
            {"extra": {"output_config": {"effort": "low"}}},
            {
                "max_tokens": 256,
                "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
            },
        ),
    ],
)
def test_request(
    params: Params, options: dict[str, Any], body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Path, version, key and body follow Anthropic's format."""
    monkeypatch.setenv("TEST_ANTHROPIC_KEY", KEY)
    request = replace(REQUEST, params=params)
    _, seen = complete(raw(sse_answer(sse(*BASIC))), request, api_key_env="TEST_ANTHROPIC_KEY", **options)
    turns = [{"role": "user", "content": "Why?"}]
    assert seen.body == {"model": "claude", "messages": turns, "stream": True} | body
    assert (seen.path, seen.headers["anthropic-version"], seen.id) == ("/v1/messages", "2023-06-01", "try-1")
    assert seen.headers["x-api-key"] == KEY
    assert "authorization" not in seen.headers


def test_not_accepted() -> None:
    """The format has no seed: a seed is an error before any request."""
    capabilities = opened().capabilities
    assert capabilities.unsupported(ALL_SET) == ["seed", "min_p", "repeat_penalty"]
    assert capabilities.unsupported(Params()) == []
    assert opened(omits=["seed"]).capabilities.unsupported(Params(seed=1)) == []


def messages(*roles: str) -> tuple[Message, ...]:
    """Messages of these roles, each with its number as text."""
    return tuple(Message(role, str(number)) for number, role in enumerate(roles))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("roles", "system", "turns"),
    [
        (["user"], [], ["0"]),
        (["system", "user"], ["0"], ["1"]),
        (["system", "system", "user", "assistant", "user"], ["0", "1"], ["2", "3", "4"]),
    ],
)
def test_system_messages(roles: list[str], system: list[str], turns: list[str]) -> None:
    """System messages are in a field of their own, in order; without one the field is absent."""
    body = opened().wire(replace(REQUEST, messages=messages(*roles)))
    assert body.get("system", []) == [{"type": "text", "text": text} for text in system]
    assert [turn["content"] for turn in body["messages"]] == turns
    assert ("system" in body) == bool(system)


@pytest.mark.parametrize("roles", [["user", "system"], ["system", "user", "system", "user"]])
def test_late_system_message(roles: list[str]) -> None:
    """A system message after a user message is refused, not moved."""
    with pytest.raises(ProviderError, match="must precede the first turn") as caught:
        opened().wire(replace(REQUEST, messages=messages(*roles)))
    assert (caught.value.kind, type(caught.value)) == ("request", ProviderError)


def test_address() -> None:
    """Anthropic's own address is the default."""
    model = ModelConfig(provider="anthropic", model="claude")
    provider = open_provider("m", Config(root=Path(), models={"m": model}))
    assert provider.capabilities.price_reference == ("https://api.anthropic.com", "claude")
