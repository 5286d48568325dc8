"""HTTP status codes and headers as errors. The reason phrase is ignored: HTTP/2 has none."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from evalharness.errors import (
    BilledError,
    ModelUnavailableError,
    ProviderError,
    RetryableError,
    ThrottledError,
    UnknownOutcomeError,
)
from evalharness.redaction import shortened

LONGEST_WAIT_S = 120.0
"""A longer Retry-After is an immediate error, as in OpenAI's client."""
_NOTHING_DONE = {409, 425, 429, 500, 503, 529}
_OUTCOME_UNKNOWN = {408, 502, 504}
"""A gateway timed out, as with its private codes from 520 on: the model may have responded, and may bill it."""
_THROTTLED = {429, 529}
"""529 is Anthropic's "overloaded"."""
_CONTEXT_CODES = ("context_length_exceeded", "string_above_max_length", "exceed_context_size_error")
_CONTEXT = re.compile(r"prompt is too long|(maximum|available|exceeds? the) context", re.IGNORECASE)
_PARAMETER_CODES = ("unsupported_parameter", "unsupported_value", "unknown_parameter")
_PARAMETER = re.compile(
    r"(?<!\w)(temperature|seed|top_p|top_k|min_p|max_tokens|repeat_penalty|stop|stop_sequences|stream_options)(?!\w)"
)
_NOT_TAKEN = re.compile(r"support|deprecat|permit|allow|unknown|unrecogni[sz]ed|cannot both|extra input", re.IGNORECASE)
_TEMPORARY_CODES = ("overloaded", "server_error", "api_error", "unavailable", "timeout", "rate_limit")
_MESSAGE_CHARS = 600


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Return the error of a response whose status is not 200."""
    code, parameter, message = _parsed(body)
    text = f"HTTP {status}" + (f" {code}" if code else "") + (f": {message}" if message else "")
    if code == "insufficient_quota":
        return ModelUnavailableError(f"the account has no credit left: {text}", kind="quota")
    if status in (501, 505):
        return ProviderError(text, kind="server")
    if status in _NOTHING_DONE | _OUTCOME_UNKNOWN or status >= 500:
        return _temporary(status, headers, text)
    if status in (401, 403):
        return ModelUnavailableError(f"the endpoint rejects the key: {text}", kind="auth")
    if 300 <= status < 400:
        where = shortened(headers.get("location", "nowhere"))
        text = f"the endpoint redirects (HTTP {status}) to {where}, and redirects are not followed: set base_url to the"
        return ProviderError(f"{text} final address", kind="redirect")
    if 200 <= status < 300:
        return UnknownOutcomeError(f"expected HTTP 200, got HTTP {status}", kind="malformed")
    return ProviderError(text, kind=_rejection(code, parameter, message))


def _temporary(status: int, headers: Mapping[str, str], text: str) -> ProviderError:
    """Return the error of a status that a retry may cure."""
    wait_s = retry_after_s(headers)
    kind = "rate limit" if status == 429 else "server"
    is_unknown = status not in _NOTHING_DONE
    if wait_s is not None and wait_s > LONGEST_WAIT_S:
        final = BilledError if is_unknown else ProviderError
        return final(
            f"{text}; the requested wait of {_given(headers)} exceeds the limit of {LONGEST_WAIT_S:g} s", kind=kind
        )
    if is_unknown:
        return UnknownOutcomeError(text, kind=kind, wait_s=wait_s)
    retryable = ThrottledError if status in _THROTTLED else RetryableError
    return retryable(text, kind=kind, wait_s=wait_s)


def _given(headers: Mapping[str, str]) -> str:
    """Return the wait as the endpoint writes it."""
    in_ms = _number(headers.get("retry-after-ms")) is not None
    return f"{headers['retry-after-ms']} ms" if in_ms else headers["retry-after"]


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait: `retry-after-ms`, or `Retry-After` in seconds or as a date.

    A date counts from the response's Date header, or from this machine's clock without one. None: no valid wait.
    RFC 9110, section 10.2.3.
    """
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    given = headers.get("retry-after")
    if (seconds := _number(given)) is not None:
        return seconds
    until = _date(given)
    now = _date(headers.get("date")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds()) if until else None


def _number(text: str | None) -> float | None:
    try:
        value = float((text or "").replace("_", "?"))  # float("1_0") is ten
    except ValueError:
        return None
    return value if value >= 0 else None  # infinity exceeds the limit; NaN counts as missing


def _date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _parsed(body: bytes) -> tuple[str, str, str]:
    """Return code, parameter and message of an error body; a body that is not JSON is the message."""
    text = body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "", "", shortened(" ".join(text.split()), _MESSAGE_CHARS)
    return error_fields(value)


def error_fields(value: Any) -> tuple[str, str, str]:
    """Return code, parameter and message of `{"error": {...}}` in the dialect of any known endpoint."""
    error = value.get("error", value) if isinstance(value, dict) else value
    if not isinstance(error, dict):
        return "", "", shortened(error, _MESSAGE_CHARS)
    code = error.get("code") if isinstance(error.get("code"), str) else error.get("type")
    message = error.get("message") or error.get("detail") or json.dumps(error)
    return shortened(code or "", 100), shortened(error.get("param") or "", 100), shortened(message, _MESSAGE_CHARS)


def is_temporary(code: str) -> bool:
    """Return whether an error code in the middle of a stream names an overloaded server."""
    return any(word in code for word in _TEMPORARY_CODES)


def _rejection(code: str, parameter: str, message: str) -> str:
    """Return the kind of a request that the endpoint rejects."""
    if code in _CONTEXT_CODES or _CONTEXT.search(message):
        return "context"
    named = _PARAMETER.search(f"{parameter} {message}")
    if code in _PARAMETER_CODES or (named and _NOT_TAKEN.search(message)):
        return "parameter"
    if code in ("content_filter", "content_policy_violation"):
        return "filtered"
    return "request"
