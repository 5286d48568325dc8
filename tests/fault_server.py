"""An HTTP/1.1 server that speaks OpenAI's streaming format, lies when told to, and writes down every byte.

    TCP -> _Connection -> Seen (one whole request, logged) -> Script -> Reply (a row of steps) -> TCP

It imports nothing of the project: what it wrote down is what the project's own counts are held against.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

CREATED = 1_750_000_000
DONE = b"data: [DONE]\n\n"
EVENT_STREAM = "text/event-stream; charset=utf-8"
TLS_HELLO = b"\x16\x03"
LINGER_ZERO = struct.pack("ii", 1, 0)
"""A close with this option sends RST instead of FIN."""

Chunk = dict[str, Any]
"""One `chat.completion.chunk`, before it becomes an event."""


@dataclass
class Seen:
    """One request that arrived whole, or as far as it came before its connection was lost."""

    at: float
    """time.monotonic() when its first byte arrived."""
    done_at: float
    """time.monotonic() when its last byte arrived."""
    answered_at: float | None
    """When the last byte of the answer was written, None while it was not: hung, reset before, or the client left."""
    connection: int
    """Number of the TCP connection, from 0."""
    headers: dict[str, str]
    """Lower-case names."""
    raw: bytes
    """Everything received, head and body."""
    body: Any
    """Parsed JSON, or None."""
    case: str
    """Text of the last message, "" when there is none."""
    attempt: int
    """0 for the first POST of this case, 1 for the second."""
    id: str
    """The header x-client-request-id, "" without."""
    method: str = "POST"
    path: str = ""

    @property
    def model(self) -> str:
        """The model that was asked for, "" when none was."""
        return str(self.body.get("model", "")) if isinstance(self.body, dict) else ""


@dataclass(frozen=True)
class Send:
    """Write these bytes."""

    data: bytes


@dataclass(frozen=True)
class Wait:
    """Be silent for so many seconds; 0 lets what was sent leave as a packet of its own."""

    seconds: float


@dataclass(frozen=True)
class Hang:
    """Be silent until the client leaves or the server stops."""


@dataclass(frozen=True)
class Close:
    """End the connection in order (FIN)."""


@dataclass(frozen=True)
class Reset:
    """Break the connection (RST)."""


Step = Send | Wait | Hang | Close | Reset
Reply = Iterable[Step]
"""What the server does with a request, step by step; lazy, so that it may send endlessly."""
Script = Callable[[Seen], Reply]


@dataclass(frozen=True)
class Packet:
    """Bytes as one read received them or one step sent them; with TLS, those inside."""

    at: float
    connection: int
    sent: bool
    data: bytes


def head(status: int = 200, headers: dict[str, str] | None = None, *, phrase: str | None = None) -> bytes:
    """The status line and the headers of an answer; `phrase` is the standard's unless it is given."""
    if phrase is None:
        phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Overloaded"
    fields = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    return f"HTTP/1.1 {status} {phrase}\r\n{fields}\r\n".encode("latin-1")


def chunked(parts: Iterable[bytes], *, trailers: str = "") -> bytes:
    """A body in chunked transfer encoding, one chunk a part, with its end."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part) + f"0\r\n{trailers}\r\n".encode()


def dechunk(data: bytes) -> tuple[bytes, int] | None:
    """The content of a chunked body without trailers, and how many bytes it took; None while it is not whole."""
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
    """JSON in UTF-8 as the providers write it: compact, nothing escaped that need not be."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def json_answer(value: object, status: int = 200, headers: dict[str, str] | None = None, **how: Any) -> bytes:
    """A whole answer with a JSON body."""
    body = to_json(value)
    fields = {"content-type": "application/json", "content-length": str(len(body))} | (headers or {})
    return head(status, fields, **how) + body


def sse_answer(events: Iterable[bytes], headers: dict[str, str] | None = None) -> bytes:
    """A whole answer that streams these events, one chunk of transfer encoding each."""
    fields = {"content-type": EVENT_STREAM, "transfer-encoding": "chunked"} | (headers or {})
    return head(200, fields) + chunked(events)


def answer_text(case: str) -> str:
    """What the server answers when nothing else was told."""
    return f"You asked: {case}"


