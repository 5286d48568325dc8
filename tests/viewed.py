"""`evalharness view` in a process of its own, and a record that grows beside it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from evalharness.records import Run
from evalharness.store import RunWriter
from evalharness.store.locks import RunLock
from evalharness.testing import run, sample

PATIENCE_S = 60
_ADDRESS = re.compile(r"view +(http://\S+)")


class Viewed:
    """The running command. `url` is the address that it printed."""

    def __init__(self, root: Path, *words: str) -> None:
        command = [sys.executable, "-m", "evalharness", "--root", str(root), "view", "--no-browser", *words]
        settings = {"XDG_CACHE_HOME": str(root / ".cache"), "CI": ""}
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.process = subprocess.Popen(command, env={**os.environ, **settings}, **pipes)
        assert self.process.stdout
        self.first = self.process.stdout.readline()
        while not (found := _ADDRESS.search(self.first)):
            line = self.process.stdout.readline()
            assert line, self.first
            self.first += line
        self.url = found[1]

    @property
    def host(self) -> str:
        """The Host header of the server."""
        return urlsplit(self.url).netloc

    @property
    def path(self) -> str:
        """The path of the address, with the token."""
        return urlsplit(self.url).path

    def get(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: str = ""
    ) -> http.client.HTTPResponse:
        """The reply to one request, with its body as `data`. No header is sent but Host and these."""
        connection = http.client.HTTPConnection(self.host, timeout=PATIENCE_S)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        sent = {"Host": self.host, **({"Content-Length": str(len(body))} if body else {}), **(headers or {})}
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(body.encode() or None)
        reply = connection.getresponse()
        reply.data = reply.read()  # type: ignore[attr-defined]
        connection.close()
        return reply

    def index(self) -> list[dict[str, Any]]:
        """The rows of the index page."""
        token = self.path.split("/")[1]
        rows: list[dict[str, Any]] = json.loads(self.get(f"/{token}/state").data)["runs"]  # type: ignore[attr-defined]
        return rows

    def stop(self) -> str:
        """Press Ctrl-C; the rest of the output. The exit status must be 0."""
        self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, rest
        return str(rest)


@contextmanager
def viewing(root: Path, *words: str) -> Iterator[Viewed]:
    """Serve until the end of the block."""
    viewed = Viewed(root, *words)
    try:
        yield viewed
    finally:
        viewed.process.kill()
        viewed.process.communicate()


class Growing:
    """A run in progress in `reports/NAME`, which this process writes."""

    def __init__(self, root: Path, name: str = "demo", text: str = "Answer {}.", cases: int = 4) -> None:
        self.folder = root / "reports" / name
        samples = [sample(f"case-{number}", text.format(number), model="m", prompt="p") for number in range(cases)]
        self.run: Run = run(samples, suite=name, gates={})
        self._lock = RunLock(self.folder, root)
        self._writer = RunWriter(self.folder / "run.jsonl", self.run.header, root)
        self._left = list(self.run.samples)

    def grow(self) -> None:
        """Append a sample."""
        self._writer.append(self._left.pop(0))

    def end(self) -> None:
        """End the record, and release the lock."""
        while self._left:
            self.grow()
        self._writer.end(self.run)
        self.release()

    def release(self) -> None:
        """Release the lock, as the end of a process does."""
        self._lock.release()
