"""What an HTTP status and its headers mean for the one who asked. Decided by the code alone: HTTP/2 has no phrase."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from evalharness.errors import Again, ProviderError
from evalharness.redaction import shortened

LONGEST_WAIT_S = 120.0
"""A longer Retry-After is an error at once, as in OpenAI's own client."""
_NOTHING_DONE = {409, 425, 429, 500, 503, 529}
_OUTCOME_UNKNOWN = {408, 502, 504}
"""A gateway gave up, as those do that have numbers of their own from 520 on: the model behind it may have answered, and
been paid for it."""
_THROTTLED = {429, 529}
"""529 is Anthropic's "overloaded"."""
_CONTEXT_CODES = ("context_length_exceeded", "string_above_max_length", "exceed_context_size_error")
_CONTEXT = re.compile(r"prompt is too long|(maximum|available|exceeds? the) context", re.IGNORECASE)
_PARAMETER_CODES = ("unsupported_parameter", "unsupported_value", "unknown_parameter")
_PARAMETER = re.compile(
    r"(?<!\w)(temperature|seed|top_p|top_k|min_p|max_tokens|repeat_penalty|stop|stop_sequences|stream_options)(?!\w)"
)
_NOT_TAKEN = re.compile(r"support|deprecat|permit|allow|unknown|unrecogni[sz]ed|cannot both|extra input", re.IGNORECASE)
_PASSING_CODES = ("overloaded", "server_error", "api_error", "unavailable", "timeout", "rate_limit")
_MESSAGE_CHARS = 600


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error that an answer without status 200 stands for."""
    code, parameter, message = _explained(body)
    said = f"HTTP {status}" + (f" {code}" if code else "") + (f": {message}" if message else "")
    if code == "insufficient_quota":
        return ProviderError(f"the account has no money left: {said}", kind="quota", fatal=True)
    if status in (501, 505):
        return ProviderError(said, kind="server")
    if status in _NOTHING_DONE | _OUTCOME_UNKNOWN or status >= 500:
        return _passing(status, headers, said)
    if status in (401, 403):
        return ProviderError(f"the endpoint refuses the key: {said}", kind="auth", fatal=True)
    if 300 <= status < 400:
        where = headers.get("location", "nowhere")
        return ProviderError(
            f"the endpoint redirects (HTTP {status}) to {shortened(where)}, and a redirect is never followed; "
            "put the final address into base_url",
            kind="redirect",
        )
    if 200 <= status < 300:
        return ProviderError(f"HTTP {status} instead of an answer", kind="malformed", again="once", may_cost=True)
    return ProviderError(said, kind=_refusal(code, parameter, message))


def _passing(status: int, headers: Mapping[str, str], said: str) -> ProviderError:
    """An error that may be gone next time."""
    wait_s = retry_after_s(headers)
    kind = "rate limit" if status == 429 else "server"
    if wait_s is not None and wait_s > LONGEST_WAIT_S:
        in_ms = _number(headers.get("retry-after-ms")) is not None
        given = f"{headers['retry-after-ms']} ms" if in_ms else headers.get("retry-after")
        return ProviderError(f"{said}; it says to wait {given}, more than {LONGEST_WAIT_S:g} s", kind=kind)
    unknown = status not in _NOTHING_DONE
    again: Again = "once" if unknown else "safe"
    return ProviderError(said, kind=kind, again=again, wait_s=wait_s, throttled=status in _THROTTLED, may_cost=unknown)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds from now: `retry-after-ms`, or `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3).

    A date is read by the server's own clock where the answer has a Date. None for anything that is no time to wait.
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
        value = float((text or "").replace("_", "?"))  # float takes 1_0 for ten
    except ValueError:
        return None
    return value if value >= 0 else None  # infinity is more than anybody waits; NaN is nothing


def _date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _explained(body: bytes) -> tuple[str, str, str]:
    """Code, parameter and message of an error body; the body itself where it is not JSON."""
    text = body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "", "", shortened(" ".join(text.split()), _MESSAGE_CHARS)
    return explained(value)


def explained(value: Any) -> tuple[str, str, str]:
    """Code, parameter and message of an error object: `{"error": {...}}`, as every provider's differs a little."""
    error = value.get("error", value) if isinstance(value, dict) else value
    if not isinstance(error, dict):
        return "", "", shortened(error, _MESSAGE_CHARS)
    code = error.get("code") if isinstance(error.get("code"), str) else error.get("type")
    message = error.get("message") or error.get("detail") or json.dumps(error)
    return shortened(code or "", 100), shortened(error.get("param") or "", 100), shortened(message, _MESSAGE_CHARS)


def overloaded(code: str) -> bool:
    """Whether an error that came in the middle of an answer may be gone next time."""
    return any(word in code for word in _PASSING_CODES)


def _refusal(code: str, parameter: str, message: str) -> str:
    """The kind of a request that the endpoint does not want."""
    if code in _CONTEXT_CODES or _CONTEXT.search(message):
        return "context"
    named = _PARAMETER.search(f"{parameter} {message}")
    if code in _PARAMETER_CODES or (named and _NOT_TAKEN.search(message)):
        return "parameter"
    if code in ("content_filter", "content_policy_violation"):
        return "filtered"
    return "request"
