"""The catalogue of server faults by number, each with the result that a client must give.

    with serve(FAULTS["stream-without-done"], tmp_path) as server:
        ...  # server.url leads into the fault, server.log holds the requests

Most faults change a healthy answer at one of its layers: chunks (JSON), events (SSE), bytes (HTTP).
"""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import socket
import ssl
import subprocess
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from functools import cache
from pathlib import Path
from typing import Any

from evalharness.testing.fault_server import (
    DONE,
    EVENT_STREAM,
    Chunk,
    Close,
    FaultServer,
    Hang,
    Received,
    Reply,
    Reset,
    Script,
    Send,
    Step,
    Wait,
    answer_text,
    chunk,
    chunked,
    chunks,
    completion,
    event,
    head,
    json_answer,
    sse_answer,
    sse_events,
    token_bucket,
    too_many,
)

DAY_S = 86_400
ELSEWHERE = "http://127.0.0.1:9/v1/chat/completions"
"""Another origin with a closed port; a test that counts requests there uses `redirect_to` with a server's url."""
PATH = "/v1/chat/completions"
STREAM = {"content-type": EVENT_STREAM}
CHUNKED = STREAM | {"transfer-encoding": "chunked"}
CLOSING = STREAM | {"connection": "close"}
JSON = {"content-type": "application/json"}
OVERLOADED = {"message": "The server is overloaded", "type": "overloaded_error", "code": None}
SERVER_ERROR = {"message": "The server had an error", "type": "server_error", "code": "server_error"}
ECHOED_KEY = "The field `user` must not be {key}."
BROKEN_KEY = "Incorrect API key provided: {key}. You can find your API key in your settings."
EMOJI = " \N{GRINNING FACE}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{ROCKET}"
NOT_LINE_ENDS = "a\u2028b\u2029c\u0085d"
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
LENIENT = "whole, though not by OpenAI's own format"
CONTROLS = "\x00\x0b\x0c\x1c\x1d\x1e\x7f\ufeff"


@dataclass(frozen=True)
class Fault:
    """A server's reply to every attempt of every case, and the result that a client must give."""

    id: str
    """Row of the catalogue, such as "A1"."""
    script: Script
    """The server's replies."""
    kind: str
    """The kind of the client's error when the fault stays; "ok": the client must accept the answer."""
    posts: int | None
    """POSTs of a client with 2 retries, 1 for an unknown outcome."""
    tls: str = ""
    """Kind of certificate: "good", "expired", "wrong host", "self-signed"; "none": an https url, but no TLS."""
    note: str = ""
    """A further requirement."""
    reach: str = ""
    """Why the server cannot be reached at all: "refused" or "dns"."""
    wait_s: float = 0.0
    """The least wait in seconds that the server demands before the next POST."""
    tail: str = ""
    """The text after `answer_text`."""

    @property
    def twice(self) -> bool:
        """Whether a client must survive it on two attempts in a row."""
        return self.posts == 3

    def text(self, case: str) -> str:
        """The text that a client must return for the kind "ok", unless the server echoes a key."""
        return answer_text(case) + self.tail


def raw(*steps: Step | bytes) -> Script:
    """The same steps for every request; bytes are sent."""
    row = [Send(step) if isinstance(step, bytes) else step for step in steps]
    return lambda seen: row


def of_bytes(edit: Callable[[bytes], Iterable[Step]], tail: str = "") -> Script:
    """A healthy answer with another delivery of its bytes."""
    return lambda seen: edit(sse_answer(sse_events(_healthy(seen, tail))))


def of_events(
    edit: Callable[[list[bytes]], Iterable[bytes]], headers: dict[str, str] | None = None, tail: str = ""
) -> Script:
    """A healthy answer with other events or headers."""
    return lambda seen: [Send(sse_answer(edit(sse_events(_healthy(seen, tail))), headers))]


def of_chunks(edit: Callable[[list[Chunk]], Iterable[Chunk]], tail: str = "") -> Script:
    """A healthy answer with edited chunks: a role, three of text, a finish reason, the usage."""
    return lambda seen: [Send(sse_answer(sse_events(edit(_healthy(seen, tail)))))]


def _healthy(seen: Received, tail: str = "") -> list[Chunk]:
    return chunks(answer_text(seen.case) + tail, seen.model)


def with_event(data: bytes) -> Script:
    """A healthy answer with one more event in the middle of its text."""
    return of_events(lambda events: [*events[:2], data, *events[2:]])


def with_chunk(**changes: Any) -> Script:
    """A healthy answer with one chunk of text changed; None means null."""
    return of_chunks(lambda answer: [answer[0], answer[1] | changes, *answer[2:]])


def with_choice(**changes: Any) -> Script:
    """A healthy answer with one choice changed."""
    return of_chunks(lambda answer: [answer[0], _choice(answer[1], **changes), *answer[2:]])


def _choice(one: Chunk, **changes: Any) -> Chunk:
    return one | {"choices": [one["choices"][0] | changes]}


def _with_delta(one: Chunk, **delta: Any) -> Chunk:
    return _choice(one, delta=delta)


def everywhere(**changes: Any) -> Script:
    """A healthy answer with every chunk changed."""
    return of_chunks(lambda answer: [one | changes for one in answer])


