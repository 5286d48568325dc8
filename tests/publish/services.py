"""Real servers for the tests marked `service`: started on a free port, stopped at the end."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import pytest

_READY_S = 300
"""A server of many packages starts slowly on a busy machine."""


def program(name: str, package: str) -> str:
    """The path of a program. Skips the test where its package is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {package}")
    return found


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(command: Sequence[str], ready: str, log: Path, **options: Any) -> Iterator[None]:
    """Run a server until the end of the block; `ready` is an address that answers 200 once it is ready."""
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, **options) as server:
        try:
            _wait(server, ready, log)
            yield
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()


def _wait(server: subprocess.Popen[bytes], ready: str, log: Path) -> None:
    end = time.monotonic() + _READY_S
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()[-2000:]
        with suppress(URLError, OSError), urlopen(ready, timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"not ready after {_READY_S} s: {log.read_text()[-2000:]}")


def get_json(url: str, **query: str) -> Any:
    """The JSON of an address."""
    words = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    with urlopen(f"{url}?{words}" if words else url, timeout=10) as answer:
        return json.load(answer)
