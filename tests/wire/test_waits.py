"""How long an endpoint wants a client to wait: in headers, in the body of the error, or in its words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import RetryableError
from evalharness.wire.statuses import error_of
from evalharness.wire.waits import requested_wait_s

NOON = "Sun, 06 Nov 1994 12:00:00 GMT"
NOON_S = 784_123_200


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


def test_retry_after_without_a_clock() -> None:
    """A date from a server without a clock is compared with the local one."""
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert requested_wait_s({"retry-after": until}) == pytest.approx(60, abs=5)


def google(delay: str) -> str:
    """Gemini's 429 with google.rpc.RetryInfo (https://ai.google.dev/gemini-api/docs/troubleshooting)."""
    details = [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaValue": "10"}]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
    ]
    error = {"code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED", "details": details}
    return json.dumps({"error": error})


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (google("4.2s"), 4.2),
        (google("37s"), 37),
        (google("0s"), 0),
        (google("0.004112s"), 0.004112),
        (google("3600s"), 3600),
        (google("soon"), None),
        (google("-4s"), None),
        (f"[{google('4.2s')}]", 4.2),
        (json.dumps({"error": {"code": 429, "metadata": {"raw": google("4.2s")}}}), 4.2),
        (json.dumps({"error": {"message": json.dumps({"raw": google("4.2s")})}}), 4.2),
        ("Rate limit reached for gpt-4o. Please try again in 20ms. Visit https://host/limits.", 0.02),
        ("Please try again in 1.5s.", 1.5),
        ("Please try again in 1m2s.", 62),
        ("Please try again in 6m0s.", 360),
        ("Please try again in 7m12s.", 432),
        ("Please try again in 1h2m3.5s.", 3723.5),
        ("Please try again in 24h0m0s.", 86_400),
        ("Quota exceeded. Please retry in 4.2s.", 4.2),
        ("Please retry after 26 seconds.", 26),
        ("Please retry your request after 1 second.", 1),
        ("TRY AGAIN IN 2 MINUTES", 120),
        ("Try again in 1 minute and 30 seconds", 90),
        ("Try again in 2 hours, 5 minutes.", 7500),
        ("Please try again in 20 milliseconds", 0.02),
        ("Please try again in 3 days", 259_200),
        ('{"error": {"retry_after": 5}}', 5),
        ('{"error": {"retry_after_seconds": 2.5, "message": "No."}}', 2.5),
        ('{"error": {"retryAfterMs": "250"}}', 0.25),
        ('{"error": {"metadata": {"headers": {"Retry-After": "30"}}}}', 30),
        ('{"error": {"retry_after": null}}', None),
        ('{"error": {"retry_after": "2026-11-28T12:00:00Z"}}', None),
        ("Please wait 26 seconds before retrying.", 26),
        ("You must wait for about 2 minutes.", 120),
        ("Please try again later.", None),
        ("Please retry after 5 mistakes.", None),
        ("Please try again in 5", None),
        ("Limit 500, used 499. Retry.", None),
        ("", None),
    ],
)
def test_wait_in_the_body(body: str, seconds: float | None) -> None:
    """A wait is read from google.rpc.RetryInfo and from words, wherever a gateway puts them."""
    assert requested_wait_s({}, body) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s"}, 1),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m2.5s"}, 62.5),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "12ms"}, 0.012),
        ({"x-ratelimit-reset-requests": "7.66s"}, 7.66),
        ({"x-ratelimit-remaining-tokens": "9", "x-ratelimit-reset-tokens": "1s"}, None),
        (
            {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2s"}
            | {"x-ratelimit-remaining-tokens": "9", "x-ratelimit-reset-tokens": "50s"},
            2,
        ),
        ({"x-ratelimit-reset-requests": "2s", "x-ratelimit-reset-tokens": "5s"}, 5),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "30"}, 30),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOON_S + 30), "date": NOON}, 30),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "3000000000000"}, None),
        ({"x-ratelimit-reset": "1741305660000", "date": "Fri, 07 Mar 2025 00:00:00 GMT"}, 60),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "30"}, 30),
        ({"ratelimit-remaining": "5", "ratelimit-reset": "30"}, None),
        ({"x-ratelimit-reset": "soon"}, None),
        ({"x-ratelimit-reset": "inf"}, None),
        ({"x-ratelimit-reset": "-1"}, None),
    ],
)
def test_reset_headers(headers: dict[str, str], seconds: float | None) -> None:
    """The reset of an exhausted limit is a wait; it says when all of it is free again, so a long one is ignored."""
    assert requested_wait_s(headers) == (None if seconds is None else pytest.approx(seconds))


def openrouter(reset: str, remaining: str = "0") -> str:
    """OpenRouter's 429 with the limit in the body (https://github.com/Gitlawb/openclaude/issues/936)."""
    limit = {"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": reset}
    return json.dumps({"error": {"message": "Limit of a minute.", "code": 429, "metadata": {"headers": limit}}})


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (openrouter(str(1000 * (NOON_S + 30))), 30),
        (json.dumps({"error": {"message": openrouter(str(1000 * (NOON_S + 30)))}}), 30),
        (openrouter(str(1000 * (NOON_S + 30)), remaining="4"), None),
        (openrouter(str(1000 * (NOON_S + 3600))), None),
        (openrouter("soon"), None),
    ],
)
def test_limit_in_the_body(body: str, seconds: float | None) -> None:
    """A gateway that quotes the headers of a limit in the body requests the same wait as by headers."""
    assert requested_wait_s({"date": NOON}, body) == seconds


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after-ms": "250", "retry-after": "7"}, google("4.2s"), 0.25),
        ({"retry-after": "7", "x-ratelimit-reset": "9"}, google("4.2s"), 7),
        ({"retry-after": "soon", "x-ratelimit-reset": "9"}, google("4.2s"), 4.2),
        ({"x-ratelimit-reset": "9"}, "Please try again in 3s", 3),
        ({"x-ratelimit-reset": "9"}, "No.", 9),
    ],
)
def test_order(headers: dict[str, str], body: str, seconds: float) -> None:
    """A header for retries comes before the body, and the body before the state of the limits."""
    assert requested_wait_s(headers, body) == seconds
    found = error_of(429, httpx2.Headers(headers), body.encode())
    assert isinstance(found, RetryableError)
    assert found.wait_s == seconds


DATES = st.from_regex(
    r"(Mon, |Monday, )?[0-9]{1,3}[ -]Jan[ -][0-9]{1,20} [0-9]{1,20}:[0-9]{2}(:[0-9]{2})? ([+-][0-9]{1,20}|GMT|CET)",
    fullmatch=True,
)


@given(st.one_of(st.text(), DATES, st.floats().map(str)), st.one_of(st.just(NOON), st.text(), DATES))
def test_any_retry_after(wait: str, date: str) -> None:
    """No header raises an error or gives a negative wait."""
    seconds = requested_wait_s({"retry-after": wait, "retry-after-ms": date, "date": date})
    assert seconds is None or seconds >= 0


@given(st.text(), st.text(), st.sampled_from(["x-ratelimit-reset", "x-ratelimit-reset-tokens"]))
def test_any_body(body: str, value: str, name: str) -> None:
    """No body and no state of a limit raises an error or gives a negative wait."""
    for text in (body, f"try again in {body}", f'"retryDelay": "{body}"'):
        seconds = requested_wait_s({name: value}, text)
        assert seconds is None or seconds >= 0
