"""A server on 127.0.0.1 that records requests and answers with given bytes: also wrong, endless or none."""

from __future__ import annotations

import json
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


Pieces = Iterable[bytes]


class Loopback:
    """Answers each request with the pieces that `reply` gives for it, and closes the connection."""

    def __init__(self, reply: Callable[[Asked], Pieces], *, tls: ssl.SSLContext | None = None) -> None:
        self.reply, self.asked = reply, list[Asked]()
        self.stopping = threading.Event()
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[socketserver.StreamRequestHandler]:
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError, ValueError):
                    asked = read(self.rfile)
                    outer.asked.append(asked)
                    for piece in outer.reply(asked):
                        self.wfile.write(piece)

        return Handler


def read(stream: Any) -> Asked:
    """A whole request. Raises ValueError: it is not HTTP."""
    method, path, _ = stream.readline().decode("latin-1").split(" ")
    headers = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Asked(method, path, headers, stream.read(int(headers.get("content-length", 0))))


def answer(value: Any = "", status: int = 200, **headers: str) -> list[bytes]:
    """One whole response."""
    body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
    lines = [f"HTTP/1.1 {status} Status", f"content-length: {len(body)}", "connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ["\r\n".join([*lines, "", ""]).encode() + body]


def drip(server: Loopback, *start: bytes) -> Iterator[bytes]:
    """The start, then a byte now and then, until the server stops."""
    yield from start
    while not server.stopping.wait(0.05):
        yield b"x"


def endless(_: Loopback, most: int) -> Iterator[bytes]:
    """A response of so many bytes."""
    yield f"HTTP/1.1 200 OK\r\ncontent-length: {most}\r\n\r\n".encode()
    for _number in range(most >> 16):
        yield b"x" * (1 << 16)