def finished(reason: str, *deltas: dict[str, Any]) -> Script:
    """An answer with this finish reason, after its text or after these deltas instead."""

    def edit(answer: list[Chunk]) -> list[Chunk]:
        middle = [_with_delta(answer[0], **delta) for delta in deltas] or answer[1:-2]
        return [answer[0], *middle, _choice(answer[-2], finish_reason=reason), answer[-1]]

    return of_chunks(edit)


def delimited(
    edit: Callable[[bytes], bytes], length: Callable[[int], int] | None = None, *, declared: str = "", top: bytes = b""
) -> Script:
    """A body without chunks that ends with the connection, or after `length` of its true length."""

    def script(seen: Received) -> Reply:
        body = b"".join(sse_events(_healthy(seen)))
        size = str(length(len(body))) if length else declared
        first = head(200, CLOSING | ({"content-length": size} if size else {}))
        return [Send((top + first[first.index(b"\r\n") :] if top else first) + edit(body)), Close()]

    return script


def failed(status: int, code: str | None = None, phrase: str | None = None, **error: Any) -> Script:
    """An answer with an error status and OpenAI's error object."""
    object_ = {"message": f"The server says {status}", "type": "error", "param": None, "code": code} | error
    return raw(json_answer({"error": object_}, status, phrase=phrase))


def limited(**headers: str) -> Script:
    """429 with these headers."""
    return raw(too_many({name.replace("_", "-"): value for name, value in headers.items()}))


def limited_until(wait_s: float, clock_ahead_s: float = 0.0, *, dated: bool = True) -> Script:
    """429 with an HTTP date in Retry-After, and the server's clock in Date if `dated`."""

    def script(seen: Received) -> Reply:
        now = time.time() + clock_ahead_s
        date = {"date": formatdate(now, usegmt=True)} if dated else {}
        return [Send(too_many(date | {"retry-after": formatdate(now + wait_s, usegmt=True)}))]

    return script


def redirect_to(url: str, status: int = 307) -> Script:
    """A redirect of every request."""
    return raw(head(status, {"location": url, "content-length": "0"}))


def endless(first: bytes, part: bytes, every_s: float) -> Script:
    """A first part, then another one for ever."""
    return lambda seen: itertools.chain([Send(first)], itertools.cycle((Send(part), Wait(every_s))))


def flood(first: bytes, part: bytes, times: int, last: bytes) -> Script:
    """More than a client may keep, in pieces: a client that stops early does not receive them all."""
    return lambda seen: itertools.chain([Send(first)], itertools.repeat(Send(part), times), [Send(last), Close()])


def bytewise(script: Script, every_s: float = 0.0) -> Script:
    """The same answer, one byte per packet."""

    def split(step: Step) -> Iterable[Step]:
        if not isinstance(step, Send):
            return (step,)
        return (part for byte in step.data for part in (Send(bytes([byte])), Wait(every_s)))

    return lambda seen: itertools.chain.from_iterable(map(split, script(seen)))


def pieces(data: bytes, *borders: bytes) -> Iterator[Step]:
    """Packets that each end after the first byte of one of these sequences."""
    for border in borders:
        before, _, data = data.partition(border)
        yield Send(before + border[:1])
        yield Wait(0.01)
        data = border[1:] + data
    yield Send(data)


def rewritten(one: bytes, **how: Any) -> bytes:
    """An event with another spelling of its JSON, on several lines if `how` says so."""
    if one == DONE:
        return one
    lines = json.dumps(json.loads(one[6:]), **how).encode().split(b"\n")
    return b"".join(b"data: %s\n" % line for line in lines) + b"\n"


def respelt(old: bytes, new: bytes) -> Script:
    """A healthy answer with these bytes replaced in its events."""
    return of_events(lambda events: [one.replace(old, new) for one in events])


def compressed(seen: Received, encoding: str) -> Reply:
    """A healthy answer, compressed without a request for it."""
    body = b"".join(sse_events(_healthy(seen)))
    body = gzip.compress(body) if "gzip" in encoding else zlib.compress(body)
    return [Send(head(200, STREAM | {"content-encoding": encoding, "content-length": str(len(body))}) + body)]


@cache
def bomb(times: int, layers: int) -> bytes:
    """`times` 16 MiB of zeros, gzipped; in two layers 640 of them take 50 kB."""
    data = gzip.compress(bytes(2**24)) * times
    return gzip.compress(data) if layers == 2 else data


def exploding(times: int, layers: int) -> Script:
    """A small answer that is huge after decompression."""

    def script(seen: Received) -> Reply:
        body, encoding = bomb(times, layers), ", ".join(["gzip"] * layers)
        return [Send(head(200, STREAM | {"content-encoding": encoding, "content-length": str(len(body))}) + body)]

    return script


def echoed(reply: Callable[[Received, str], bytes | list[Chunk]]) -> Script:
    """An answer that contains the client's own key."""

    def script(seen: Received) -> Reply:
        answer = reply(seen, seen.headers.get("authorization", "").removeprefix("Bearer "))
        return [Send(answer if isinstance(answer, bytes) else sse_answer(sse_events(answer)))]

    return script


