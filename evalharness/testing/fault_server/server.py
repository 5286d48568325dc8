"""The fault server: an asyncio HTTP/1.1 server in a thread of its own that carries out scripts.

TCP -> _Connection -> Received (one whole request, logged) -> Script -> Reply (a row of steps) -> TCP
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from evalharness.testing.fault_server.http_bytes import first_request, headers_of, json_answer
from evalharness.testing.fault_server.scripts import healthy, not_found
from evalharness.testing.fault_server.steps import (
    Close,
    Hang,
    Packet,
    Received,
    Reply,
    Reset,
    Script,
    Send,
    Step,
    Wait,
)

TLS_HELLO = b"\x16\x03"
LINGER_ZERO = struct.pack("ii", 1, 0)
"""A close with this option sends RST instead of FIN."""


def _last_text(body: Any) -> str:
    try:
        content = body["messages"][-1]["content"]
        return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
    except (TypeError, KeyError, IndexError, AttributeError):
        return ""


def _marked(reply: Reply) -> Iterator[tuple[Step, bool]]:
    """Each step, and whether the reply is complete after it: nothing follows that sends or hangs."""
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
    """An OpenAI-compatible endpoint at `url`, between `with` and the end of the block.

    `log` holds the POSTs in order of arrival, `others` the other requests, `wire` every packet. A request is logged
    before its reply begins, so a client that has its response finds the request there. The lists only grow: reading
    them needs no lock. An exception in a script is raised at the end of the block.
    """

    def __init__(self, script: Script = healthy, *, tls: ssl.SSLContext | None = None, latency_s: float = 0.0) -> None:
        self.script = script
        self.latency_s = latency_s
        self.url = ""
        self.log: list[Received] = []
        self.others: list[Received] = []
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
        """How many connections can carry requests now."""
        return len(self._open)

    def _opened(self, connection: _Connection) -> None:
        """Count a connection that can carry requests."""
        self._open.add(connection)

    def _lost(self, connection: _Connection) -> None:
        """Forget a closed connection."""
        self._open.discard(connection)

    def _record(self, raw: bytes, content: bytes, stamps: tuple[float, float], connection: int) -> Received:
        """Log a request."""
        top = raw.partition(b"\r\n\r\n")[0]
        headers = headers_of(top)
        method, _, path = top.partition(b"\r\n")[0].decode("latin-1").rpartition(" ")[0].partition(" ")
        body = None
        with suppress(ValueError):
            body = json.loads(content)
        case = _last_text(body)
        attempt = self._attempts.get(case, 0)
        if method == "POST":
            self._attempts[case] = attempt + 1
        id_ = headers.get("x-client-request-id", "")
        request = Received(
            *stamps, None, connection, headers, raw, body, case, attempt, id_, method, path.partition("?")[0]
        )
        (self.log if method == "POST" else self.others).append(request)
        return request

    def _reply(self, request: Received) -> Reply:
        """The script's reply; 404 for an unknown path or method."""
        exists = request.path.endswith(("/chat/completions", "/embeddings", "/messages"))
        return self.script(request) if exists and request.method == "POST" else not_found(request)


class _Connection(asyncio.Protocol):
    """One TCP connection: reads requests one after the other and carries out the replies."""

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
        self._server._opened(self)

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
            self._server._record(self._waiting, b"", (self._began, self._last), self._number)
        self._server._lost(self)

    def _refuse(self) -> None:
        answer = json_answer({"error": {"message": "TLS is not spoken here"}}, 400)
        self._server.wire.append(Packet(time.monotonic(), self._number, True, answer))
        self.transport.write(answer)
        self.transport.close()

    def _next(self) -> None:
        if arrived := first_request(self._waiting):
            content, length = arrived
            request = self._server._record(self._waiting[:length], content, (self._began, self._last), self._number)
            self._waiting, self._began = self._waiting[length:], self._last
            self._answering = asyncio.get_running_loop().create_task(self._answer(request))

    async def _answer(self, request: Received) -> None:
        try:
            reply = self._server._reply(request)
            await asyncio.sleep(self._server.latency_s)
            for step, last in _marked(reply):
                await self._take(step, request, last)
        except Exception as error:
            self._server.failures.append(error)
            self.transport.abort()
        if request.headers.get("connection", "").lower() == "close":
            self.transport.close()
        self._answering = None
        if not self.transport.is_closing():
            self._next()

    async def _take(self, step: Step, request: Received, last: bool) -> None:
        match step:
            case Send():
                await self._send(step.data, request if last else None)
            case Wait():
                await asyncio.sleep(step.seconds)
            case Hang():
                await asyncio.Event().wait()
            case Close():
                self.transport.close()
            case Reset():
                self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
                self.transport.abort()

    async def _send(self, data: bytes, answered: Received | None) -> None:
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
