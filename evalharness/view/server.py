"""The HTTP server of `evalharness view`: loopback, read only, and closed to other sites and users.

Every address begins with a random token. The Host header must be this server's own, so a page of another site whose
name leads to 127.0.0.1 (DNS rebinding) reads nothing. No header allows another origin.
"""

from __future__ import annotations

import hmac
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any, NoReturn

from evalharness.errors import EvalHarnessError
from evalharness.foreign import describe
from evalharness.logs import get_logger
from evalharness.view.site import Reply, Site

_log = get_logger(__name__)
ADDRESS = "127.0.0.1"
_MOST_CONNECTIONS = 32
_PATIENCE_S = 10
"""Seconds that a connection may be silent."""
_DIGITS = 6
"""Of the length of a body that is read and discarded: fewer."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


_TICK_S = 0.25


class Desk:
    """Makes the replies of all connections in the thread that calls `run`, one at a time.

    Imports belong to that thread (see `evalharness.modules`), and two large pages at once would take twice the memory.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[Future[Reply], Callable[[], Reply]]] = SimpleQueue()

    def reply(self, make: Callable[[], Reply]) -> Reply:
        """Wait for a reply. An exception becomes a 500 with its text."""
        future: Future[Reply] = Future()
        self._jobs.put((future, make))
        return future.result()

    def run(self) -> NoReturn:
        """Make replies until an interrupt."""
        while True:
            try:
                future, make = self._jobs.get(timeout=_TICK_S)
            except Empty:  # the system may deliver Ctrl-C to a thread of numpy, which does not wake this one
                continue
            try:
                future.set_result(make())
            except Exception as error:  # the page of one run must not end the server
                future.set_result(Reply(500, f"the page cannot be made: {describe(error)}\n".encode()))


class Server(ThreadingHTTPServer):
    """Listens on loopback. Port 0 takes a free one. Raises OSError: the port is in use."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = _MOST_CONNECTIONS  # the system drops those beyond it: the client tries again after a second

    def __init__(self, port: int, token: str, desk: Desk, site: Site) -> None:
        self.token, self.desk, self.site = token, desk, site
        self._free = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        super().__init__((ADDRESS, port), Handler)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The Host headers of this server."""
        return tuple(f"{name}:{self.server_port}" for name in (ADDRESS, "localhost"))

    @property
    def url(self) -> str:
        """The address of the index page."""
        return f"http://{self.hosts[0]}/{self.token}/"

    def server_bind(self) -> None:
        """Bind without a DNS query for the name of this machine."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = ADDRESS, int(self.socket.getsockname()[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Close a connection that is one too many."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left or fell silent ends its own connection only."""
        _log.debug("a connection of evalharness view ended with an error", exc_info=True)


class Handler(BaseHTTPRequestHandler):
    """One request. The connection ends with its reply."""

    server: Server
    timeout = _PATIENCE_S

    def parse_request(self) -> bool:
        """Read the request line and the headers; refuse other methods, hosts and tokens."""
        if not super().parse_request():
            return False
        if self.command != "GET":
            self._discard_body()
            self._send(Reply(405, b"expected the method GET\n", headers={"Allow": "GET"}))
            return False
        return True

    def do_GET(self) -> None:
        """Send the page, or why not."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or hosts[0].lower() not in self.server.hosts:
            self._send(Reply(403, b"unexpected Host header: open the address that evalharness view prints\n"))
            return
        start, _, path = self.path.partition("?")[0].removeprefix("/").partition("/")
        if not hmac.compare_digest(start.encode(), self.server.token.encode()):
            self._send(Reply(403, b"missing or wrong token: open the address that evalharness view prints\n"))
            return
        known = (self.headers.get("If-None-Match") or "").strip('"')
        self._send(self.server.desk.reply(partial(self.server.site.reply, f"/{path}", known)))

    def _discard_body(self) -> None:
        """Read a small body: the system resets a connection with unread data, and the reply may be lost."""
        length = self.headers.get("Content-Length") or ""
        if length.isdecimal() and len(length) < _DIGITS:
            self.rfile.read(int(length))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        headers = {**_HEADERS, "Content-Type": reply.kind, "Content-Length": str(len(reply.body)), **reply.headers}
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send what http.server refuses without markup."""
        self.close_connection = True
        self._send(Reply(code, b"not a request that this server reads\n"))

    def version_string(self) -> str:
        """The name of the server, without versions."""
        return "evalharness"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        """Print nothing: addresses hold the token."""


def serve(site: Site, port: int, token: str, ready: Callable[[str], None]) -> NoReturn:
    """Serve until an interrupt; `ready` gets the address of the index page.

    Raises EvalHarnessError: the port is in use.
    """
    desk = Desk()
    try:
        opened = Server(port, token, desk, site)
    except OSError as error:
        raise EvalHarnessError(f"port {port}: {error.strerror}: choose another one with --port") from None
    with opened as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            ready(server.url)
            desk.run()
        finally:
            server.shutdown()
