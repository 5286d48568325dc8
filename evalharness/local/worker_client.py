"""A worker process that speaks JSON lines.

Each request gets a reply or an error, whatever happens to the process.
"""

from __future__ import annotations

import json
import os
import selectors
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from itertools import count
from typing import Any

from evalharness.errors import ProviderError
from evalharness.local.child_process import STOPPED, ChildProcess, Surroundings
from evalharness.redaction import shortened

_MESSAGE_CHARS, _TRACE_CHARS = 2_000, 400


class WorkerLost(Exception):
    """The process crashed, hung, or was ended.

    `kind`: crash, hang, deadline or stopped.
    """

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


class WorkerClient(ChildProcess):
    """A worker process and the thread that reads its events."""

    def __init__(
        self,
        module: str,
        *,
        heartbeat_s: float,
        step_s: float,
        on_event: Callable[[Mapping[str, Any]], None],
        what: str = "the model's process",
        surroundings: Surroundings | None = None,
    ) -> None:
        """Start the process.

        Args:
            module: The module that the process runs.
            heartbeat_s: Seconds of silence after which the process counts as hung.
            step_s: Seconds without progress on a request after which it counts as hung, heartbeats or not.
            on_event: Called in the reading thread with each event that is not a reply.
            what: The name of the process in errors.
            surroundings: For code of the project.

        """
        super().__init__(module, what, surroundings)
        self._heartbeat_s, self._step_s, self._on_event = heartbeat_s, step_s, on_event
        self._steps, self._progressed_at = -1, time.monotonic()
        self._numbers = count()
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._replies: dict[int, Future[dict[str, Any]]] = {}
        self.lost: WorkerLost | None = None
        """Why the process is gone; None while it runs."""
        self.in_flight: set[int] = set()
        """Requests that have started and not ended. One of them may have caused a crash."""
        self.unanswered = 0
        """Number of requests that the end of the process left without a reply."""
        threading.Thread(target=self._read, daemon=True, name="evalharness-worker").start()

    @property
    def alive(self) -> bool:
        """Whether requests may still get a reply."""
        return self.lost is None

    def request(self, request: Mapping[str, Any]) -> tuple[int, Future[dict[str, Any]]]:
        """Send a request. Returns its number and the reply to come.

        The reply raises ProviderError or WorkerLost.
        """
        reply: Future[dict[str, Any]] = Future()
        with self._lock:
            number = next(self._numbers)
            if self.lost is not None:
                reply.set_exception(self.lost)
                return number, reply
            self._replies[number] = reply
        self._send({**request, "id": number})
        return number, reply

    def end(self, why: WorkerLost | None = None) -> None:
        """Kill the process. Requests without a reply fail with `why`."""
        with self._lock:
            self.lost = self.lost or why or WorkerLost("stopped", STOPPED)
        self.kill()
        self._fail_all(self.lost)

    def _send(self, request: Mapping[str, Any]) -> None:
        assert self.process.stdin
        with self._sending, suppress(OSError, ValueError):  # the process is gone: the reading thread reports it
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()

    def _read(self) -> None:
        """Read events until the process is gone, then fail the open requests and close the pipes."""
        try:
            if self._read_events():
                self._fail_all(WorkerLost("crash", self.exit_message()))
            else:
                self.end(WorkerLost("hang", f"{self._what} sent no heartbeat for {self._heartbeat_s:g} s"))
        except Exception as error:  # a thread that dies silently would leave requests waiting
            self.end(WorkerLost("crash", f"{self._what} sent an unreadable event ({error!r:.200})"))
        self.close()

    def _read_events(self) -> bool:
        """Read events. Returns True when the output ends, False after `heartbeat_s` of silence."""
        assert self.process.stdout
        out, rest = self.process.stdout.fileno(), bytearray()
        with selectors.DefaultSelector() as ready:
            ready.register(out, selectors.EVENT_READ)
            while ready.select(self._heartbeat_s):
                data = os.read(out, 1 << 16)
                if not data:
                    return True
                rest += data
                if b"\n" in data:
                    *lines, tail = rest.split(b"\n")
                    rest = bytearray(tail)
                    for line in lines:
                        self._handle(json.loads(line))
        return False

    def _handle(self, event: dict[str, Any]) -> None:
        if event["event"] in ("done", "failed"):
            self._settle(event)
            return
        if event["event"] == "started":
            self.in_flight.add(event["id"])
        elif event["event"] == "heartbeat":
            self._note_heartbeat(event["steps"])
        self._on_event(event)

    def _settle(self, event: dict[str, Any]) -> None:
        """Hand a reply to its request, unless the request has failed already."""
        with self._lock:
            reply = self._replies.pop(event["id"], None)
        if reply is None:
            return
        self.in_flight.discard(event["id"])
        if event["event"] == "done":
            reply.set_result(event)
        else:
            reply.set_exception(ProviderError(_message_of(event), kind=event["kind"]))

    def _note_heartbeat(self, steps: int) -> None:
        """End the process if it has been at the same step for more than `step_s`."""
        now = time.monotonic()
        if steps != self._steps or not self.in_flight:
            self._steps, self._progressed_at = steps, now
        elif now - self._progressed_at > self._step_s:
            self.end(WorkerLost("hang", f"{self._what} spent more than {self._step_s:g} s on one step"))

    def _fail_all(self, lost: WorkerLost) -> None:
        with self._lock:
            self.lost = self.lost or lost
            replies, self._replies = self._replies, {}
            self.unanswered = self.unanswered or len(replies)
        for reply in replies.values():
            reply.set_exception(self.lost)


def _message_of(event: Mapping[str, Any]) -> str:
    """The message of a failure; that of project code with its place behind the first line, and its last frames."""
    if "trace" not in event:
        return str(event["message"])
    first, *more = shortened(event["message"], _MESSAGE_CHARS).splitlines() or [""]
    place = f" ({event['place']})" if event["place"] else ""
    return "\n".join([f"{first}{place}", *more, *(shortened(line, _TRACE_CHARS) for line in event["trace"])])
