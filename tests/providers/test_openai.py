"""OpenAI's format: the body of a request, and the response from a whole answer or a stream."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from event_clock import count_events
from faults import CLOSING, raw
from hang import in_time
from hypothesis import given
from hypothesis import strategies as st

from evalharness.config import Config, ModelConfig
from evalharness.constraints import canonical_schema
from evalharness.errors import BilledError, ConfigError, ProviderError
from evalharness.providers import open_provider
from evalharness.providers.capabilities import ALL_PARAMS
from evalharness.records import Message, Params, Request, Response, SampleKey, Usage
from evalharness.store.recorded import canonical
from evalharness.testing.fault_server import (
    DONE,
    Close,
    FaultServer,
    Script,
    Wait,
    chunk,
    chunks,
    completion,
    event,
    head,
    json_answer,
    sse_answer,
    sse_events,
)
from evalharness.wire import EndpointError

PATIENCE_S = 60
MESSAGES = (Message("system", "Be brief."), Message("user", "Why? \N{SNOWMAN}"))
REQUEST = Request(SampleKey("a", "p", "m", 0), MESSAGES, 1, Params(), "try-1")
SENT: dict[str, Any] = {
    "model": "gpt",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why? \N{SNOWMAN}"}],
}
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
LOCAL = ["top_k", "min_p", "repeat_penalty"]
TAKEABLE = ALL_PARAMS - {"logprobs"}
"""Remote answers have no log-probabilities."""
BILL = {"prompt_tokens": 9, "completion_tokens": 4}


def opened(url: str = "http://host/v1", provider: str = "openai", **options: Any) -> Any:
    """The provider of one model at this address."""
    model = ModelConfig(provider=provider, **{"base_url": url, "model": "gpt", **options})
    return open_provider("m", Config(root=Path(), models={"m": model}))


def complete(url: str, params: Params | None = None, **options: Any) -> Response:
    """The answer of a server. Raises the provider's errors."""

    async def run() -> Response:
        provider = opened(url, **options)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await provider.complete(replace(REQUEST, params=params or Params()))
        finally:
            await provider.close()

    return asyncio.run(run())


def answered(script: Script, **options: Any) -> Response:
    """The answer to a script's reply."""
    with FaultServer(script) as server:
        return complete(server.url, **options)


def refused(script: Script, **options: Any) -> ProviderError:
    """The error for a script's reply."""
    with pytest.raises(ProviderError) as caught:
        answered(script, **options)
    return caught.value


def of(*parts: dict[str, Any]) -> Script:
    """A stream of these parts with its end."""
    return raw(sse_answer([*map(event, parts), DONE]))


