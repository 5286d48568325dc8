"""The error of each HTTP status: its class, its wait and its text."""

from __future__ import annotations

import json
from dataclasses import fields
from itertools import product
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import (
    BilledError,
    ModelUnavailableError,
    ProviderError,
    RetryableError,
    ThrottledError,
    UnknownOutcomeError,
)
from evalharness.records import Params
from evalharness.wire import EndpointError
from evalharness.wire.statuses import error_in_stream, error_of

KINDS = {
    "auth",
    "context",
    "filtered",
    "malformed",
    "not found",
    "parameter",
    "quota",
    "rate limit",
    "redirect",
    "request",
    "server",
}


def openai(message: str = "", **more: Any) -> bytes:
    """A body with an error in OpenAI's format."""
    return json.dumps({"error": {"message": message, **more}}).encode()


def anthropic(message: str, kind: str = "invalid_request_error") -> bytes:
    """A body with an error in Anthropic's format."""
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}).encode()


def error(status: int, body: bytes = b"", **headers: str) -> ProviderError:
    """The error, with headers by name (`_` for `-`)."""
    return error_of(status, httpx2.Headers({name.replace("_", "-"): value for name, value in headers.items()}), body)


def wait_s(found: ProviderError) -> float | None:
    """The wait before the retry, if there is one."""
    return found.wait_s if isinstance(found, RetryableError) else None


STATUSES: list[tuple[int, str, type[ProviderError]]] = [
    (201, "malformed", UnknownOutcomeError),
    (204, "malformed", UnknownOutcomeError),
    (206, "malformed", UnknownOutcomeError),
    *((status, "redirect", ProviderError) for status in (300, 301, 302, 303, 304, 307, 308)),
    *((status, "request", ProviderError) for status in (400, 413, 415, 418, 422, 451)),
    *((status, "not found", ProviderError) for status in (404, 405, 410)),
    (402, "quota", ModelUnavailableError),
    *((status, "auth", ModelUnavailableError) for status in (401, 403)),
    *((status, "server", UnknownOutcomeError) for status in (408, 502, 504)),
    *((status, "server", RetryableError) for status in (409, 425, 498, 500, 503)),
    (429, "rate limit", ThrottledError),
    (529, "server", ThrottledError),
]
"""Status, kind and class of the error."""
BODIES = [b"", openai("It broke."), b"<html><body>It broke.</body></html>", b"[]", b"\xff\0{"]


