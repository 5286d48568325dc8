"""HTTP/1.1 as bytes: heads, chunked bodies, whole responses, and the first request in a stream."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

EVENT_STREAM = "text/event-stream; charset=utf-8"


def head(status: int = 200, headers: dict[str, str] | None = None, *, phrase: str | None = None) -> bytes:
    """The status line and the headers of a response; `phrase` defaults to the standard's."""
    if phrase is None:
        phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Overloaded"
    fields = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    return f"HTTP/1.1 {status} {phrase}\r\n{fields}\r\n".encode("latin-1")


def chunked(parts: Iterable[bytes], *, trailers: str = "") -> bytes:
    """A body in chunked transfer encoding, one chunk a part, with its end."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part) + f"0\r\n{trailers}\r\n".encode()


def dechunk(data: bytes) -> tuple[bytes, int] | None:
    """The content of a chunked body without trailers, and its encoded length; None for a partial body."""
    content, at = b"", 0
    while (line_end := data.find(b"\r\n", at)) >= 0:
        start, size = line_end + 2, int(data[at:line_end].partition(b";")[0], 16)
        at = start + size + 2
        if at > len(data):
            return None
        content += data[start : start + size]
        if not size:
            return content, at
    return None


def to_json(value: object) -> bytes:
    """Compact JSON in UTF-8 without needless escapes, as providers write it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def json_answer(value: object, status: int = 200, headers: dict[str, str] | None = None, **how: Any) -> bytes:
    """A whole response with a JSON body; `how` goes to `head`."""
    body = to_json(value)
    fields = {"content-type": "application/json", "content-length": str(len(body))} | (headers or {})
    return head(status, fields, **how) + body


def sse_answer(events: Iterable[bytes], headers: dict[str, str] | None = None) -> bytes:
    """A whole response that streams these events, one chunk of transfer encoding each."""
    fields = {"content-type": EVENT_STREAM, "transfer-encoding": "chunked"} | (headers or {})
    return head(200, fields) + chunked(events)


def headers_of(top: bytes) -> dict[str, str]:
    """The headers of a request's head, by lower-case name."""
    lines = top.decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def first_request(data: bytes) -> tuple[bytes, int] | None:
    """The content and the length of the first request in these bytes; None for a partial request."""
    top, blank, rest = data.partition(b"\r\n\r\n")
    if not blank:
        return None
    headers, start = headers_of(top), len(top) + 4
    if "chunked" in headers.get("transfer-encoding", ""):
        body = dechunk(rest)
        return body and (body[0], start + body[1])
    length = int(headers.get("content-length", 0))
    return (rest[:length], start + length) if len(rest) >= length else None