def part(finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    """A part of a streamed answer."""
    return chunk("gpt-x", delta, finish_reason)


def whole(finish_reason: str | None = "stop", **more: Any) -> Script:
    """An answer in one piece, with changes to its message."""
    value = completion("Yes.", "gpt-x")
    value["choices"][0]["finish_reason"] = finish_reason
    value["choices"][0]["message"] |= more.pop("message", {})
    return raw(json_answer(value | more))


ALL_SET = Params(64, 0.5, 7, 0.9, 40, 0.05, 1.1, ("\n", "END"))
FORM = {"type": "object", "properties": {"b": {"type": "null"}, "a": {"type": "null"}}}
HELD = Params(temperature=None, json_schema=canonical_schema(FORM))
RESPONSE_FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": FORM, "strict": True}}
GBNF = 'root ::= "yes" | "no"'


@pytest.mark.parametrize(
    ("options", "params", "body"),
    [
        ({}, Params(), STREAMED | {"max_tokens": 256, "temperature": 0.0}),
        ({}, Params(temperature=None), STREAMED | {"max_tokens": 256}),
        ({}, Params(seed=0), STREAMED | {"max_tokens": 256, "temperature": 0.0, "seed": 0}),
        (
            {"takes": LOCAL},
            ALL_SET,
            STREAMED
            | {"max_tokens": 64, "temperature": 0.5, "seed": 7, "top_p": 0.9, "stop": ["\n", "END"]}
            | {"top_k": 40, "min_p": 0.05, "repeat_penalty": 1.1},
        ),
        ({"takes": LOCAL}, Params(), STREAMED | {"max_tokens": 256, "temperature": 0.0}),
        ({"omits": ["temperature"]}, Params(seed=1), STREAMED | {"seed": 1, "max_tokens": 256}),
        ({"takes": LOCAL, "omits": ["top_k"]}, Params(top_k=5, temperature=None), STREAMED | {"max_tokens": 256}),
        (
            {"max_tokens_field": "max_completion_tokens", "omits": ["temperature"], "extra": {"reasoning": "low"}},
            Params(),
            STREAMED | {"max_completion_tokens": 256, "reasoning": "low"},
        ),
        ({"stream_usage": False}, Params(temperature=None), {"stream": True, "max_tokens": 256}),
        ({"stream": False}, Params(temperature=None), {"stream": False, "max_tokens": 256}),
        ({"extra": {"a": {"b": [1]}}}, Params(temperature=None), STREAMED | {"max_tokens": 256, "a": {"b": [1]}}),
        ({}, HELD, STREAMED | {"max_tokens": 256, "response_format": RESPONSE_FORMAT}),
        ({"omits": ["json_schema"]}, HELD, STREAMED | {"max_tokens": 256}),
        ({"takes": ["grammar"]}, Params(temperature=None, grammar=GBNF),
         STREAMED | {"max_tokens": 256, "grammar": GBNF}),
    ],
)  # fmt: skip
def test_body(options: dict[str, Any], params: Params, body: dict[str, Any]) -> None:
    """The body has the parameters that are set, and no field for the others."""
    with FaultServer() as server:
        complete(server.url, params, **options)
        (seen,) = server.log
    assert seen.body == SENT | body
    assert (seen.id, seen.path) == ("try-1", "/v1/chat/completions")


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({}, ["top_k", "min_p", "repeat_penalty"]),
        ({"takes": ["top_k"]}, ["min_p", "repeat_penalty"]),
        ({"takes": LOCAL}, []),
        ({"takes": ["min_p"], "omits": ["repeat_penalty"]}, ["top_k"]),
    ],
)
def test_not_accepted(options: dict[str, Any], refused: list[str]) -> None:
    """An unsupported parameter is refused before any request."""
    assert opened(**options).capabilities.unsupported(ALL_SET) == refused
    assert opened(**options).capabilities.unsupported(Params()) == []