def usage(text: str) -> dict[str, Any]:
    """A plausible bill for an answer."""
    words = len(text.split())
    cached = {"cached_tokens": 0}
    return {
        "prompt_tokens": words + 7,
        "completion_tokens": words,
        "total_tokens": 2 * words + 7,
        "prompt_tokens_details": cached,
    }


def chunk(model: str, delta: dict[str, Any], finish_reason: str | None = None) -> Chunk:
    """One chunk of a streamed answer."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _completion("chat.completion.chunk", model, [choice])


def _completion(kind: str, model: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    named = {"id": "chatcmpl-test", "object": kind, "created": CREATED, "model": model}
    return {**named, "system_fingerprint": "fp_test", "choices": choices}


def chunks(text: str, model: str, pieces: int = 3) -> list[Chunk]:
    """A streamed answer: a role, the text in pieces, a finish reason, the usage."""
    size = max(1, math.ceil(len(text) / pieces))
    content = [chunk(model, {"content": text[at : at + size]}) for at in range(0, len(text), size)]
    role = chunk(model, {"role": "assistant", "content": None, "refusal": None})
    bill = {**chunk(model, {}), "choices": [], "usage": usage(text)}
    return [role, *content, chunk(model, {}, "stop"), bill]


def event(data: object) -> bytes:
    """One server-sent event with JSON as its data."""
    return b"data: " + to_json(data) + b"\n\n"


def sse_events(answer: Iterable[Chunk]) -> list[bytes]:
    """The events of a streamed answer, [DONE] included."""
    return [*map(event, answer), DONE]


def completion(text: str, model: str) -> dict[str, Any]:
    """An answer that is not streamed."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {**_completion("chat.completion", model, [choice]), "usage": usage(text)}


def unit_vector(text: object) -> list[float]:
    """Eight numbers of length one that only the text decides."""
    numbers = random.Random(json.dumps(text))  # its seed goes through SHA-512: the same everywhere
    vector = [numbers.gauss(0, 1) for _ in range(8)]
    length = math.hypot(*vector)
    return [number / length for number in vector]


def embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request for embeddings, in floats or in base64 as asked."""
    given = body.get("input", [])
    texts = [given] if isinstance(given, str) else given
    vectors: list[Any] = [unit_vector(text) for text in texts]
    if body.get("encoding_format") == "base64":
        vectors = [base64.b64encode(struct.pack("<8f", *vector)).decode() for vector in vectors]
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    bill = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    return {"object": "list", "data": data, "model": body.get("model", ""), "usage": bill}


def healthy(seen: Seen) -> Reply:
    """The right answer."""
    if not isinstance(seen.body, dict):
        return [Send(json_answer({"error": {"message": "not JSON", "type": "invalid_request_error"}}, 400))]
    if seen.path.endswith("/embeddings"):
        return [Send(json_answer(embeddings(seen.body)))]
    text = answer_text(seen.case)
    if seen.body.get("stream"):
        return [Send(sse_answer(sse_events(chunks(text, seen.model))))]
    return [Send(json_answer(completion(text, seen.model)))]


def not_found(seen: Seen) -> Reply:
    """The answer to any path but the two that exist, whatever the script says."""
    error = {"message": f"Unknown request URL: {seen.method} {seen.path}", "type": "invalid_request_error"}
    return [Send(json_answer({"error": error}, 404))]


def too_many(headers: dict[str, str], **error: str) -> bytes:
    """A 429 with these headers."""
    body = {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"} | error
    return json_answer({"error": body}, 429, headers)


def token_bucket(rate: float, burst: float) -> Script:
    """Serves `rate` requests a second and `burst` at once; the others get 429 with Retry-After: 1."""
    level, filled_at = burst, -math.inf

    def script(seen: Seen) -> Reply:
        nonlocal level, filled_at
        level = min(burst, level + rate * (seen.done_at - filled_at)) if rate else level
        filled_at = seen.done_at
        if level < 1:
            return [Send(too_many({"retry-after": "1"}))]
        level -= 1
        return healthy(seen)

    return script


class Faulty(Protocol):
    """What `mixed` needs to know of a fault."""

    @property
    def script(self) -> Script:
        """What the server does."""

    @property
    def twice(self) -> bool:
        """Whether a client must survive it on two attempts in a row."""


AnyFault = TypeVar("AnyFault", bound=Faulty)


def draw(seed: int, share: float, faults: Sequence[AnyFault], case: str) -> tuple[AnyFault | None, int]:
    """The fault that `mixed` gives to a case, and on how many attempts: the oracle's side of it."""
    numbers = random.Random(f"{seed}\0{case}")
    if numbers.random() >= share:
        return None, 0
    fault = numbers.choice(faults)
    return fault, 2 if fault.twice and numbers.random() < 0.25 else 1