def test_status() -> None:
    """The status alone decides whether a request is retried, for any body."""
    failures = []
    for (status, *wanted), body in product(STATUSES, BODIES):
        found = error(status, body)
        if [found.kind, type(found)] != wanted or wait_s(found) is not None or str(status) not in str(found):
            failures.append(f"{status} {body!r}: {found!r}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, openai("Too long.", code="context_length_exceeded", param="messages"), "context"),
        (400, openai("Too long.", code="string_above_max_length"), "context"),
        (400, openai("too large", type="exceed_context_size_error", code=400, n_ctx=512), "context"),
        (400, anthropic("prompt is too long: 204858 tokens > 200000 maximum"), "context"),
        (413, anthropic("prompt is too long: 204858 tokens > 200000 maximum", "request_too_large"), "context"),
        (
            400,
            openai("This model's maximum context length is 2048 tokens.", type="BadRequestError", code=400),
            "context",
        ),
        (400, openai("no", code="unsupported_parameter", param="max_tokens"), "parameter"),
        (400, openai("only 1", code="unsupported_value", param="temperature"), "parameter"),
        (400, openai("Unrecognized: 'top_k'.", code="unknown_parameter", param="top_k"), "parameter"),
        (400, anthropic("`temperature` is deprecated for this model."), "parameter"),
        (400, anthropic("`temperature` and `top_p` cannot both be specified for this model."), "parameter"),
        (400, anthropic("seed: Extra inputs are not permitted"), "parameter"),
        (422, b'{"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}', "parameter"),
        (400, openai("The temperature must be at most 2.", param="temperature"), "request"),
        (400, openai("We do not support this.", param="messages"), "request"),
        (400, openai("Against our policy.", code="content_filter"), "filtered"),
        (400, openai("Against our policy.", code="content_policy_violation"), "filtered"),
        (429, openai("You exceeded your quota.", type="insufficient_quota", code="insufficient_quota"), "quota"),
        (429, openai("Suspended: see your plan.", type="exceeded_current_quota_error"), "quota"),
        (429, openai("Not active.", type="billing_not_active", code="billing_not_active"), "quota"),
        (
            429,
            openai("You exceeded your current quota, see your plan.", code=429, status="RESOURCE_EXHAUSTED"),
            "rate limit",
        ),
        (400, anthropic("Your credit balance is too low to access the API."), "quota"),
        (402, anthropic("Add a card.", "billing_error"), "quota"),
        (400, openai("API key not valid. Use another.", code=400, status="INVALID_ARGUMENT"), "auth"),
        (400, openai("API key expired.", code=400, status="INVALID_ARGUMENT"), "auth"),
        (400, b'{"code": "Invalid argument", "error": "Incorrect API key provided: x***y."}', "auth"),
        (400, b'{"code": "Invalid argument", "error": "Incorrect%20API%20key%20provided:%20x***y."}', "auth"),
        (400, openai("The message says 'invalid API key', which is not allowed."), "request"),
        (
            403,
            b'{"code": "No permission", "error": "Content violates usage guidelines. Failed check: BIO"}',
            "filtered",
        ),
        (400, openai("May be inappropriate.", code="data_inspection_failed"), "filtered"),
        (
            400,
            openai("The input token count (9) exceeds the maximum number of tokens allowed (8).", code=400),
            "context",
        ),
        (400, b'{"message": "Input is too long for requested model."}', "context"),
        (400, b'{"error": "This model\'s maximum prompt length is 8 but the request contains 9 tokens."}', "context"),
        (
            422,
            b'{"error": "`inputs` tokens + `max_new_tokens` must be <= 8. Given: 9", "error_type": "validation"}',
            "context",
        ),
        (400, openai("The prompt (length 9) is longer than the maximum model length of 8.", code=400), "context"),
        (429, openai("Too many tokens.", type="tokens", code="rate_limit_exceeded"), "rate limit"),
        (401, openai("Bad key.", code="invalid_api_key"), "auth"),
        (403, openai("This model requires moderation and your input was flagged.", code=403), "filtered"),
        (400, anthropic("Your credit balance is too low to access the Anthropic API."), "quota"),
        (402, openai("Wait for running requests.", code="in_flight_budget_exhausted"), "request"),
        (400, openai("Invalid model: nope", type="invalid_model", code="1500"), "not found"),
        (400, openai("Model Not Exist", type="invalid_request_error", code="invalid_request_error"), "not found"),
        (400, openai("nope is not a valid model ID", code=400), "not found"),
        (404, b'{"error": {"code": "DeploymentNotFound", "message": "No such deployment."}}', "not found"),
        (404, openai("model 'nope' not found", type="not_found_error"), "not found"),
        (500, openai("Oops.", code="context_length_exceeded"), "server"),
    ],
)
def test_body(status: int, body: bytes, kind: str) -> None:
    """The code or the words of a known endpoint give the kind of the error."""
    assert error(status, body).kind == kind


@pytest.mark.parametrize("name", [field.name for field in fields(Params)])
def test_every_parameter_can_be_refused(name: str) -> None:
    """An error about an unknown parameter has its name, for every parameter."""
    found = error(400, openai(f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name))
    assert found.kind == "parameter"
    assert name in str(found)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (error(400, openai("No such thing.", type="invalid_request_error")), "HTTP 400 invalid_request_error: No such"),
        (error(404, openai("No model x.", code="model_not_found", type="t")), "HTTP 404 model_not_found: No model x."),
        (error(404, b"Not Found"), "the endpoint has no such model or path: HTTP 404: Not Found"),
        (error(402, openai("Insufficient Balance")), "the account has no credit left: HTTP 402: Insufficient Balance"),
        (error(429, anthropic("Slow down.", "rate_limit_error")), "HTTP 429 rate_limit_error: Slow down."),
        (error(529, anthropic("Overloaded", "overloaded_error")), "HTTP 529 overloaded_error: Overloaded"),
        (error(422, b'{"detail": "Not Found"}'), "HTTP 422: Not Found"),
        (error(400, b'{"error": "just words"}'), "HTTP 400: just words"),
        (error(400, b'[{"error": {"message": "in a list"}}]'), "in a list"),
        (error(400, b'{"surprise": 1}'), "surprise"),
        (error(502, b"<html>\r\n  <h1>Bad\tGateway</h1>"), "HTTP 502: <html> <h1>Bad Gateway</h1>"),
        (error(500), "HTTP 500"),
        (error(401, openai("Bad key.")), "the endpoint rejects the key: HTTP 401: Bad key."),
        (error(307, location="https://other/v1"), "to https://other/v1, and redirects are not followed: configure"),
        (error(301), "redirects (HTTP 301) to nowhere"),
        (error(204), "expected HTTP 200, got HTTP 204"),
        (error(429, retry_after="3600"), "HTTP 429; the requested wait of 3600 s exceeds the limit of 120 s"),
        (error(429, retry_after_ms="nan", retry_after="3600"), "the requested wait of 3600 "),
        (error(429, openai("Please try again in 24h0m0s.")), "the requested wait of 86400 s exceeds"),
        (error(429, b'[{"error": {"code": 429, "message": "No.", "status": "X"}}]'), "HTTP 429 X: No."),
        (error(429, b'{"object":"error","message":"Slow","type":"rate_limited","code":"1300"}'), "rate_limited: Slow"),
        (error(503, b'{"error": "Model is overloaded", "error_type": "overloaded"}'), "503 overloaded: Model is"),
    ],
)
def test_message(found: ProviderError, message: str) -> None:
    """The message has the status, the code and the endpoint's own words."""
    assert message in str(found)