@pytest.mark.parametrize(
    ("provider", "options", "params", "refused"),
    [
        ("openai", {}, HELD, []),
        ("openai", {}, Params(grammar=GBNF), ["grammar"]),
        ("openai", {"extra": {"response_format": {"type": "json_object"}}}, HELD, ["json_schema"]),
        ("openai", {"extra": {"response_format": {"type": "json_object"}}}, Params(), []),
        ("openai", {"extra": {"response_format": {}}, "omits": ["json_schema"]}, HELD, []),
        ("anthropic", {}, HELD, []),
        ("anthropic", {}, Params(grammar=GBNF), ["grammar"]),
        ("anthropic", {"extra": {"output_config": {"effort": "low"}}}, HELD, []),
        ("anthropic", {"extra": {"output_config": {"format": {}}}}, HELD, ["json_schema"]),
        ("anthropic", {"extra": {"output_config": "low"}}, HELD, ["json_schema"]),
    ],
)
def test_form_not_accepted(provider: str, options: dict[str, Any], params: Params, refused: list[str]) -> None:
    """A grammar, which the formats lack, and a schema next to a configured one are refused."""
    assert opened(provider=provider, **options).capabilities.unsupported(params) == refused


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_order_of_properties_counts(provider: str) -> None:
    """Two schemas with another order of properties are two requests, with two keys in the ledger."""
    turned = {**FORM, "properties": dict(reversed(FORM["properties"].items()))}  # type: ignore[attr-defined]
    one, two = (
        canonical(opened(provider=provider).wire(replace(REQUEST, params=Params(json_schema=canonical_schema(form)))))
        for form in (FORM, turned)
    )
    assert one != two


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": None},
        {"takes": ["top_x"]},
        {"omits": ["top_x"]},
        {"omits": ["max_tokens"]},
        {"max_tokens_field": "max_output_tokens"},
        {"concurrency": 0},
        {"retries": -1},
        {"deadline_s": "1"},
        {"ca_file": "no-such-file.pem"},
        {"base_url": "http://user:hunter2@host"},
        {"api_key": "sk-1"},
    ],
)
def test_wrong_option(options: dict[str, Any]) -> None:
    """An impossible option is refused when the provider is made, with the model's name."""
    with pytest.raises(ConfigError, match=r"evalharness\.models\.m"):
        opened(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"model": 5},
        {"base_url": "http://host/v1\n"},
        {"key_header": 5},
        {"api_key_env": 5},
        {"ca_file": 5},
        {"stream": "no"},
        {"concurrency": 2.5},
        {"extra": 5},
        {"extra": {"day": date(2026, 1, 1)}},
        {"extra": {"number": float("nan")}},
    ],
    ids=str,
)
def test_option_of_a_wrong_type(options: dict[str, Any]) -> None:
    """A value that JSON or the option does not allow is refused: TOML has dates, NaN and floats for any key."""
    with pytest.raises(ConfigError, match=r"evalharness\.models\.m"):
        opened(**options)


def test_whole_answer() -> None:
    """An answer in one piece has no time to first token and all other fields."""
    timings = {"prompt_per_second": 90.5, "predicted_per_second": 45}
    response = answered(whole(usage=BILL, timings=timings), stream=False)
    assert (response.text, response.finish_reason, response.model) == ("Yes.", "stop", "gpt-x")
    assert (response.usage, response.fingerprint) == (Usage(9, 4), "fp_test")
    assert (response.timing.first_token_s, response.timing.total_s > 0) == (None, True)
    assert (response.timing.prompt_tokens_per_s, response.timing.decode_tokens_per_s) == (90.5, 45)


def test_streamed_answer() -> None:
    """A streamed answer is joined; model and fingerprint are the endpoint's."""
    response = answered(of(*chunks("One two three four.", "gpt-x", pieces=7)))
    assert (response.text, response.finish_reason) == ("One two three four.", "stop")
    assert (response.model, response.fingerprint) == ("gpt-x", "fp_test")
    assert response.timing.first_token_s is not None
    assert 0 < response.timing.first_token_s <= response.timing.total_s


@pytest.mark.parametrize(
    "odd",
    [
        {"system_fingerprint": 7},
        {"model": ["gpt-x"]},
        {"timings": [1, 2]},
        {"timings": "fast"},
        {"system_fingerprint": {}},
    ],
    ids=str,
)
def test_labels_of_another_type(odd: dict[str, Any]) -> None:
    """What only informs does not cost the answer."""
    assert answered(of(part(content="Yes.") | odd, part("stop") | odd)).text == "Yes."
    assert answered(whole(usage=BILL, **odd), stream=False).text == "Yes."


