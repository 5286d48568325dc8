"""Untrusted bodies as JSON or text."""

from __future__ import annotations

import json
import re
from typing import Any

from evalharness.redaction import shortened
from evalharness.wire import EndpointError, HttpResponse

_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
CHARSETS = {
    **dict.fromkeys(("utf-8", "utf8"), "utf-8"),
    **dict.fromkeys(("ascii", "us-ascii"), "ascii"),
    **dict.fromkeys(("iso-8859-1", "latin-1", "latin1"), "latin-1"),
    **dict.fromkeys(("windows-1252", "cp1252"), "cp1252"),
    "utf-16": "utf-16",
}
"""Python's names of the charsets that are read. Any other one would be imported in the thread of the requests."""
MODULES = ("encodings.cp1252", "difflib")
"""What the text of an answer or of its error needs at first use."""
_HTML = ("text/html", "application/xhtml+xml")
_STREAMS = {"text/event-stream": "sse", "application/x-ndjson": "ndjson", "application/jsonl": "ndjson"}
_TEXT = ("text/plain", "text/markdown")
_MOST_SHOWN = 80


def json_of(data: str, what: str) -> Any:
    """Return the JSON value of a text. Raises EndpointError: it is not JSON; NaN and Infinity are not."""
    try:
        return json.loads(data, parse_constant=_refuse)
    except RecursionError:
        raise EndpointError(f"{what} is not JSON: it is nested too deeply") from None
    except ValueError as error:
        shown = " ".join(shortened(data, _MOST_SHOWN).split())
        raise EndpointError(f"{what} is not JSON: {error}: {shown!r}") from None


async def json_body(response: HttpResponse) -> Any:
    """Return the body as JSON. Raises EndpointError."""
    text = await text_body(response)
    if response.content_type in _HTML:
        shown = " ".join(shortened(text, _MOST_SHOWN).split())
        raise EndpointError(f"expected JSON, got {response.content_type}: {shown!r}")
    if hint := _STREAMS.get(response.content_type):
        raise EndpointError(f'expected JSON, got {response.content_type}: set stream = "{hint}"')
    return json_of(text, "the response")


async def plain_body(response: HttpResponse) -> str:
    """Return the body as text. Raises EndpointError: its type is not text."""
    if response.content_type not in _TEXT:
        raise EndpointError(f"expected JSON or text/plain, got {response.content_type or 'no content type'}")
    return await text_body(response)


async def text_body(response: HttpResponse) -> str:
    """Return the body as text, in the charset of its type. Raises EndpointError: it is empty or another charset."""
    data = await response.body()
    if not data.strip():
        raise EndpointError(f"the response is empty (HTTP {response.status})")
    named = _CHARSET.search(response.headers.get("content-type", ""))
    charset = named[1].lower() if named else "utf-8"
    if charset not in CHARSETS:
        known = ", ".join(sorted(set(CHARSETS.values())))
        raise EndpointError(f"the response has the charset {shortened(charset, 40)!r}: expected one of {known}")
    try:
        return data.decode(CHARSETS[charset]).removeprefix("\ufeff")
    except UnicodeError as error:
        raise EndpointError(f"the response is not {charset}: {getattr(error, 'reason', error)}") from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"expected a number, got {constant}")
