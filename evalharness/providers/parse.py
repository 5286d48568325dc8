"""Untrusted values of a response body, checked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from evalharness.redaction import shortened
from evalharness.wire import EndpointError
from evalharness.wire.error_body import unwrapped

CHARS_PER_TOKEN = 4
"""Of English text, by OpenAI's rule of thumb; for endpoints that return no token counts."""
_MOST_TOKENS = 10**12
"""Run records refuse larger counts."""
_MOST_REASONING = 1_000_000
"""Characters. More of it is left out with a note: reasoning is not the answer, and must not cost it."""
_MOST_DIGITS = 15


def from_json(data: str) -> dict[str, Any]:
    """Return the object in a chunk of the response. Raises EndpointError: no JSON object."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise EndpointError(f"a chunk of the response is not JSON: {error}") from None
    return json_object(unwrapped(value), "a chunk of the response")


def json_object(value: Any, name: str) -> dict[str, Any]:
    """Return the value if it is an object. Raises EndpointError."""
    if not isinstance(value, dict):
        raise EndpointError(f"{name}: expected a JSON object, got {shortened(value, 100)!r}")
    return value


def text_of(value: Any, name: str) -> str:
    """Return the value if it is a string, "" for null or a missing field. Raises EndpointError."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise EndpointError(f"{name}: expected a string, got {shortened(value, 100)!r}")
    return value


def token_count(value: Any, name: str) -> int:
    """Return the value if it is a token count, 0 for null or a missing field. Raises EndpointError."""
    if value is None:
        return 0
    count = whole_number(value)
    if count is None or not 0 <= count <= _MOST_TOKENS:
        raise EndpointError(f"{name}: expected a token count, got {shortened(value, 100)!r}")
    return count


def whole_number(value: Any) -> int | None:
    """Return the integer of a JSON number such as 12 or 12.0, or of its text; None for any other value."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def join_text(parts: Sequence[str]) -> str:
    """Return the text; the halves of a surrogate pair may be in two parts. Raises EndpointError: a lone half."""
    try:
        return "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise EndpointError("the response contains half a surrogate pair") from None


def bounded_reasoning(parts: Sequence[str]) -> str:
    """Return the reasoning as one text of at most a million characters."""
    text = "".join(parts)
    omitted = len(text) - _MOST_REASONING
    return text if omitted <= 0 else f"{text[:_MOST_REASONING]}\n[evalharness: {omitted} more characters left out]"