def _key_in(**changes: str) -> Script:
    def filled(key: str) -> dict[str, str]:
        return {name: value.format(key=key) for name, value in changes.items()}

    return echoed(lambda seen, key: [one | filled(key) for one in _healthy(seen)])


def _key_in_text(text: str, part: str = "content") -> Script:
    return echoed(lambda seen, key: [chunk(seen.model, {part: text.format(key=key)}), chunk(seen.model, {}, "stop")])


def _key_in_halves(seen: Received, key: str) -> list[Chunk]:
    half = len(key) // 2
    parts = [chunk(seen.model, {"content": part}) for part in ("Your key: ", key[:half], key[half:], ".")]
    return [*parts, chunk(seen.model, {}, "stop")]


def _key_in_trailer(seen: Received, key: str) -> bytes:
    return head(200, CHUNKED | {"trailer": "x-key"}) + chunked(sse_events(_healthy(seen)), trailers=f"x-key: {key}\r\n")


def _key_in_error(status: int, message: str = BROKEN_KEY) -> Script:
    return echoed(lambda seen, key: json_answer({"error": {"message": message.format(key=key)}}, status))


def cut_stream(length_at_least: int = 2000) -> bytes:
    """A whole, valid HTTP response with a body that ends with the connection."""
    body, words = b"", "Zwölf Boxkämpfer jagen Viktor \N{VICTORY HAND} quer über den Deich."
    while len(body) < length_at_least:
        body = b"".join(sse_events(chunks(words, "cut", pieces=8)))
        words += f" {words}"
    return head(200, CLOSING) + body


CUTS = cut_stream().partition(b"\r\n\r\n")[2]
"""The body that `cut_at` cuts."""


def cut_at(n: int) -> Script:
    """The first n bytes of CUTS and an orderly close, which the protocol takes for the end of the body."""
    return raw(head(200, CLOSING) + CUTS[:n], Close())


def _family(id_: str, kind: str, posts: int, scripts: dict[str, Script], **more: Any) -> dict[str, Fault]:
    """The faults of one row with the same required result."""
    return {name: Fault(id_, script, kind, posts, **more) for name, script in scripts.items()}


def _collect(*families: dict[str, Fault]) -> dict[str, Fault]:
    faults = {name: fault for family in families for name, fault in family.items()}
    assert len(faults) == sum(map(len, families)), "two faults of one name"
    return faults


def _statuses(codes: Iterable[int], **how: Any) -> dict[str, Script]:
    return {f"status-{code}": failed(code, **how) for code in codes}


def _phrased(codes: Iterable[int]) -> dict[str, Script]:
    bare = {f"status-{code}-no-phrase": failed(code, phrase="") for code in codes}
    return _statuses(codes) | bare | {f"status-{code}-html": raw(_page(_HTML, status=code)) for code in codes}


def _page(text: bytes, kind: str = "text/html", status: int = 200) -> bytes:
    return head(status, {"content-type": kind, "content-length": str(len(text))}) + text


def _interim(*lines: str) -> Script:
    return of_bytes(lambda answer: [Send("".join(f"HTTP/1.1 {line}\r\n\r\n" for line in lines).encode() + answer)])


def _headed(fields: bytes) -> Script:
    """A healthy answer with these raw header lines added."""
    return of_bytes(lambda answer: [Send(answer.replace(b"\r\n", b"\r\n" + fields, 1)), Close()])


def _top(line: bytes) -> Script:
    """A healthy answer under another status line."""
    return of_bytes(lambda answer: [Send(line + b"\r\n" + answer.partition(b"\r\n")[2]), Close()])


def _grown(answer: list[Chunk]) -> list[Chunk]:
    bill = answer[-1]["usage"]
    return [one | {"usage": bill | {"completion_tokens": at}} for at, one in enumerate(answer[:-1])] + answer[-1:]


_TEXT = b'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n'
_END = event(chunk("m", {}, "stop")) + DONE
_MIB = b"a" * 2**20
_HTML = b"<!doctype html><html><body>Sign in to the guest network</body></html>"
_NESTED = b'data: {"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n\n"
_JSON = json_answer(completion("You asked", "m")).partition(b"\r\n\r\n")[2]
_SWOLLEN = 17
"""MiB; a client may take 16."""

