"""An application behind HTTP that takes and answers JSON, in threads of this process."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class JsonServer(ThreadingHTTPServer, ABC):
    """Answers each request with what `reply` returns."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, str, Any]] = []
        """Method, path, and what was sent: the JSON of a body, or the values of a query, a list for each name."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://localhost:{self.server_port}/ask/"

    @abstractmethod
    def reply(self, given: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[int, Any]:
        """The status and the JSON value of the answer."""

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve until the end of the block."""
        thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        with self:
            thread.start()
            try:
                yield
            finally:
                self.shutdown()
                thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(parse_qs(urlsplit(self.path).query))

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def _answer(self, given: Any) -> None:
        assert isinstance(self.server, JsonServer)
        self.server.requests.append((self.command, self.path.partition("?")[0], given))
        status, value = self.server.reply(given, self.headers)
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass
