"""A supervised child process that speaks JSON lines: whatever happens to it, each order gets an answer or an error."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from itertools import count
from typing import IO, Any

from evalharness.errors import ProviderError

_SPIN_TURNS = "1000"
"""How long OpenMP threads of the child wait awake for one another. By default it is 300,000 turns: on two cores with
one other busy process an answer then takes more than ten times as long as with 1,000 turns; on quiet cores it makes no
difference (`make bench` measures both)."""
_ENVIRONMENT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "GOMP_SPINCOUNT",
    "OMP_WAIT_POLICY",
)
_LAST_WORDS_CHARS = 300


class ChildLost(Exception):
    """The child died, hung, or was ended. `kind`: crash, hang, deadline or stopped."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


class Child:
    """A worker process and a thread that listens to it."""

    def __init__(self, module: str, *, heartbeat_s: float, heard: Callable[[Mapping[str, Any]], None]) -> None:
        """`module`: run as a program. `heartbeat_s`: silence after which it counts as hung. `heard` gets the events
        that answer no order, on the listening thread.
        """
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            # -I: nothing in the folder or the environment of this run can change what is imported
            [sys.executable, "-I", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={"GOMP_SPINCOUNT": _SPIN_TURNS, "GGML_NO_BACKTRACE": "1", **environment},
            start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends the child
        )
        self.pid = self._process.pid
        self._heartbeat_s, self._heard = heartbeat_s, heard
        self._numbers = count()
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._orders: dict[int, Future[dict[str, Any]]] = {}
        self.lost: ChildLost | None = None
        """What became of it, once it is gone."""
        self.begun: set[int] = set()
        """Orders that it has begun and not ended: when it is lost, one of them may be why."""
        threading.Thread(target=self._listen, daemon=True, name="evalharness-child").start()

    @property
    def alive(self) -> bool:
        """Whether orders may still be answered."""
        return self.lost is None and self._process.poll() is None

    def order(self, order: Mapping[str, Any]) -> tuple[int, Future[dict[str, Any]]]:
        """Send one: its number, and what will be answered: the reply, ProviderError for a refusal, ChildLost."""
        reply: Future[dict[str, Any]] = Future()
        with self._lock:
            number = next(self._numbers)
            if self.lost is not None:
                reply.set_exception(self.lost)
                return number, reply
            self._orders[number] = reply
        self._send({**order, "id": number})
        return number, reply

    def kill(self, why: ChildLost | None = None) -> None:
        """At once; what it has not answered ends with `why`."""
        with self._lock:
            self.lost = self.lost or why or ChildLost("stopped", "the model's process was ended")
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._lose(self.lost)
        with suppress(OSError):  # unsent bytes to a dead child
            if self._process.stdin:
                self._process.stdin.close()

    def _send(self, order: Mapping[str, Any]) -> None:
        assert self._process.stdin
        with self._sending, suppress(OSError, ValueError):  # it is dead, or was killed just now: the listener says so
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()

    def _listen(self) -> None:
        """Until it is gone: then every open order is told why."""
        assert self._process.stdout
        rest = b""
        with self._errors, self._process.stdout as out, selectors.DefaultSelector() as ready:
            ready.register(out, selectors.EVENT_READ)
            while ready.select(self._heartbeat_s):
                data = os.read(out.fileno(), 1 << 16)
                if not data:
                    self._lose(self._obituary())
                    return
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._take(json.loads(line))
        self.kill(ChildLost("hang", f"the model's process gave no sign of life for {self._heartbeat_s:g} s"))

    def _take(self, event: dict[str, Any]) -> None:
        if event["event"] == "begun":
            self.begun.add(event["id"])
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

    def _lose(self, lost: ChildLost) -> None:
        with self._lock:
            self.lost = self.lost or lost
            orders, self._orders = self._orders, {}
        for reply in orders.values():
            reply.set_exception(self.lost)

    def _obituary(self) -> ChildLost:
        """How it died, with its last words."""
        code = self._process.wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
        words = self._last_words()
        return ChildLost("crash", f"the model's process {how}" + (f" ({words})" if words else ""))

    def _last_words(self) -> str:
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - 2000))
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:_LAST_WORDS_CHARS] if lines else ""
