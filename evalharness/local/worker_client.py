"""A supervised child process that speaks JSON lines: whatever happens to it, each order gets an answer or an error."""

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
from evalharness.local.child_process import ChildProcess


class WorkerLost(Exception):
    """The child died, hung, or was ended. `kind`: crash, hang, deadline or stopped."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


class WorkerClient(ChildProcess):
    """A worker process and a thread that listens to it."""

    def __init__(
        self, module: str, *, heartbeat_s: float, step_s: float, heard: Callable[[Mapping[str, Any]], None]
    ) -> None:
        """`module`: run as a program. `heartbeat_s`: silence after which it counts as hung. `step_s`: so does one that
        is alive, and has come no step further with what it has begun. `heard` gets the events that answer no order, on
        the listening thread.
        """
        super().__init__(module, "the model's process")
        self._heartbeat_s, self._step_s, self._heard = heartbeat_s, step_s, heard
        self._steps, self._moved_s = -1, time.monotonic()
        self._numbers = count()
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._orders: dict[int, Future[dict[str, Any]]] = {}
        self.lost: WorkerLost | None = None
        """What became of it, once it is gone."""
        self.begun: set[int] = set()
        """Orders that it has begun and not ended: when it is lost, one of them may be why."""
        threading.Thread(target=self._listen, daemon=True, name="evalharness-child").start()

    @property
    def alive(self) -> bool:
        """Whether orders may still be answered: until the listener has said what became of it."""
        return self.lost is None

    def order(self, order: Mapping[str, Any]) -> tuple[int, Future[dict[str, Any]]]:
        """Send one: its number, and what will be answered: the reply, ProviderError for a refusal, WorkerLost."""
        reply: Future[dict[str, Any]] = Future()
        with self._lock:
            number = next(self._numbers)
            if self.lost is not None:
                reply.set_exception(self.lost)
                return number, reply
            self._orders[number] = reply
        self._send({**order, "id": number})
        return number, reply

    def end(self, why: WorkerLost | None = None) -> None:
        """At once; what it has not answered ends with `why`."""
        with self._lock:
            self.lost = self.lost or why or WorkerLost("stopped", "the model's process was ended")
        self.kill()
        self._lose(self.lost)

    def _send(self, order: Mapping[str, Any]) -> None:
        assert self.process.stdin
        with self._sending, suppress(OSError, ValueError):  # it is dead, or was killed just now: the listener says so
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()

    def _listen(self) -> None:
        """Until it is gone: then every open order is told why, and what is held for it is given back."""
        try:
            if self._hears():
                self._lose(WorkerLost("crash", self.exit_message()))
            else:
                self.end(WorkerLost("hang", f"the model's process gave no sign of life for {self._heartbeat_s:g} s"))
        except Exception as error:  # whatever it is, nobody would be told of anything any more
            self.end(WorkerLost("crash", f"what the model's process says cannot be understood ({error!r:.200})"))
        self.close()

    def _hears(self) -> bool:
        """True when its output has ended, False when it has fallen silent."""
        assert self.process.stdout
        out, rest = self.process.stdout.fileno(), b""
        with selectors.DefaultSelector() as ready:
            ready.register(out, selectors.EVENT_READ)
            while ready.select(self._heartbeat_s):
                data = os.read(out, 1 << 16)
                if not data:
                    return True
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._take(json.loads(line))
        return False

    def _take(self, event: dict[str, Any]) -> None:
        if event["event"] == "begun":
            self.begun.add(event["id"])
        if event["event"] == "beat":
            self._feel(event["steps"])
        if event["event"] not in ("done", "failed"):
            self._heard(event)
            return
        with self._lock:
            reply = self._orders.pop(event["id"], None)
        if reply is None:
            return
        self.begun.discard(event["id"])
        if event["event"] == "done":
            reply.set_result(event)
        else:
            reply.set_exception(ProviderError(event["message"], kind=event["kind"]))

    def _feel(self, steps: int) -> None:
        """The pulse: how many steps it has made."""
        now = time.monotonic()
        if steps != self._steps or not self.begun:
            self._steps, self._moved_s = steps, now
        elif now - self._moved_s > self._step_s:
            self.end(WorkerLost("hang", f"the model's process worked on one step for more than {self._step_s:g} s"))

    def _lose(self, lost: WorkerLost) -> None:
        with self._lock:
            self.lost = self.lost or lost
            orders, self._orders = self._orders, {}
        for reply in orders.values():
            reply.set_exception(self.lost)
