"""The wait that an endpoint requests before a retry: in a header, in the body of the error, or in its words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT_S = 120.0
"""A longer requested wait is an immediate error, as in OpenAI's client."""
_RESETS = ("x-ratelimit-reset", "ratelimit-reset")
_EPOCH_S = 1e8
"""Larger numbers are seconds since 1970; a thousand times larger ones are milliseconds."""
_UNITS_S = {"ms": 0.001, "mil": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_AMOUNT = (
    r"(\d{1,9}(?:\.\d{1,9})?)\s?(milliseconds?|ms|minutes?|mins?|m|seconds?|secs?|s|hours?|hrs?|h|days?|d)(?![a-z])"
)
_PART = re.compile(_AMOUNT, re.IGNORECASE)
_RETRY_DELAY = re.compile(r"retryDelay[\\\"':\s]{1,40}(\d{1,9}(?:\.\d{1,9})?)s")
"""google.rpc.RetryInfo as JSON, also where a gateway quotes the body in a text."""
_RETRY_AFTER = re.compile(
    r"retry[-_]?after(_?ms|_?seconds|_s)?[\\\"':\s]{1,40}(\d{1,9}(?:\.\d{1,9})?)(?=[\\\"',}\s])", re.IGNORECASE
)
"""A field of the body, in seconds or milliseconds."""
_QUOTED_LIMIT = re.compile(
    r"(x-ratelimit-(?:reset|remaining)[a-z-]{0,40})[\\\"':\s]{1,40}([^\\\"',}]{1,40})", re.IGNORECASE
)
"""A header of the limit in the body, as OpenRouter sends it."""
_VERBS = "(?:(?:try again|retry)(?: your request)? (?:in|after)|wait(?: for)?)(?: about| at least| approximately)?"
_WORDS = re.compile(rf"{_VERBS} ((?:{_AMOUNT}(?:,? and |,? )?){{1,5}})", re.IGNORECASE)


def requested_wait_s(headers: Mapping[str, str], body: str = "") -> float | None:
    """Return the seconds to wait before a retry, None if the endpoint names no valid wait.

    The first of these counts: `retry-after-ms`; `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3); in
    the body `retryDelay` of google.rpc.RetryInfo, a field such as `retry_after_seconds`, or "try again in 1m2.5s"; the
    `x-ratelimit-reset*` of an exhausted limit, up to `LONGEST_WAIT_S`, as a header or in the body. A date counts from
    the response's Date header, or from this machine's clock without one.
    """
    limits = {**{name.lower(): value for name, value in _QUOTED_LIMIT.findall(body)}, **headers}
    for found in (_retry_after_s(headers), _in_body_s(body), _reset_s(limits)):
        if found is not None:
            return found
    return None


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    given = headers.get("retry-after")
    if (seconds := _number(given)) is not None:
        return seconds
    until = _date(given)
    return max(0.0, (until - _now(headers)).total_seconds()) if until else None


def _in_body_s(body: str) -> float | None:
    if found := _RETRY_DELAY.search(body):
        return float(found[1])
    if found := _RETRY_AFTER.search(body):
        return float(found[2]) / (1000 if (found[1] or "").lower().endswith("ms") else 1)
    return _duration_s(found[1]) if (found := _WORDS.search(body)) else None


def _reset_s(headers: Mapping[str, str]) -> float | None:
    """Return the longest time until an exhausted limit is whole again: more than a retry needs, so it never fails."""
    names = [name for name in headers if name.startswith(_RESETS)]
    exhausted = [name for name in names if not _number(headers.get(name.replace("reset", "remaining")))]
    waits = [wait for name in exhausted if (wait := _until_s(headers[name], headers)) is not None]
    return max((wait for wait in waits if wait <= LONGEST_WAIT_S), default=None)


def _until_s(text: str, headers: Mapping[str, str]) -> float | None:
    number = _number(text)
    if number is None:
        return _duration_s(text) if _PART.match(text) else None
    if number < _EPOCH_S:
        return number
    seconds = number / 1000 if number > 1000 * _EPOCH_S else number
    return max(0.0, seconds - _now(headers).timestamp())


def _duration_s(text: str) -> float:
    """Return the seconds of a text such as `1m2.5s`, `20ms` or `1 minute and 30 seconds`."""
    return sum(float(amount) * _unit_s(unit.lower()) for amount, unit in _PART.findall(text))


def _unit_s(unit: str) -> float:
    return _UNITS_S.get(unit) or _UNITS_S.get(unit[:3]) or _UNITS_S[unit[0]]


def _number(text: str | None) -> float | None:
    try:
        value = float((text or "").replace("_", "?"))  # float("1_0") is ten
    except ValueError:
        return None
    return value if value >= 0 else None  # infinity exceeds the limit; NaN counts as missing


def _now(headers: Mapping[str, str]) -> datetime:
    return _date(headers.get("date")) or datetime.now(UTC)


def _date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
