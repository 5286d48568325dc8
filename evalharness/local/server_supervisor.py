"""The server process of one model, restarted after crashes up to a limit."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from evalharness.errors import ProviderError
from evalharness.local.child_process import STOPPED, ChildError, ChildProcess
from evalharness.local.model_file import ModelFile
from evalharness.logs import get_logger
from evalharness.providers.openai import OpenAIProvider
from evalharness.redaction import Secret

_log = get_logger(__name__)
MAX_CRASHES = 4
"""Crashes of the server in one run. A request in flight at a crash is not repeated."""
_SERVER = "the model's server"
START_DEADLINE_S = 300.0


class ServerSupervisor:
    """Owns at most one running server. Thread-safe."""

    def __init__(
        self, file: ModelFile, settings: Mapping[str, Any], connect: Callable[[str, Secret], OpenAIProvider]
    ) -> None:
        """Remember how to start the server.

        `settings`: the request of `evalharness.local.server`. `connect`: makes a client from base URL and key.
        """
        self._file, self._settings, self._connect = file, settings, connect
        self._starting = threading.Lock()
        self._children: list[ChildProcess] = []
        """One for each start, the current one last."""
        self._clients: list[OpenAIProvider] = []
        self._unloads = 0
        self._closed = self._unloaded = False

    @property
    def pid(self) -> int | None:
        """The process id of the current server, or of the last one."""
        return self._children[-1].pid if self._children else None

    @property
    def stopped(self) -> bool:
        """Whether requests must not start a server."""
        return self._closed or self._unloaded

    def server(self) -> tuple[ChildProcess, OpenAIProvider]:
        """A running server and its client. Raises ProviderError.

        One thread starts it, the others wait.
        """
        with self._starting:
            if self._children and self._children[-1].alive and not self.stopped:
                return self._children[-1], self._clients[-1]
            self._check_startable()
            return self._start()

    def load(self) -> None:
        """Start the server, also after `unload`.

        The next request raises the error of a failed start.
        """
        self._unloaded = False
        with suppress(ProviderError):
            self.server()

    def unload(self) -> None:
        """End the server until `load`."""
        self._unloaded = True
        if self._children and self._children[-1].alive:
            _log.info("%s unloads", self._file.path.name)
            self._unloads += 1
            self._children[-1].kill()

    def close(self) -> None:
        """End the server for good."""
        self._closed = True
        for child in self._children:
            child.kill()

    async def close_connections(self) -> None:
        """Close the clients, and the pipes of the processes that `close` has ended."""
        for client in self._clients:
            await client.close()
        for child in self._children:
            child.close()

    def _check_startable(self) -> None:
        if self.stopped:
            raise ProviderError(STOPPED, kind="stopped")
        if self._file.refusal:
            raise ProviderError(self._file.refusal, kind="load")
        crashes = len(self._children) - self._unloads
        if crashes >= MAX_CRASHES:
            how = self._children[-1].exit_message()
            raise ProviderError(f"no more restarts: {_SERVER} died {crashes} times ({how})", kind="crash")

    def _start(self) -> tuple[ChildProcess, OpenAIProvider]:
        key = Secret.from_value(_SERVER, secrets.token_hex(32))
        child = ChildProcess("evalharness.local.server", _SERVER)
        self._children.append(child)
        _log.info("server %d started, loads %s", child.pid, self._file.path.name)
        if self.stopped:  # set by another thread during the start
            child.kill()
        try:
            reply = child.start({**self._settings, "key": key.reveal()}, within_s=START_DEADLINE_S)
        except ChildError as error:
            raise self._start_error(error, child) from None
        _log.info("server %d ready", child.pid)
        self._clients.append(self._connect(f"{reply['url']}/v1", key))
        return child, self._clients[-1]

    def _start_error(self, error: ChildError, child: ChildProcess) -> ProviderError:
        if self.stopped:
            return ProviderError(STOPPED, kind="stopped")
        text = f"{self._file.path.name} cannot be served: {error}"
        if child.alive:  # the server itself rejects the file, and would do so again
            self._file.refusal = text
        child.kill()
        return ProviderError(text, kind="load")