def mixed(seed: int, share: float, faults: Sequence[Faulty]) -> Script:
    """For a share of the cases a fault on the first attempt, for a quarter of those also on the second."""

    def script(seen: Seen) -> Reply:
        fault, attempts = draw(seed, share, faults, seen.case)
        return fault.script(seen) if fault and seen.attempt < attempts else healthy(seen)

    return script


def _headers(top: bytes) -> dict[str, str]:
    lines = top.decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _last_text(body: Any) -> str:
    try:
        content = body["messages"][-1]["content"]
        return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
    except (TypeError, KeyError, IndexError, AttributeError):
        return ""


def _first_request(data: bytes) -> tuple[bytes, int] | None:
    """The content and the length of the first request in what arrived; None while it is not whole."""
    top, blank, rest = data.partition(b"\r\n\r\n")
    if not blank:
        return None
    headers, start = _headers(top), len(top) + 4
    if "chunked" in headers.get("transfer-encoding", ""):
        body = dechunk(rest)
        return body and (body[0], start + body[1])
    length = int(headers.get("content-length", 0))
    return (rest[:length], start + length) if len(rest) >= length else None


def _marked(reply: Reply) -> Iterator[tuple[Step, bool]]:
    """Each step, and whether the answer is whole once it is done: nothing is sent later, and it does not hang."""
    held: list[Step] = []
    for step in reply:
        if isinstance(step, Send | Hang):
            yield from ((earlier, False) for earlier in held)
            held = [step]
        elif held:
            held.append(step)
        else:
            yield step, False
    yield from ((step, True) for step in held)


