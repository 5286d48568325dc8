"""The run's end of the pipe to its gateway."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from evalharness.errors import ConfigError, ModelUnavailableError
from evalharness.execution.on_ray.failure import Failure
from evalharness.execution.on_ray.frames import read_frame, write_frame
from evalharness.execution.on_ray.order import response_of
from evalharness.local.child_process import ChildError, ChildProcess, Surroundings
from evalharness.logs import get_logger
from evalharness.redaction import scrub

_log = get_logger(__name__)
_CONNECT_S = 120.0
_CLOSE_S = 10.0
OnEvent = Callable[[str, str], None]
"""Gets `lost` or `note`, and a line for the user."""


class GatewayClient:
    """A gateway process, and the thread that reads its answers. Thread-safe."""

    def __init__(
        self, address: str, environment: Mapping[str, str], root: Path, *, upload: bool, on_event: OnEvent
    ) -> None:
        """Connect to the cluster. `upload`: the project to the nodes. `on_event`: see `OnEvent`.

        Raises ConfigError: no cluster there, or a token that it does not take.
        """
        self._address, self._on_event = address, on_event
        self._numbers, self._sending, self._lock = count(), threading.Lock(), threading.Lock()
        self._waiting: dict[int, Future[Any]] = {}
        self._recorded: list[str] = []
        self._gone: ModelUnavailableError | None = None
        surroundings = Surroundings(root, environment, lambda line: _log.info("ray: %s", scrub(line)))
        self._child = ChildProcess("evalharness.execution.on_ray.gateway", "the process of Ray", surroundings)
        try:
            request = {"address": address, "working_dir": str(root) if upload else ""}
            self.nodes: dict[str, float] = self._child.start(request, within_s=_CONNECT_S)["nodes"]
        except ChildError as error:
            self._child.close()
            raise ConfigError(f"executor ray: no connection to {address} (RAY_ADDRESS): {scrub(str(error))}") from None
        _log.info("connected to Ray at %s: %s", address, ", ".join(self.nodes))
        threading.Thread(target=self._read, daemon=True, name="evalharness-ray").start()

    def send(self, what: str, *arguments: Any, payload: bytes = b"") -> Future[Any]:
        """Send a message. Returns its answer, which raises ProviderError; cancelling it cancels the work.

        The answer to `call` is a Response, the others are JSON values.
        """
        answer: Future[Any] = Future()
        with self._lock:
            number = next(self._numbers)
            if self._gone is not None:
                answer.set_exception(self._gone)
                return answer
            self._waiting[number] = answer
        self._write(number, what, arguments, payload)
        answer.add_done_callback(lambda done: self._write(number, "cancel", ()) if done.cancelled() else None)
        return answer

    def recorded(self, attempt: str) -> None:
        """Note an attempt whose response is in the ledger; the next message passes it on."""
        with self._lock:
            self._recorded.append(attempt)

    def close(self) -> None:
        """End the workers and the process."""
        with suppress(Exception):  # it is killed anyway
            self.send("close").result(_CLOSE_S)
        self._fail_all(ModelUnavailableError("the run was stopped", kind="stopped"))
        with suppress(OSError, ValueError):
            if self._child.process.stdin:
                self._child.process.stdin.close()
        self._child.ends_within(_CLOSE_S)
        self._child.close()

    def _write(self, number: int, what: str, arguments: tuple[Any, ...], payload: bytes = b"") -> None:
        with self._lock:
            recorded, self._recorded = self._recorded, []
        assert self._child.process.stdin
        with self._sending, suppress(OSError, ValueError):  # the process is gone: the reading thread reports it
            write_frame(self._child.process.stdin, [number, what, recorded, arguments], payload)

    def _read(self) -> None:
        assert self._child.process.stdout
        try:
            while True:
                (number, what, value), payload = read_frame(self._child.process.stdout)
                self._take(number, what, value, payload)
        except Exception as error:  # the end of the process; a thread that dies silently would leave requests waiting
            why = self._child.exit_message() if isinstance(error, EOFError) else repr(error)
        self._fail_all(ModelUnavailableError(f"the Ray cluster at {self._address} is gone: {scrub(why)}", kind="ray"))

    def _take(self, number: int | None, what: str, value: Any, payload: bytes) -> None:
        if number is None:
            self._on_event(what, value)
            return
        with self._lock:
            answer = self._waiting.pop(number, None)
        if answer is None or not answer.set_running_or_notify_cancel():
            return
        try:
            if what == "failed":
                raise Failure(**value).to_error()
            answer.set_result(response_of(payload) if payload else value)
        except Exception as error:  # that of the worker, or an unsound response
            answer.set_exception(error)

    def _fail_all(self, why: ModelUnavailableError) -> None:
        with self._lock:
            self._gone = self._gone or why
            waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if answer.set_running_or_notify_cancel():
                answer.set_exception(self._gone)