@pytest.mark.parametrize("status", [429, 500, 503, 504, 529])
@pytest.mark.parametrize(
    ("wait", "patient"), [("120", True), ("120.5", False), ("3600", False), ("9" * 5000, False), ("inf", False)]
)
def test_too_long_a_wait(status: int, wait: str, patient: bool) -> None:
    """A wait of more than two minutes, or without an end, is an error at once."""
    found = error(status, retry_after=wait)
    assert isinstance(found, RetryableError) == patient
    assert (wait_s(found) == 120) == patient
    assert isinstance(found, BilledError) == (status == 504)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("x" * 10_000),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "message", "code", "type", "status", "detail"]), inner)
    ),
)


@given(st.integers(201, 599), st.one_of(st.binary(), JSON.map(lambda value: json.dumps(value).encode())))
def test_any_body(status: int, body: bytes) -> None:
    """Any body gives a known kind of error and a short message."""
    found = error(status, body)
    assert found.kind in KINDS
    assert len(str(found)) < 1000


@pytest.mark.parametrize(
    "body", [b"a" * 10**6, b"[" * 10**6, b'{"error": ' * 50_000, b"9" * 5000, openai("\0\x1b" * 10**6)]
)
def test_huge_body(body: bytes) -> None:
    """Neither length nor depth of a body makes the message long or changes the error."""
    assert len(str(error(400, body))) < 1000


def test_control_characters() -> None:
    """Control characters stay in the error: the encoder of each sink makes them visible."""
    assert str(error(400, openai("\x1b[31mred"))) == "HTTP 400: \x1b[31mred"


@pytest.mark.parametrize(
    ("fields", "kind", "quiet", "late"),
    [
        ({"code": 429}, "rate limit", ThrottledError, EndpointError),
        ({"code": "rate_limit_exceeded"}, "rate limit", ThrottledError, EndpointError),
        ({"status": "RESOURCE_EXHAUSTED"}, "rate limit", ThrottledError, EndpointError),
        ({"type": "overloaded_error"}, "server", ThrottledError, EndpointError),
        ({"code": "503"}, "server", EndpointError, EndpointError),
        ({"type": "server_error", "code": None}, "server", EndpointError, EndpointError),
        ({"type": "InternalServerError", "code": 500}, "server", EndpointError, EndpointError),
        ({"type": "timeout"}, "server", EndpointError, EndpointError),
        ({"type": "invalid_request_error"}, "request", ProviderError, BilledError),
        ({"code": "context_length_exceeded"}, "context", ProviderError, BilledError),
        ({"code": "content_filter"}, "filtered", ProviderError, BilledError),
        ({"code": 401}, "auth", ModelUnavailableError, ModelUnavailableError),
        ({"type": "permission_error"}, "auth", ModelUnavailableError, ModelUnavailableError),
        ({"code": "insufficient_quota"}, "quota", ModelUnavailableError, ModelUnavailableError),
        ({"code": 200}, "malformed", EndpointError, EndpointError),
        ({"code": 50001}, "malformed", EndpointError, EndpointError),
        ({"type": "strange"}, "malformed", EndpointError, EndpointError),
        ({}, "malformed", EndpointError, EndpointError),
    ],
)
def test_error_in_a_stream(
    fields: dict[str, Any], kind: str, quiet: type[ProviderError], late: type[ProviderError]
) -> None:
    """An error in a stream has the kind of its code; after text it may be billed, and is retried once at most."""
    for body in ({"error": {"message": "Oops", **fields}}, [{"error": {"message": "Oops", **fields}}]):
        for generated, expected in ((False, quiet), (True, late)):
            found = error_in_stream(body, generated=generated)
            assert (found.kind, type(found)) == (kind, expected)
            assert "broke off" in str(found)
            assert "Oops" in str(found)


def test_wait_of_an_error_in_a_stream() -> None:
    """A wait that an error in a stream names is kept."""
    found = error_in_stream({"error": {"code": 429, "message": "Please try again in 1.5s."}}, generated=True)
    assert wait_s(found) == 1.5


@given(JSON, st.booleans())
def test_any_error_in_a_stream(value: Any, generated: bool) -> None:
    """Any value gives a known kind of error and a short message."""
    found = error_in_stream(value, generated=generated)
    assert found.kind in KINDS
    assert len(str(found)) < 1000