class FaultServer:
    """Listens on 127.0.0.1 in a thread of its own between `with` and the end of the block.

    `log` holds the POSTs in order of arrival and `others` what was no POST; both are appended to before an answer
    is sent, so a client that has its answer finds its request there. Lists only ever grow: reading needs no lock.
    """

    def __init__(self, script: Script = healthy, *, tls: ssl.SSLContext | None = None, latency_s: float = 0.0) -> None:
        self.script = script
        self.latency_s = latency_s
        self.url = ""
        self.log: list[Seen] = []
        self.others: list[Seen] = []
        self.wire: list[Packet] = []
        self.connections = 0
        self.failures: list[Exception] = []
        self._tls = tls
        self._open: set[_Connection] = set()
        self._greeting: set[asyncio.Task[None]] = set()
        self._attempts: dict[str, int] = {}
        self._stopping = asyncio.Event()

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._listener.setblocking(False)
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._work, name="fault server", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(timeout=60)
        assert not self._thread.is_alive(), "the fault server does not stop"
        if self.failures and error is None:
            raise self.failures[0]  # a script that raised would otherwise look like a lost connection

    @property
    def received(self) -> bytes:
        """Everything received, connection by connection."""
        return self._bytes(sent=False)

    @property
    def sent(self) -> bytes:
        """Everything sent, connection by connection."""
        return self._bytes(sent=True)

    def _bytes(self, *, sent: bool) -> bytes:
        packets = sorted((packet for packet in list(self.wire) if packet.sent == sent), key=lambda one: one.connection)
        return b"".join(packet.data for packet in packets)

    def _work(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        accepting = asyncio.create_task(self._accept())
        await self._stopping.wait()
        accepting.cancel()
        self._listener.close()
        while self._open or self._greeting:
            for waiting in self._greeting:
                waiting.cancel()
            for connection in list(self._open):
                connection.transport.abort()
            await asyncio.sleep(0)

    async def _accept(self) -> None:
        while True:
            client, _ = await self._loop.sock_accept(self._listener)
            task = self._loop.create_task(self._greet(client, self.connections))
            self.connections += 1
            self._greeting.add(task)
            task.add_done_callback(self._greeting.discard)

    async def _greet(self, client: socket.socket, number: int) -> None:
        with suppress(OSError):  # a client may well refuse our certificate
            await self._loop.connect_accepted_socket(lambda: _Connection(self, client, number), client, ssl=self._tls)

    @property
    def open_connections(self) -> int:
        """How many can carry requests now."""
        return len(self._open)

    def opened(self, connection: _Connection) -> None:
        """A connection may now carry requests."""
        self._open.add(connection)

    def lost(self, connection: _Connection) -> None:
        """A connection is no more."""
        self._open.discard(connection)

    def see(self, raw: bytes, content: bytes, stamps: tuple[float, float], connection: int) -> Seen:
        """Writes a request down."""
        top = raw.partition(b"\r\n\r\n")[0]
        headers = _headers(top)
        method, _, path = top.partition(b"\r\n")[0].decode("latin-1").rpartition(" ")[0].partition(" ")
        body = None
        with suppress(ValueError):
            body = json.loads(content)
        case = _last_text(body)
        attempt = self._attempts.get(case, 0)
        if method == "POST":
            self._attempts[case] = attempt + 1
        id_ = headers.get("x-client-request-id", "")
        seen = Seen(*stamps, None, connection, headers, raw, body, case, attempt, id_, method, path.partition("?")[0])
        (self.log if method == "POST" else self.others).append(seen)
        return seen

    def reply(self, seen: Seen) -> Reply:
        """What the script says, where there is something to ask at all."""
        exists = seen.path.endswith(("/chat/completions", "/embeddings"))
        return self.script(seen) if exists and seen.method == "POST" else not_found(seen)


class _Connection(asyncio.Protocol):
    """One TCP connection: takes requests one after the other, and carries out the replies."""

    transport: asyncio.Transport

    def __init__(self, server: FaultServer, client: socket.socket, number: int) -> None:
        self._server = server
        self._client = client
        self._number = number
        self._waiting = b""
        self._began = self._last = 0.0
        self._answering: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=0)  # so that "written" means: the kernel has it
        self.transport = transport
        self._server.opened(self)

    def data_received(self, data: bytes) -> None:
        self._last = time.monotonic()
        self._server.wire.append(Packet(self._last, self._number, False, data))
        self._began = self._began if self._waiting else self._last
        self._waiting += data
        if self._waiting.startswith(TLS_HELLO):
            self._refuse()
        elif self._answering is None:
            self._next()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, error: Exception | None) -> None:
        if self._answering:
            self._answering.cancel()
        if self._waiting:
            self._server.see(self._waiting, b"", (self._began, self._last), self._number)
        self._server.lost(self)

    def _refuse(self) -> None:
        answer = json_answer({"error": {"message": "TLS is not spoken here"}}, 400)
        self._server.wire.append(Packet(time.monotonic(), self._number, True, answer))
        self.transport.write(answer)
        self.transport.close()

    def _next(self) -> None:
        request = _first_request(self._waiting)
        if request:
            content, length = request
            seen = self._server.see(self._waiting[:length], content, (self._began, self._last), self._number)
            self._waiting, self._began = self._waiting[length:], self._last
            self._answering = asyncio.get_running_loop().create_task(self._answer(seen))

    async def _answer(self, seen: Seen) -> None:
        try:
            reply = self._server.reply(seen)
            await asyncio.sleep(self._server.latency_s)
            for step, last in _marked(reply):
                await self._take(step, seen, last)
        except Exception as error:
            self._server.failures.append(error)
            self.transport.abort()
        if seen.headers.get("connection", "").lower() == "close":
            self.transport.close()
        self._answering = None
        if not self.transport.is_closing():
            self._next()

    async def _take(self, step: Step, seen: Seen, last: bool) -> None:
        match step:
            case Send():
                await self._send(step.data, seen if last else None)
            case Wait():
                await asyncio.sleep(step.seconds)
            case Hang():
                await asyncio.Event().wait()
            case Close():
                self.transport.close()
            case Reset():
                self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
                self.transport.abort()

    async def _send(self, data: bytes, answered: Seen | None) -> None:
        if self.transport.is_closing():
            return
        now = time.monotonic()
        self._server.wire.append(Packet(now, self._number, True, data))
        if answered:  # stamped before the write: the client's next request may be here before we go on
            answered.answered_at = now
        self.transport.write(data)
        if not self._writable.is_set():
            await self._writable.wait()
            if answered:
                answered.answered_at = time.monotonic()
