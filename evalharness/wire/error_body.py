"""The body of an error in the dialect of any known endpoint: its code, parameter, message and status."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from evalharness.redaction import shortened

_MESSAGE_CHARS = 600
_STATUSES = (
    ("insufficient_quota", 429),
    ("billing_error", 402),
    ("rate_limit", 429),
    ("resource_exhausted", 429),
    ("too_many_requests", 429),
    ("overloaded", 529),
    ("unavailable", 503),
    ("timeout", 504),
    ("deadline_exceeded", 504),
    ("server_error", 500),
    ("api_error", 500),
    ("internal", 500),
    ("authentication", 401),
    ("unauthorized", 401),
    ("invalid_api_key", 401),
    ("permission", 403),
    ("not_found", 404),
    ("too_large", 413),
    ("invalid_request", 400),
    ("invalid_argument", 400),
    ("badrequest", 400),
    ("context_length", 400),
    ("content_filter", 400),
    ("validation", 422),
)
"""A part of an error code, and the status that an endpoint sends with it outside a stream. The first match counts."""

_CODES = ("code", "status", "type", "error_type")
_NUMBERS = ("code", "status", "status_code", "raw_status_code")


class ErrorBody(NamedTuple):
    """The fields of an error, shortened for a message."""

    code: str
    parameter: str
    message: str
    status: int | None
    """The HTTP status that the body names by number or by code."""
    raw: str
    """The whole body."""


def error_body(text: str) -> ErrorBody:
    """Return the fields of a body as text; a body that is not JSON is the message."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ErrorBody("", "", shortened(" ".join(text.split()), _MESSAGE_CHARS), None, text)
    return error_fields(value, text)


def error_fields(value: Any, raw: str = "") -> ErrorBody:
    """Return the fields of `{"error": {...}}`, also in a list, as text, or without `error`."""
    outer = unwrapped(value)
    outer = outer if isinstance(outer, dict) else {"error": outer}
    error = outer.get("error") or outer
    fields = error if isinstance(error, dict) else {**outer, "message": error}
    code = next((word for name in _CODES if (word := _word(fields, name)) and not word.isdecimal()), "")
    message = fields.get("message") or fields.get("detail") or _json(fields)
    parameter = shortened(fields.get("param") or "", 100)
    short = shortened(message, _MESSAGE_CHARS)
    return ErrorBody(shortened(code, 100), parameter, short, _status(fields), raw or _json(value))


def unwrapped(value: Any) -> Any:
    """Return the object of `[{"error": ...}]`, as Gemini sends it; any other value unchanged."""
    is_wrapped = isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) and "error" in value[0]
    return value[0] if is_wrapped else value


def _status(fields: Mapping[str, Any]) -> int | None:
    for word in (_word(fields, name) for name in _NUMBERS):
        if word.isascii() and word.isdecimal() and len(word) == 3 and 400 <= int(word) < 600:
            return int(word)
    codes = " ".join(_word(fields, name) for name in _CODES).lower()
    return next((status for part, status in _STATUSES if part in codes), None)


def _word(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _json(value: Any) -> str:
    try:
        return json.dumps(value)
    except RecursionError:
        return ""
