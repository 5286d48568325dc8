"""A Ray cluster of real nodes on this machine, each in a session of its own that can be killed as a whole."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_START_S = 90.0
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_health_check_initial_delay_ms": "500",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "4",
}
"""A killed node is noticed after about two seconds instead of twenty."""
_OBJECTS = "--object-store-memory=80000000"


@dataclass
class Nodes:
    """The head node and its workers, one core each."""

    folder: Path
    more_env: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    sockets: str = field(default_factory=lambda: tempfile.mkdtemp(prefix="ray", dir="/tmp"))
    """Ray's own files: the path of a socket has at most 107 characters."""
    token: str = field(default_factory=lambda: secrets.token_hex(32))
    _sessions: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Return what a program needs to use the cluster."""
        return {"RAY_ADDRESS": f"127.0.0.1:{self.port}", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token}

    def start_head(self, cpus: int = 1, *more: str) -> None:
        """Start the first node, with more arguments of `ray start`, and wait until it listens."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._start("head", cpus, "--head", f"--port={self.port}", "--include-dashboard=false", *more)
        self.wait("head")

    def start(self, name: str, cpus: int = 1, **env: str) -> None:
        """Start a further node, without waiting for it."""
        self._start(name, cpus, f"--address=127.0.0.1:{self.port}", **env)

    def kill(self, name: str) -> None:
        """Kill all processes of a node at once, as if its machine lost power."""
        session = self._sessions.pop(name)
        for _ in range(3):  # a process may start another one meanwhile
            for pid in _of_session(session.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        session.wait()

    def close(self) -> None:
        """Kill all nodes."""
        for name in list(self._sessions):
            self.kill(name)
        shutil.rmtree(self.sockets, ignore_errors=True)

    def _start(self, name: str, cpus: int, *arguments: str, **env: str) -> None:
        words = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats", _OBJECTS]
        words += [f"--num-cpus={cpus}", "--node-ip-address=127.0.0.1", f"--temp-dir={self.sockets}", *arguments]
        ours = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
        with self._log(name).open("wb") as log:
            self._sessions[name] = subprocess.Popen(
                words,
                env={**ours, **_SETTINGS, **self.environment, **self.more_env, **env},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self, name: str) -> None:
        """Wait until a node is part of the cluster."""
        deadline = time.monotonic() + _START_S
        while "Ray runtime started" not in (text := self._log(name).read_text()):
            assert self._sessions[name].poll() is None, text[-3000:]
            assert time.monotonic() < deadline, f"node {name} did not start within {_START_S:g} s: {text[-3000:]}"
            time.sleep(0.1)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


@contextmanager
def nodes(folder: Path, *more: str, **env: str) -> Iterator[Nodes]:
    """Start a head node, with more arguments of `ray start`; all nodes end with the block."""
    cluster = Nodes(folder, env)
    try:
        cluster.start_head(1, *more)
        yield cluster
    finally:
        cluster.close()


def _of_session(session: int) -> list[int]:
    """The processes of a session: the workers of Ray have process groups of their own."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if entry.name.isdigit() and int(fields[3]) == session:
                found.append(int(entry.name))
    return found
