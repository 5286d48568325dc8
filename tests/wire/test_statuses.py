"""The error of each HTTP status: its class, its wait and its text."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
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
from evalharness.wire.statuses import error_of
from evalharness.wire.waits import requested_wait_s

NOON = "Sun, 06 Nov 1994 12:00:00 GMT"
KINDS = {
    "auth",
    "context",
    "filtered",
    "malformed",
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
    *((status, "request", ProviderError) for status in (400, 402, 404, 405, 410, 413, 415, 418, 422, 451)),
    *((status, "auth", ModelUnavailableError) for status in (401, 403)),
    *((status, "server", UnknownOutcomeError) for status in (408, 502, 504)),
    *((status, "server", RetryableError) for status in (409, 425, 500, 503)),
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
        (429, openai("Too many tokens.", type="tokens", code="rate_limit_exceeded"), "rate limit"),
        (401, openai("Bad key.", code="invalid_api_key"), "auth"),
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
        (error(429, anthropic("Slow down.", "rate_limit_error")), "HTTP 429 rate_limit_error: Slow down."),
        (error(529, anthropic("Overloaded", "overloaded_error")), "HTTP 529 overloaded_error: Overloaded"),
        (error(422, b'{"detail": "Not Found"}'), "HTTP 422: Not Found"),
        (error(400, b'{"error": "just words"}'), "HTTP 400: just words"),
        (error(400, b'[{"error": {"message": "in a list"}}]'), "in a list"),
        (error(400, b'{"surprise": 1}'), "surprise"),
        (error(502, b"<html>\r\n  <h1>Bad\tGateway</h1>"), "HTTP 502: <html> <h1>Bad Gateway</h1>"),
        (error(500), "HTTP 500"),
        (error(401, openai("Bad key.")), "the endpoint rejects the key: HTTP 401: Bad key."),
        (error(307, location="https://other/v1"), "to https://other/v1, and redirects are not followed: set base_url"),
        (error(301), "redirects (HTTP 301) to nowhere"),
        (error(204), "expected HTTP 200, got HTTP 204"),
        (error(429, retry_after="3600"), "HTTP 429; the requested wait of 3600 s exceeds the limit of 120 s"),
        (error(429, retry_after_ms="nan", retry_after="3600"), "the requested wait of 3600 "),
    ],
)
def test_message(found: ProviderError, message: str) -> None:
    """The message has the status, the code and the endpoint's own words."""
    assert message in str(found)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 7 "}, 7),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7),
        ({"retry-after-ms": "nan", "retry-after": "7"}, 7),
        ({"retry-after-ms": "-1", "retry-after": "7"}, 7),
        ({"retry-after": "-7"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Sun, 99 Nov 1994 12:00:00 GMT"}, None),
        ({"retry-after": "Sun, 06 Nov 99999999999999999999 12:00:00 GMT"}, None),
        ({"retry-after": "Sun, 06 Nov 1994 12:00:00 +99999999999999999999"}, None),
        ({"retry-after": "Sun, 06 Nov 1994 12:00:30 GMT", "date": NOON}, 30),
        ({"retry-after": "Sunday, 06-Nov-94 12:00:30 GMT", "date": NOON}, 30),
        ({"retry-after": "Sun Nov  6 12:00:30 1994", "date": NOON}, 30),
        ({"retry-after": "Sun, 06 Nov 1994 11:59:30 GMT", "date": NOON}, 0),
        ({"retry-after": "Sun, 06 Nov 1994 12:00:30 GMT"}, 0),
        ({"retry-after": "Sun, 06 Nov 1994 12:00:30 GMT", "date": "tomorrow"}, 0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """Every form of a requested wait is read; a date is compared with the endpoint's own clock."""
    assert requested_wait_s(headers) == seconds
    assert wait_s(error(429, **headers)) == seconds


def test_retry_after_without_a_clock() -> None:
    """A date from a server without a clock is compared with the local one."""
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert requested_wait_s({"retry-after": until}) == pytest.approx(60, abs=5)


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


DATES = st.from_regex(
    r"(Mon, |Monday, )?[0-9]{1,3}[ -]Jan[ -][0-9]{1,20} [0-9]{1,20}:[0-9]{2}(:[0-9]{2})? ([+-][0-9]{1,20}|GMT|CET)",
    fullmatch=True,
)


@given(st.one_of(st.text(), DATES, st.floats().map(str)), st.one_of(st.just(NOON), st.text(), DATES))
def test_any_retry_after(wait: str, date: str) -> None:
    """No header raises an error or gives a negative wait."""
    seconds = requested_wait_s({"retry-after": wait, "retry-after-ms": date, "date": date})
    assert seconds is None or seconds >= 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("x" * 10_000),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "message", "code", "type", "param", "detail"]), inner)
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