FAULTS = _collect(
    _family("A1", "rate limit", 3, wait_s=1.0, scripts={
        "retry-after-seconds": limited(retry_after="1"),
        "retry-after-date-without-clock": limited_until(2, dated=False),
    }),
    _family("A1", "rate limit", 3, wait_s=1.0, scripts={
        "retry-after-date": limited_until(1),
        "retry-after-date-clock-ahead": limited_until(1, DAY_S),
        "retry-after-date-clock-behind": limited_until(1, -DAY_S),
    }),
    _family("A1", "rate limit", 3, wait_s=0.3, scripts={
        "retry-after-ms": limited(retry_after_ms="300"),
        "retry-after-fraction": limited(retry_after="0.3"),
    }),
    _family("A1", "rate limit", 3, wait_s=0.3, scripts={
        "retry-info": failed(429, details=[{"retryDelay": "0.3s"}]),
        "retry-info-in-a-list": raw(json_answer([{"error": {"code": 429, "details": [{"retryDelay": "0.3s"}]}}], 429)),
        "try-again-in": failed(429, message="Rate limit reached. Please try again in 300ms."),
        "reset-of-a-limit": limited(x_ratelimit_remaining_tokens="0", x_ratelimit_reset_tokens="0.3s"),
    }),
    _family("A1", "rate limit", 3, {
        "retry-after-absent": limited(),
        "retry-after-empty": limited(retry_after=""),
        "retry-after-zero": limited(retry_after="0"),
        "retry-after-negative": limited(retry_after="-5"),
        "retry-after-nan": limited(retry_after="nan"),
        "retry-after-garbage": limited(retry_after="soon"),
        "retry-after-superscript": limited(retry_after="\u00b2"),
        "retry-after-ms-garbage": limited(retry_after_ms="soon", retry_after="0"),
        "retry-after-past": limited_until(-3600),
        "retry-after-no-such-date": limited(retry_after="Thu, 99 Foo 2026 25:61:61 GMT"),
    }),
    _family("A1", "rate limit", 1, {
        "retry-after-121": limited(retry_after="121"),
        "retry-after-hour": limited(retry_after="3600"),
        "retry-after-1e9": limited(retry_after="1000000000"),
        "retry-after-inf": limited(retry_after="inf"),
        "retry-after-many-digits": limited(retry_after="9" * 5000),
        "retry-after-ms-1e9": limited(retry_after_ms="1000000000"),
        "retry-after-day-date": limited_until(DAY_S),
        "try-again-in-a-day": failed(429, message="Please try again in 24h0m0s."),
    }),
    _family("A1", "quota", 1, {
        "insufficient-quota": raw(too_many({}, type="insufficient_quota", code="insufficient_quota")),
    }),
    _family("A2", "rate limit", 3, {"empty-bucket": token_bucket(0, 0)}, wait_s=1.0),
    _family("A3", "server", 3, {
        **_phrased((409, 500, 503, 529)),
        "status-500-empty": raw(head(500, {"content-length": "0"})),
        "status-500-no-space": raw(b"HTTP/1.1 500\r\ncontent-length: 0\r\n\r\n"),
        "status-503-retry-after": raw(json_answer({"error": OVERLOADED}, 503, {"retry-after": "0"})),
    }),
    _family("A3", "server", 2, _phrased((502, 504, 408))),
    _family("A4", "request", 1, {
        **_statuses((400, 413, 415, 422, 451)),
        "status-400-html": raw(_page(_HTML, status=400)),
        "status-400-string": raw(json_answer({"error": "bad"}, 400)),
        "status-400-list": raw(json_answer([{"error": None}], 400)),
        "status-422-detail": raw(json_answer({"detail": [{"loc": ["body", "n"], "msg": "no"}]}, 422)),
    }),
    _family("A4", "not found", 1, _statuses((404, 405, 410))),
    _family("A4", "quota", 1, _statuses((402,))),
    _family("A4", "auth", 1, {**_phrased((401, 403)), "invalid-api-key": failed(401, "invalid_api_key")}),
    _family("A4", "context", 1, {"context-length": failed(400, "context_length_exceeded", param="messages")}),
    _family("A4", "parameter", 1, {
        "unsupported-parameter": failed(400, "unsupported_parameter", param="max_tokens"),
        "unsupported-value": failed(400, "unsupported_value", param="temperature"),
    }),
    _family("A4", "filtered", 1, {"content-filter-400": failed(400, "content_filter", param="prompt")}),
    _family("A5", "connect", 0, {"connect-refused": of_chunks(list)}, reach="refused"),
    _family("A5", "connect", 0, {"dns-failure": of_chunks(list)}, reach="dns"),
    _family("A5", "tls", 0, {"tls-expired": of_chunks(list)}, tls="expired"),
    _family("A5", "tls", 0, {"tls-wrong-host": of_chunks(list)}, tls="wrong host"),
    _family("A5", "tls", 0, {"tls-self-signed": of_chunks(list)}, tls="self-signed"),
    _family("A5", "tls", 0, {"tls-not-spoken": of_chunks(list)}, tls="none"),
    _family("A5", "ok", 1, {"tls-good": of_chunks(list)}, tls="good", note="the control of the others"),
    _family("A6", "connection", 2, {
        "reset-before-head": raw(Reset()),
        "close-before-head": raw(Close()),
        "reset-in-head": raw(b"HTTP/1.1 200 OK\r\ncontent-", Wait(0.01), Reset()),
        "close-in-head": raw(b"HTTP/1.1 200 OK\r\ncontent-", Close()),
        "close-in-status-line": raw(b"HTTP/1.1 2", Close()),
        "close-after-100": raw(b"HTTP/1.1 100 Continue\r\n\r\n", Close()),
    }),
    _family("A6", "ok", 1, note="a later POST must not meet the dead connection", scripts={
        "length-larger-after-done": delimited(lambda body: body, lambda length: length + 100),
        "close-after-answer": of_bytes(lambda answer: [Send(answer), Close()]),
        "reset-after-answer": of_bytes(lambda answer: [Send(answer), Wait(0), Reset()]),
    }),
    _family("A7", "truncated", 2, {
        "length-larger": delimited(lambda body: body[: len(body) // 2], lambda length: length),
        "length-smaller": delimited(lambda body: body, lambda length: length // 2),
        "length-without-body": delimited(lambda body: b"", lambda length: length),
        "json-length-larger": raw(head(200, JSON | {"content-length": "900"}) + b'{"id":"x","choices":[', Close()),
        "reset-in-body": of_bytes(lambda answer: [Send(answer[: len(answer) // 2]), Wait(0.01), Reset()]),
    }),
    _family("A8", "truncated", 2, {
        "stream-without-finish": of_events(lambda events: events[:-3] + events[-2:]),
        "stream-without-done-and-usage": of_events(lambda events: events[:-2]),
        "stream-without-done-and-half-an-event": of_events(lambda events: [*events[:-1], b'data: {"choi']),
        "stream-without-both": of_events(lambda events: events[:-3]),
        "stream-of-role": of_events(lambda events: events[:1]),
        "stream-of-done": of_events(lambda events: events[-1:]),
        "stream-empty": of_events(lambda events: []),
        "stream-closed-empty": delimited(lambda body: b""),
        "stream-closed-between-events": delimited(lambda body: body[: body.index(b"\n\n", len(body) // 3) + 2]),
        "stream-closed-in-event": delimited(lambda body: body[: len(body) // 2]),
        "stream-closed-in-done": delimited(lambda body: body[:-6]),
    }),
    _family("A9", "truncated", 2, {
        "cut-in-chunk": of_bytes(lambda answer: [Send(answer[:600]), Close()]),
        "cut-in-chunk-size": of_bytes(lambda answer: [Send(answer[: answer.rindex(b"data: {") - 3]), Close()]),
        "cut-in-crlf": of_bytes(lambda answer: [Send(answer[: answer.rindex(b"\r\n", 0, -300) + 1]), Close()]),
        "cut-in-utf8": of_bytes(lambda answer: [Send(answer[: answer.index(b"\xf0") + 2]), Close()], EMOJI),
        "cut-in-utf8-orderly": raw(head(200, CLOSING) + CUTS[: CUTS.index(b"\xc3") + 1], Close()),
    }),
    _family("A9", "malformed", 2, {
        "chunk-size-garbage": raw(head(200, CHUNKED) + b"zz\r\nwhat\r\n0\r\n\r\n", Close()),
        "chunk-size-negative": raw(head(200, CHUNKED) + b"-5\r\nwhat\r\n0\r\n\r\n", Close()),
        "chunk-without-crlf": raw(head(200, CHUNKED) + b"4\r\nwhatever\r\n0\r\n\r\n", Close()),
    }),
    _family("A10", "ok", 1, {
        "comments": of_events(lambda events: [b": a note\n" + one for one in events]),
        "pings": of_bytes(lambda answer: [
            Send(answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"), *(Send(b"8\r\n: ping\n\n\r\n"), Wait(0.05)) * 4,
            Send(answer.partition(b"\r\n\r\n")[2]),
        ]),
        "lines-of-data": of_events(lambda events: [rewritten(one, indent=1) for one in events]),
        "bom": of_events(lambda events: [b"\xef\xbb\xbf" + events[1], *events[2:]]),
        "line-end-cr": respelt(b"\n", b"\r"),
        "line-end-crlf": respelt(b"\n", b"\r\n"),
        "line-ends-mixed": respelt(b"\n\n", b"\r\n\r"),
        "packets-of-one-byte": bytewise(of_chunks(list)),
        "packets-of-one-byte-crlf": bytewise(respelt(b"\n", b"\r\n")),
        "chunks-of-one-byte-crlf": of_events(
            lambda events: [bytes([byte]) for one in events for byte in one.replace(b"\n", b"\r\n")]
        ),
        "chunk-borders": of_events(lambda events: [(part := b"".join(events))[:150], part[150:777], part[777:]]),
        "chunk-extensions": of_bytes(lambda answer: [Send(answer.replace(b"\r\ndata:", b";x=y\r\ndata:"))]),
        "done-twice": of_events(lambda events: [*events, DONE]),
        "content-type-plain": of_events(list, {"content-type": "text/plain"}),
        "content-type-empty": of_events(list, {"content-type": ""}),
        "no-space": respelt(b"data: ", b"data:"),
        "unknown-fields": respelt(b"data: ", b"event: x\nid: 7\nretry: 9\nodd: y\nodd\ndata: "),
        "usage-growing": of_chunks(_grown),
        "usage-null": of_chunks(lambda answer: [*[one | {"usage": None} for one in answer[:-1]], answer[-1]]),
        "usage-null-throughout": everywhere(usage=None),
        "usage-missing": of_chunks(lambda answer: answer[:-1]),
        "roles-only": of_chunks(lambda answer: [part for one in answer for part in (answer[0], one)]),
        "empty-deltas": of_chunks(lambda answer: [part for one in answer for part in (_with_delta(answer[0]), one)]),
        "empty-content": of_chunks(lambda answer: [answer[0], _with_delta(answer[0], content=""), *answer[1:]]),
        "no-choices-first": of_chunks(lambda answer: [answer[0] | {"choices": []}, *answer]),
        "finish-with-text": of_chunks(
            lambda answer: [*answer[:-3], _choice(answer[-3], finish_reason="stop"), answer[-1]]
        ),
        "delimited-by-close": delimited(lambda body: body),
        "delimited-by-length": delimited(lambda body: body, lambda length: length),
    }),
    _family("A10", "ok", 1, note=LENIENT, scripts={
        "choices-null": with_event(event({"choices": None})),
        "choices-absent": with_event(event({"object": "chat.completion.chunk"})),
        "choice-empty": with_event(event({"choices": [{}]})),
        "delta-null": with_event(event({"choices": [{"index": 0, "delta": None, "finish_reason": None}]})),
        "data-empty": with_event(b"data:\n\n"),
        "index-null": respelt(b'"index":0', b'"index":null'),
        "stream-without-done": of_events(lambda events: events[:-1]),
        "done-without-blank-line": of_events(lambda events: [*events[:-1], b"data: [DONE]"]),
    }),
    _family("A10", "ok", 1, tail=EMOJI, scripts={
        "emoji-split": of_bytes(
            lambda answer: pieces(answer, b"\xf0\x9f", b"\x9f\x98", b"\xe2\x80", b"\xf0\x9f"), EMOJI
        ),
        "emoji-escaped": of_events(lambda events: [rewritten(one) for one in events], tail=EMOJI),
    }),
    _family("A10", "ok", 1, {"not-line-ends": of_chunks(list, NOT_LINE_ENDS)}, tail=NOT_LINE_ENDS),
    _family("A10", "ok", 1, {"control-characters": of_chunks(list, CONTROLS)}, tail=CONTROLS),
    _family("A10", "server", 2, {
        "error-event-overloaded": with_event(b"event: error\n" + event({"error": OVERLOADED})),
        "error-event-server": with_event(b"event: error\n" + event({"error": SERVER_ERROR})),
        "error-chunk-overloaded": with_event(event({"error": OVERLOADED})),
        "error-chunk-server": with_event(event({"error": SERVER_ERROR})),
        "json-error": raw(json_answer({"error": {"message": "no", "type": "server_error"}})),
        "error-chunk-last": of_events(lambda events: [*events[:2], event({"error": SERVER_ERROR})]),
    }),
    _family("A10", "rate limit", 2, {
        "error-chunk-rate-limit": with_event(event({"error": {"code": "rate_limit_exceeded"}})),
    }),
    _family("A10", "request", 1, {
        "error-event-request": with_event(b"event: error\n" + event({"error": {"type": "invalid_request_error"}})),
    }),
    _family("A10", "malformed", 2, {
        "error-event-text": with_event(b"event: error\ndata: something broke\n\n"),
        "error-chunk-string": with_event(event({"error": "boom"})),
    }),
    _family("A11", "deadline", 1, {
        "silence": raw(Hang()),
        "silence-in-head": raw(b"HTTP/1.1 200 OK\r\ncontent-", Hang()),
        "silence-after-head": raw(head(200, CHUNKED), Hang()),
        "silence-in-body": of_bytes(lambda answer: [Send(answer[: len(answer) // 2]), Hang()]),
        "silence-before-done": of_bytes(lambda answer: [Send(answer[: answer.index(b"[DONE]")]), Hang()]),
    }),
    _family("A12", "deadline", 1, {
        "drip": bytewise(of_chunks(list), every_s=0.5),
        "drip-of-pings": endless(head(200, CLOSING), b": ping\n\n", 0.2),
        "drip-of-text": endless(head(200, CLOSING), _TEXT % b"a", 0.05),
        "drip-of-header": endless(b"HTTP/1.1 200 OK\r\nx-drip: ", b"a", 0.2),
        "drip-of-1xx": endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n", 0.2),
    }),
    _family("A13", "malformed", 2, {
        "html": raw(_page(_HTML)),
        "html-as-stream": raw(_page(_HTML, EVENT_STREAM)),
        "plain-text": raw(_page(b"OK", "text/plain")),
        "json-empty-object": raw(json_answer({})),
        "json-empty-list": raw(json_answer([])),
        "json-null": raw(json_answer(None)),
        "json-choices-null": raw(json_answer(completion("x", "m") | {"choices": None})),
        "json-choices-empty": raw(json_answer(completion("x", "m") | {"choices": []})),
        "choices-string": with_chunk(choices="You"),
        "choices-object": with_chunk(choices={"0": {}}),
        "choices-of-null": with_chunk(choices=[None]),
        "delta-string": with_choice(delta="You"),
        "content-number": with_choice(delta={"content": 42}),
        "content-list": with_choice(delta={"content": ["You"]}),
        "finish-number": with_choice(finish_reason=7),
        "event-list": with_event(event([])),
        "event-string": with_event(event("You")),
        "event-null": with_event(event(None)),
        "event-no-json": with_event(b"data: You\n\n"),
        "event-deep": with_event(_NESTED),
        "event-huge-number": with_event(b'data: {"choices":[],"created":' + b"9" * 5000 + b"}\n\n"),
        "lone-surrogate": with_event(_TEXT % rb"\ud83d"),
        "invalid-utf8": with_event(_TEXT % b"\xff"),
        "invalid-utf8-half": with_event(_TEXT % b"\xf0\x9f\x98"),
        "invalid-utf8-surrogate": with_event(_TEXT % b"\xed\xa0\xbd"),
    }),
    _family("A13", "refused", 1, {
        "refusal": finished("refusal"),
        "refusal-after-text": finished("refusal", {"content": "Well, "}),
    }),
    _family("A14", "malformed", 2, {
        "json-truncated": raw(_page(_JSON[: len(_JSON) // 2], "application/json")),
        "json-truncated-by-one": raw(_page(_JSON[:-1], "application/json")),
        "event-truncated": with_event(event(completion("x", "m"))[:60] + b"\n\n"),
    }),
    _family("A15", "ok", 1, {"encoding-identity": _headed(b"content-encoding: identity\r\n")}),
    _family("A15", "malformed", 2, {
        "gzip": lambda seen: compressed(seen, "gzip"),
        "deflate": lambda seen: compressed(seen, "deflate"),
        "encoding-unknown": _headed(b"content-encoding: br, zstd\r\n"),
        "bomb": exploding(64, 1),
        "bomb-in-bomb": exploding(640, 2),
        "swollen-text": flood(head(200, CLOSING), _TEXT % _MIB, _SWOLLEN, _END),
        "swollen-event": flood(head(200, CLOSING) + _TEXT.partition(b"%s")[0], _MIB, _SWOLLEN, b'"}}]}\n\n' + _END),
        "swollen-comment": flood(head(200, CLOSING) + b": ", _MIB, _SWOLLEN, b"\n\n" + CUTS),
        "swollen-json": flood(head(200, JSON | {"connection": "close"}) + b'"', _MIB, _SWOLLEN, b'"'),
    }),
    _family("A16", "redirect", 1, {
        **{f"redirect-{code}": redirect_to(PATH, code) for code in (301, 302, 303, 307, 308)},
        **{f"redirect-{code}-elsewhere": redirect_to(ELSEWHERE, code) for code in (301, 302, 303, 307, 308)},
        "redirect-nowhere": raw(head(307, {"content-length": "0"})),
        "redirect-empty": redirect_to(""),
        "redirect-file": redirect_to("file:///etc/passwd"),
        "redirect-no-url": redirect_to("http://["),
    }),
    _family("A16", "redirect", 1, {"redirect-downgrade": redirect_to(ELSEWHERE, 308)}, tls="good"),
    _family("A17", "ok", 1, {
        "cookies": _headed(b"set-cookie: session=spy; path=/\r\n" * 20),
        "trailers": of_bytes(lambda answer: [Send(answer[:-2] + b"x-trailer: late\r\n\r\n")]),
        "http-1.0": delimited(lambda body: body, top=b"HTTP/1.0 200 OK"),
        "interim-100": _interim("100 Continue"),
        "interim-103": _interim("103 Early Hints\r\nlink: </x>", "102 Processing"),
        "second-answer": of_bytes(lambda answer: [Send(answer + json_answer(completion("spoofed", "m")))]),
    }, note="cookies: none goes back; second-answer: no later POST on its connection may end with it"),
    _family("A17", "malformed", 2, {
        "header-100mb": flood(b"HTTP/1.1 200 OK\r\nx-bomb: ", b"a" * 2**16, 1600, b"\r\n\r\n"),
        "headers-many": _headed(b"".join(b"x-%d: bomb\r\n" % number for number in range(30_000))),
        "header-nul": _headed(b"x-nul: a\0b\r\n"),
        "header-no-colon": _headed(b"what is this\r\n"),
        "length-garbage": delimited(lambda body: body, declared="many"),
        "length-negative": delimited(lambda body: body, declared="-1"),
        "length-twice": delimited(lambda body: body, declared="10\r\ncontent-length: 20"),
        "transfer-encoding-unknown": raw(head(200, STREAM | {"transfer-encoding": "rot13"}) + CUTS, Close()),
        "http-0.9": raw(_HTML + b"\r\n\r\n", Close()),
        "other-protocol": raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n", Close()),
        "status-words": _top(b"HTTP/1.1 two hundred OK"),
        "status-20": _top(b"HTTP/1.1 20 OK"),
        "status-101": _top(b"HTTP/1.1 101 Switching Protocols"),
        "status-204": raw(head(204)),
        "status-206": _top(b"HTTP/1.1 206 Partial Content"),
        "interim-then-garbage": raw(b"HTTP/1.1 102 Processing\r\n\r\nwhat is this?\r\n\r\n", Close()),
    }),
    _family("A18", "ok", 1, {"finish-length": finished("length")}, note="reported as cut by its length"),
    _family("A18", "filtered", 1, {"finish-filtered": finished("content_filter")}),
    _family("A18", "tool call", 1, {
        "finish-tool": finished("tool_calls", {"tool_calls": [{"index": 0, "function": {"name": "f"}}]}),
        "finish-tool-after-text": finished("tool_calls"),
    }),
    _family("A19", "ok", 1, note="recorded as answered", scripts={
        "model-other": everywhere(model="another-model"),
        "model-changes": with_chunk(model="another-model"),
        "model-null": everywhere(model=None),
        "fingerprint-other": everywhere(system_fingerprint="fp_other"),
        "fingerprint-null": everywhere(system_fingerprint=None),
    }),
    _family("A20", "ok", 1, note="durations must not depend on it", scripts={
        "date-2038": _headed(b"date: Tue, 19 Jan 2038 03:14:08 GMT\r\n"),
        "date-garbage": _headed(b"date: tomorrow\r\n"),
    }),
    _family("H2", "ok", 1, note="the key must not be stored", scripts={
        "key-in-text": _key_in_text("Your key: {key}."),
        "key-in-refusal": _key_in_text("Your key: {key}.", part="refusal"),
        "key-in-halves": echoed(_key_in_halves),
        "key-in-letters": echoed(lambda seen, key: chunks(f"Your key: {key}.", seen.model, pieces=1000)),
        "key-in-model": _key_in(model="m-{key}"),
        "key-in-fingerprint": _key_in(system_fingerprint="fp_{key}"),
        "key-in-id": _key_in(id="chatcmpl-{key}"),
        "key-in-header": echoed(lambda seen, key: sse_answer(sse_events(_healthy(seen)), {"x-request-id": key})),
        "key-in-trailer": echoed(_key_in_trailer),
        "key-in-comment": echoed(lambda seen, key: sse_answer([f": {key}\n\n".encode(), *sse_events(_healthy(seen))])),
        "key-in-base64": echoed(lambda seen, key: chunks(base64.b64encode(key.encode()).decode(), seen.model)),
    }),
    _family("H2", "auth", 1, {f"key-in-{status}": _key_in_error(status) for status in (401, 403)}),
    _family("H2", "auth", 1, {"rejected-key-in-400": _key_in_error(400)}),
    _family("H2", "request", 1, {"key-in-400": _key_in_error(400, ECHOED_KEY)}),
    _family("H2", "server", 3, {"key-in-500": _key_in_error(500)}),
    _family("H2", "rate limit", 3, {
        "key-in-429": _key_in_error(429),
        "key-in-retry-after": echoed(lambda seen, key: too_many({"retry-after": key})),
    }),
    _family("H2", "server", 2, {
        "key-in-event": echoed(lambda seen, key: sse_answer([event({"error": SERVER_ERROR | {"message": key}})])),
    }),
    _family("H2", "malformed", 2, {
        "key-in-html": echoed(lambda seen, key: _page(f"<p>{key}</p>".encode())),
        "key-in-status-line": echoed(lambda seen, key: f"HTTP/1.1 {key} OK\r\n\r\n".encode()),
    }),
    _family("H2", "redirect", 1, {
        "key-in-location": echoed(lambda seen, key: head(307, {"location": f"{PATH}?{key}", "content-length": "0"})),
    }),
)  # fmt: skip


def _certify(name: str, folder: Path) -> None:
    """Write NAME.pem and NAME.key, signed by the authority in ca.pem."""
    host = "DNS:elsewhere.example" if name == "wrong host" else "IP:127.0.0.1"
    identifiers = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid"
    (folder / "leaf.cnf").write_text(f"subjectAltName={host}\nbasicConstraints=CA:FALSE\n{identifiers}\n")
    _openssl(folder, "req", *KEY, "-keyout", f"{name}.key", "-out", "leaf.csr", "-subj", "/CN=fault server")
    days = "-1" if name == "expired" else "2"
    signed_by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial")
    _openssl(
        folder,
        "x509",
        "-req",
        "-in",
        "leaf.csr",
        *signed_by,
        "-days",
        days,
        "-extfile",
        "leaf.cnf",
        "-out",
        f"{name}.pem",
    )


def _self_sign(name: str, folder: Path) -> None:
    """Write NAME.pem and NAME.key, self-signed."""
    usage = ("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "keyUsage=critical,digitalSignature,keyCertSign")
    _openssl(
        folder,
        "req",
        "-x509",
        *KEY,
        "-keyout",
        f"{name}.key",
        "-out",
        f"{name}.pem",
        "-days",
        "2",
        "-subj",
        f"/CN={name}",
        *usage,
    )


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def tls_context(name: str, folder: Path) -> ssl.SSLContext:
    """The server's TLS context with this kind of certificate; writes it and ca.pem into `folder`."""
    if not (folder / "ca.pem").exists():
        _self_sign("ca", folder)
    _self_sign(name, folder) if name == "self-signed" else _certify(name, folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


@contextmanager
def serve(fault: Fault, folder: Path, latency_s: float = 0.0) -> Iterator[FaultServer]:
    """A server with this fault at its `url`; with TLS, `folder` holds the ca.pem to trust."""
    tls = tls_context(fault.tls, folder) if fault.tls not in ("", "none") else None
    with FaultServer(fault.script, tls=tls, latency_s=latency_s) as server, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound but not listening: the port stays closed
        if fault.reach == "refused":
            server.url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        elif fault.reach == "dns":
            server.url = "http://fault-server.invalid/v1"
        elif fault.tls == "none":
            server.url = server.url.replace("http:", "https:")
        yield server
