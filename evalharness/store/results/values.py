"""Values of a foreign file: what has another type than expected counts as missing."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from evalharness.records import Message

_MAX_NAME = 200
_MOST_TOKENS, _MOST = 10**12, 10**9


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> Sequence[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else ()


def text(value: Any) -> str:
    """The value if it is a text, else ""."""
    return value if isinstance(value, str) else ""


def name(*values: Any) -> str:
    """The first value that is a text or an integer, on one line, cut to the length of a name; "" for none."""
    for value in values:
        is_name = isinstance(value, str | int) and not isinstance(value, bool)
        if is_name and (found := " ".join(str(value).split())):
            return found[:_MAX_NAME]
    return ""


def amount(value: Any) -> float | None:
    """A number of seconds or dollars, None for another value."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _MOST and math.isfinite(value) else None


def count(*values: Any) -> int:
    """The first value that is a number of tokens, 0 for none."""
    for value in values:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and 0 <= value <= _MOST_TOKENS and value == int(value):
            return int(value)
    return 0


def json_text(value: Any) -> str:
    """The value as JSON text; equal values have equal texts."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def digest(value: Any) -> str:
    """SHA-256 of a JSON value."""
    return hashlib.sha256(json_text(value).encode("utf-8", "surrogatepass")).hexdigest()


def content_text(content: Any) -> str | None:
    """The text of a message: a text, or the texts of its parts; None for another value."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts = [part.get("text") for part in content if isinstance(part, dict)]
    return "\n".join(part for part in parts if isinstance(part, str))


def messages(value: Any) -> tuple[Message, ...]:
    """A conversation; a text is one message of the user, and another value is JSON in one."""
    if isinstance(value, list) and value and all(isinstance(item, dict) and "role" in item for item in value):
        found = ((name(item["role"]), content_text(item.get("content"))) for item in value)
        return tuple(Message(role or "user", content or "") for role, content in found)
    return (Message("user", value if isinstance(value, str) else json_text(value)),)


def seconds_between(start: Any, end: Any) -> float | None:
    """Seconds between two times in ISO 8601, None if one is missing or the second is earlier."""
    try:
        found = (datetime.fromisoformat(text(end)) - datetime.fromisoformat(text(start))).total_seconds()
    except (ValueError, TypeError, OverflowError):  # TypeError: only one has a time zone
        return None
    return amount(found)