@pytest.mark.parametrize(
    ("bills", "usage"),
    [
        ([BILL], Usage(9, 4)),
        ([BILL | {"completion_tokens": 1}, BILL | {"completion_tokens": 2}, BILL], Usage(9, 4)),
        ([BILL, None], Usage(9, 4)),
        ([BILL | {"prompt_tokens_details": {"cached_tokens": 8}}], Usage(9, 4, cached_tokens=8)),
        ([BILL | {"prompt_tokens_details": None}], Usage(9, 4)),
        ([BILL | {"prompt_tokens_details": {}}], Usage(9, 4)),
        ([{"prompt_tokens": 0, "completion_tokens": 0}], Usage(5, 3, estimated=True)),
        ([BILL | {"completion_tokens": 0, "total_tokens": 9}], Usage(9, 3, estimated=True)),
        ([BILL | {"prompt_tokens": 0}], Usage(5, 4, estimated=True)),
        ([{"completion_tokens": 4}], Usage(5, 4, estimated=True)),
        ([{"completion_tokens": 500}], Usage(5, 500, estimated=True)),
        ([], Usage(5, 3, estimated=True)),
        ([None], Usage(5, 3, estimated=True)),
        ([{}], Usage(5, 3, estimated=True)),
        ([{"prompt_tokens": "9", "completion_tokens": 4.0, "total_tokens": "13"}], Usage(9, 4)),
        ([{"total_tokens": 13}], Usage(5, 8, estimated=True)),
        ([{"total_tokens": 5}], Usage(5, 3, estimated=True)),
        ([{"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}], Usage(5, 3, estimated=True)),
        ([{"prompt_tokens": None, "completion_tokens": None}], Usage(5, 3, estimated=True)),
        ([{"prompt_tokens": 9}], Usage(9, 3, estimated=True)),
        ([{"prompt_tokens": 9, "total_tokens": 13}], Usage(9, 4)),
        ([{"prompt_tokens": 9, "completion_tokens": None, "total_tokens": 13}], Usage(9, 4)),
    ],
)
def test_usage(bills: list[dict[str, Any] | None], usage: Usage) -> None:
    """The last usage in the stream holds; a count that is missing or 0 is estimated: a token for each four bytes."""
    parts = [part(content="ten letter"), part("stop"), *({**part(), "choices": [], "usage": bill} for bill in bills)]
    assert answered(of(*parts)).usage == usage


@pytest.mark.parametrize(
    ("deltas", "before"),
    [
        ([{"role": "assistant"}, {"role": "assistant", "content": ""}, {"content": None}, {"content": "x"}, {}], 3),
        ([{"role": "assistant", "content": "x"}, {"content": "y"}], 0),
        ([{"role": "assistant", "content": ""}, {"reasoning_content": "hm"}, {"content": "x"}], 1),
        ([{"reasoning_content": ""}, {"reasoning": None}, {"reasoning": "hm"}, {"content": "x"}], 2),
    ],
)
def test_first_token(monkeypatch: pytest.MonkeyPatch, deltas: list[dict[str, Any]], before: int) -> None:
    """The first token is the first non-empty delta, of text or of reasoning."""
    count_events(monkeypatch)
    timing = answered(of(*(part(**delta) for delta in deltas), part("stop"))).timing
    assert timing.first_token_s is not None
    after = len(deltas[before + 1 :]) + 2  # the finish reason and [DONE]
    assert timing.total_s - timing.first_token_s == pytest.approx(after)


def test_no_token() -> None:
    """An answer without a token has neither a time to first token nor a rate; with one token it has no rate."""
    empty = answered(of(part(content=""), part("stop"))).timing
    assert (empty.first_token_s, empty.decode_tokens_per_s) == (None, None)
    one = answered(of(part(content="x"), part("stop"), {**part(), "usage": BILL | {"completion_tokens": 1}}))
    assert one.timing.decode_tokens_per_s is None


@pytest.mark.parametrize(("delta", "seconds"), [({"reasoning": "Hm."}, 3), ({}, 2)])
def test_rate_without_hidden_reasoning(monkeypatch: pytest.MonkeyPatch, delta: dict[str, Any], seconds: int) -> None:
    """Reasoning that is not sent precedes the first token, and is not part of the tokens per second."""
    count_events(monkeypatch)
    bill = BILL | {"completion_tokens": 103, "completion_tokens_details": {"reasoning_tokens": 100}}
    parts = [part(**delta), part(content="x"), {**part(content="y", finish_reason="stop"), "usage": bill}]
    tokens = 102 if delta else 2
    rate = answered(of(*parts)).timing.decode_tokens_per_s
    assert rate == pytest.approx(tokens / seconds)


def test_time_to_the_end_marker_only() -> None:
    """The time after the last event, until the connection closes, is not part of the answer's time."""
    late = raw(head(200, CLOSING) + b"".join(sse_events(chunks("Yes.", "gpt-x"))), Wait(0.5), Close())
    started = time.perf_counter()
    charged_s = answered(late).timing.total_s
    assert time.perf_counter() - started >= charged_s + 0.5


FINISH_REASONS = {
    "stop": ["stop", "STOP", "eos", "eos_token", "end_turn", "stop_sequence", "COMPLETE"],
    "length": ["length", "max_tokens", "MAX_TOKENS", "model_length", "model_context_window_exceeded"],
}
NO_ANSWERS = {
    "filtered": [
        "content_filter",
        "content-filter",
        "SAFETY",
        "RECITATION",
        "SPII",
        "content_filter: OTHER",
        "sensitive",
    ],
    "refused": ["refusal"],
    "tool call": ["tool_calls", "function_call", "tool_use", "MALFORMED_FUNCTION_CALL"],
    "server": ["error", "abort", "insufficient_system_resource", "network_error"],
    "malformed": ["banana", "stopp", "42"],
}


@pytest.mark.parametrize(("finish", "reason"), [(key, reason) for key, row in FINISH_REASONS.items() for reason in row])
def test_finish(finish: str, reason: str) -> None:
    """The finish reasons of all endpoints mean one of two ends of an answer, streamed or whole."""
    assert answered(of(part(content="Yes."), part(reason))).finish_reason == finish
    assert answered(whole(reason), stream=False).finish_reason == finish


@pytest.mark.parametrize(("kind", "reason"), [(key, reason) for key, row in NO_ANSWERS.items() for reason in row])
def test_finish_without_an_answer(kind: str, reason: str) -> None:
    """Any other finish reason is an error that names it, also after text."""
    for error in (refused(of(part(content="Yes."), part(reason))), refused(whole(reason), stream=False)):
        assert (error.kind, type(error)) == (kind, EndpointError if kind == "server" else BilledError)
        assert reason in str(error)


@pytest.mark.parametrize("delta", [{"refusal": "I cannot."}, {"content": "Well, ", "refusal": "I cannot."}])
def test_refusal(delta: dict[str, Any]) -> None:
    """The words of a refusal are the answer, streamed or whole, so that a check can expect them."""
    for response in (
        answered(of(part(**delta), part("stop"))),
        answered(of(part(content="Well, "), part(refusal="I "), part(refusal="cannot."), part("stop"))),
        answered(whole("stop", message=delta), stream=False),
    ):
        assert (response.text, response.refusal, response.finish_reason) == ("I cannot.", "I cannot.", "stop")


@pytest.mark.parametrize(
    ("reason", "delta", "kind", "error_class"),
    [
        ("content_filter", {"content": "Y"}, "filtered", BilledError),
        ("tool_calls", {"tool_calls": [{"index": 0, "function": {"name": "f"}}]}, "tool call", BilledError),
        ("function_call", {"function_call": {"name": "f"}}, "tool call", BilledError),
        ("refusal", {"content": "Well, "}, "refused", BilledError),
        ("banana", {"content": "Y"}, "malformed", BilledError),
    ],
)
def test_no_answer(reason: str, delta: dict[str, Any], kind: str, error_class: type[BilledError]) -> None:
    """An invalid answer is an error of its own kind, streamed or whole, and never a short answer."""
    for error in (
        refused(of(part(**delta), part(reason))),
        refused(of(part(reason, **delta))),
        refused(whole(reason, message=delta), stream=False),
    ):
        assert (error.kind, type(error)) == (kind, error_class)


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (of(part(content="Yes.")), "truncated"),
        (of(), "truncated"),
        (raw(sse_answer([event(part(content="Yes.")), event(part("stop"))])), "truncated"),
        (raw(sse_answer([])), "truncated"),
        (whole(None), "malformed"),
        (whole(choices=[]), "malformed"),
        (whole(choices=None), "malformed"),
        (whole(error={"message": "Oops", "code": "server_error"}), "server"),
        (of(part(content="Y"), {"error": {"message": "Oops", "type": "overloaded_error"}}), "server"),
        (of(part(content="Y"), {"error": "Oops"}, part("stop")), "malformed"),
        (of({"object": "error", "message": "Oops"}, part("stop")), "malformed"),
        (raw(sse_answer([b"event: error\n" + event({"error": {"message": "Oops"}}), DONE])), "malformed"),
        (raw(json_answer([])), "malformed"),
        (raw(json_answer("Yes.")), "malformed"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_broken_answer(script: Script, kind: str, stream: bool) -> None:
    """A response without an end, without choices or with an error in it is an error, streamed or whole."""
    error = refused(script, stream=stream)
    assert (error.kind, type(error)) == (kind, EndpointError)


def messages(*contents: str, before: str = "") -> Script:
    """A stream with whole messages in place of deltas, after this text in a delta."""
    parts = [part(content=before)] if before else []
    whole_ones = [{"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]} for text in contents]
    return of(*parts, *whole_ones, part("stop"))


@pytest.mark.parametrize(
    "script", [messages("Yes."), messages("Yes.", "Yes."), messages("", "Yes.", ""), messages("Yes.", before="Yes.")]
)
def test_message_in_a_stream(script: Script) -> None:
    """A message in place of a delta is the answer; repeated, it is a summary."""
    assert answered(script).text == "Yes."


@pytest.mark.parametrize("script", [messages("Yes.", "No."), messages("Yes.", "Yes. No."), messages("No.", before="Y")])
def test_messages_that_differ(script: Script) -> None:
    """A second text in a message is an error: it may replace the first or continue it."""
    assert (refused(script).kind, "got a 'message'" in str(refused(script))) == ("malformed", True)


@pytest.mark.parametrize(
    "choices",
    [[{}] * 100_000, [{"delta": {"content": "a"}}] * 80_000 + [{"message": {"role": "assistant"}}] * 80_000],
    ids=["empty", "without text"],
)
def test_many_choices(choices: list[dict[str, Any]]) -> None:
    """A chunk of many choices is read in linear time: no deadline can end the reading of one chunk."""
    with in_time():
        assert answered(of({"choices": choices}, part("stop", content="Yes."))).text.endswith("Yes.")


@pytest.mark.parametrize(
    "delta", [{"reasoning_content": "hm"}, {"reasoning": "hm"}, {"content": [{"type": "thinking", "thinking": "hm"}]}]
)
def test_reasoning_is_never_the_answer(delta: dict[str, Any]) -> None:
    """Reasoning is left out of the text; without token counts, the estimate includes it."""
    response = answered(of(part(**delta), part(content="Yes."), part("stop")))
    assert response.text == "Yes."
    assert response.usage == Usage(5, 2, estimated=True, reasoning_tokens=1)


@pytest.mark.parametrize("content", ["", None, " \n"])
@pytest.mark.parametrize(
    ("reason", "advice"), [("length", "raise params.max_tokens or lower"), ("stop", "ends without an answer; lower")]
)
def test_nothing_but_reasoning(content: str | None, reason: str, advice: str) -> None:
    """An answer without text after reasoning is an error that says what to change, and is not retried."""
    error = refused(of(part(reasoning="Hm, " * 100), part(content=content), part(reason)))
    assert (error.kind, type(error)) == ("no answer", BilledError)
    assert f"all {101 if content else 100} tokens on reasoning" in str(error)
    assert advice in str(error)


def test_other_choices() -> None:
    """Only the first choice counts; a choice without an index is the first."""
    second = part(content="no")
    second["choices"][0]["index"] = 1
    bare = part(content="Yes.")
    del bare["choices"][0]["index"]
    assert answered(of(second, bare, second, part("stop"))).text == "Yes."


SHORT = b"".join(sse_events(chunks("Yes. \N{SNOWMAN}", "m", pieces=2)))


@pytest.mark.parametrize("cut", range(0, len(SHORT), 23))
def test_cut(cut: int) -> None:
    """A stream that ends early, at any place and in any way, is never an answer."""
    assert refused(raw(head(200, CLOSING) + SHORT[:cut], Close())).kind == "truncated"


@pytest.mark.parametrize("left", range(1, len(DONE) + 2))
def test_cut_at_the_end(left: int) -> None:
    """A stream without the last byte of its end is never an answer."""
    assert refused(raw(head(200, CLOSING) + SHORT[:-left], Close())).kind == "truncated"


def test_not_cut() -> None:
    """The uncut stream of the tests above is an answer."""
    assert answered(raw(head(200, CLOSING) + SHORT, Close())).text == "Yes. \N{SNOWMAN}"


def taking_all(provider: str, **options: Any) -> Any:
    """The provider of a model that takes every parameter."""
    names = opened(provider=provider).capabilities.params
    return opened(provider=provider, takes=sorted(TAKEABLE - names), **options)


TAKING_ALL = {provider: taking_all(provider) for provider in ("openai", "anthropic")}


def wire(request: Request = REQUEST, **options: Any) -> Any:
    """The part of a request that can change its answer, for a model that takes every parameter."""
    return taking_all("openai", **options).wire(request)


HINTS = get_type_hints(Params)


@pytest.mark.parametrize("name", sorted(TAKEABLE))
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@given(st.data())
def test_every_parameter_counts(provider: str, name: str, data: st.DataObject) -> None:
    """Two requests with different values of any parameter differ on the wire."""
    values = st.from_type(HINTS[name]).filter(lambda value: value == value)  # not NaN
    one, two = data.draw(values), data.draw(values)
    requests = (replace(REQUEST, params=Params(**{name: value})) for value in (one, two))
    first, second = map(TAKING_ALL[provider].wire, requests)
    assert (first == second) == (one == two)


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        (replace(REQUEST, messages=(*MESSAGES, Message("user", ""))), {}),
        (replace(REQUEST, messages=MESSAGES[1:]), {}),
        (replace(REQUEST, messages=(Message("user", "Be brief."), MESSAGES[1])), {}),
        (replace(REQUEST, messages=(Message("system", "Be brief. "), MESSAGES[1])), {}),
        (REQUEST, {"model": "gpt-2"}),
        (REQUEST, {"extra": {"a": 1}}),
        (REQUEST, {"omits": ["temperature"]}),
        (REQUEST, {"max_tokens_field": "max_completion_tokens"}),
    ],
)
def test_wire_differs(request_: Request, options: dict[str, Any]) -> None:
    """Messages, model and options that can change an answer are part of the request."""
    assert wire(request_, **options) != wire()


@pytest.mark.parametrize(
    "options",
    [{"stream": False}, {"stream_usage": False}, {"concurrency": 3}, {"retries": 0}, {"api_key_env": "X"}],
)
def test_wire_is_the_same(options: dict[str, Any]) -> None:
    """Delivery options, case and attempt are not part of the request."""
    other = replace(REQUEST, key=SampleKey("b", "q", "n", 3), attempt="try-2", shared_prefix=0)
    assert wire(other, **options) == wire()


def decided(script: Script, choices: tuple[str, ...] = ("yes", "no"), **options: Any) -> Response:
    """The response of a server to a request for a decision."""

    async def run(url: str) -> Response:
        provider = opened(url, **options)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await provider.complete(replace(REQUEST, params=Params(4), choices=choices))
        finally:
            await provider.close()

    with FaultServer(script) as server:
        response = asyncio.run(run(server.url))
        body = server.log[-1].body
    assert "choices" not in body
    assert (body["logprobs"], body["top_logprobs"]) == (True, options.get("top_logprobs", 20))
    return response


def likely(token: str, **alternatives: float) -> dict[str, Any]:
    """The log-probabilities of one token, as OpenAI and llama.cpp's server send them."""
    top = [{"token": name, "logprob": math.log(share), "bytes": None} for name, share in alternatives.items()]
    share = alternatives.get(token, 0.01)
    return {"content": [{"token": token, "logprob": math.log(share), "bytes": None, "top_logprobs": top}]}


def with_logprobs(*logprobs: Any, text: str = "yes") -> list[dict[str, Any]]:
    """The chunks of a streamed reply, with these log-probabilities in the first ones."""
    parts = [part(content=text if number == 0 else "") for number in range(max(1, len(logprobs)))]
    for one, its in zip(parts, logprobs, strict=False):
        one["choices"][0]["logprobs"] = its
    return [*parts, part("stop"), {**part(), "choices": [], "usage": BILL}]


def test_a_decision_by_the_first_token() -> None:
    """The alternatives of the first token that is no blank are the decision, in a stream and in a whole answer."""
    found = likely("yes", yes=0.6, No=0.2, maybe=0.2)
    blank = likely("\n", yes=0.9)
    value = completion("yes", "gpt-x")
    value["choices"][0]["logprobs"] = {"content": [*blank["content"], *found["content"]]}
    replies = [of(*with_logprobs(found)), of(*with_logprobs(blank, found, likely("x", no=1.0)))]
    for response in [*map(decided, replies), decided(raw(json_answer(value)), stream=False)]:
        assert response.decision == pytest.approx((0.75, 0.25))
        assert response.decided == pytest.approx(0.8)
    assert decided(replies[0], top_logprobs=5).decision == pytest.approx((0.75, 0.25))
    assert answered(replies[0]).decision == ()


@pytest.mark.parametrize(
    ("script", "kind", "message"),
    [
        (of(*with_logprobs()), "decision", "no decision: the response has no log-probabilities"),
        (of(*with_logprobs({"content": None})), "decision", "the response has no log-probabilities"),
        (of(*with_logprobs(likely("Perhaps", Perhaps=0.9, yes=0.1), text="Perhaps")), "decision", "is 'Perhaps'"),
        (of(part(refusal="I cannot."), part("stop")), "refused", "no decision: the model refuses to respond"),
        (whole(message={"content": None, "refusal": "I cannot."}), "refused", "the model refuses to respond"),
        (of(part(content=""), part("content_filter")), "filtered", "content filter"),
        (raw(sse_answer([event(with_logprobs(likely("yes", yes=1.0))[0])]), CLOSING), "truncated", "ended"),
        (of(*with_logprobs([1])), "malformed", "logprobs: expected a JSON object"),
        (of(*with_logprobs({"content": {}})), "decision", "no log-probabilities"),
        (of(*with_logprobs({"content": "yes"})), "malformed", "logprobs: content: expected a list"),
        (of(*with_logprobs({"content": [{"token": "yes"}]})), "malformed", "a token with its log-probability"),
        (of(*with_logprobs({"content": [{"token": "yes", "logprob": 1.5}]})), "malformed", "a token with its"),
        (of(*with_logprobs({"content": [{"token": "yes", "logprob": True}]})), "malformed", "a token with its"),
    ],
)
def test_no_decision(script: Script, kind: str, message: str) -> None:
    """Without log-probabilities, outside of the choices, after a refusal or a cut: an error, and no decision."""
    with pytest.raises(ProviderError, match=message) as caught:
        decided(script)
    assert caught.value.kind == kind
