"""Untrusted bodies as JSON or text."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from evalharness.redaction import shortened
from evalharness.wire import EndpointError, HttpResponse

_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_HTML = ("text/html", "application/xhtml+xml")
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
    charset = named[1] if named else "utf-8"
    try:
        is_text = codecs.lookup(charset)._is_text_encoding
        text = data.decode("utf-8-sig" if charset.lower() in ("utf-8", "utf8") else charset) if is_text else None
    except LookupError:
        text = None
    except UnicodeError as error:
        raise EndpointError(f"the response is not {charset}: {getattr(error, 'reason', error)}") from None
    if text is None:
        raise EndpointError(f"the response has an unknown charset: {shortened(charset, 40)!r}")
    return text


def _refuse(constant: str) -> Any:
    raise ValueError(f"expected a number, got {constant}")
