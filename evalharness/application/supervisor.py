"""The child processes of one application: started on demand, replaced after a crash or a hang.

A call that exceeds its deadline retires its process: calls in flight there may finish, later ones go to a new
process. A crash loses all calls in flight. Where there were several, each runs once more in a process of its own, so
that a crash there has a certain cause. The same holds for calls past their deadline in one event loop. An interrupted
conversation starts again in a process of its own.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalharness.application.homes import Homes
from evalharness.application.source import Source
from evalharness.errors import (
    BilledError,
    ModelUnavailableError,
    ProviderError,
    RetryableError,
    UnknownOutcomeError,
)
from evalharness.local.child_process import STOPPED, Surroundings
from evalharness.local.worker_client import WorkerClient, WorkerLost
from evalharness.logs import get_logger
from evalharness.records import Conversation, SampleKey

_log = get_logger(__name__)
START_S = 120.0
"""Seconds to import the application."""
MOST_CRASHES = 20
"""Crashes in a row, without an answer between them, after which no process is started."""
_SILENCE_S = 60.0
"""The heartbeat may stop for this much longer than a call may take: code in C can hold Python's lock."""


def supervise(source: Source, root: Path, environment: Mapping[str, str], deadline_s: float, **load: Any) -> Supervisor:
    """Return the processes that call the function of a source. Starts none.

    `load`: further fields of the request that loads it.
    """
    request = {
        "call": source.call,
        "file": str(source.file),
        "paths": [str(folder) for folder in source.paths],
        "root": str(root),
        "outside": "",
        "concurrency": 1,
        "keeps_conversation": False,
    }
    surroundings = Surroundings(root, environment, lambda line: _log.info("%s printed: %s", source.call, line))
    return Supervisor(source.call, request | load, surroundings, deadline_s)


class Supervisor:
    """Thread-safe."""

    def __init__(self, name: str, load: Mapping[str, Any], surroundings: Surroundings, deadline_s: float) -> None:
        """Remember how to start a process. `name`: MODULE:FUNCTION. `load`: fields of the request that loads it."""
        self._name, self._load_request, self._surroundings = name, {"op": "load", **load}, surroundings
        self._deadline_s = deadline_s
        self._current: WorkerClient | None = None
        self._lock, self._starting, self._alone = threading.Lock(), threading.Lock(), threading.Lock()
        self._calls: Counter[WorkerClient] = Counter()
        """Calls in flight, by process."""
        self._homes = Homes(load["concurrency"])
        self._crashes, self._refusal, self._closed = 0, "", False
        self._shares_loop = False
        """Whether calls are tasks of one event loop."""
        self.names: frozenset[str] = frozenset()
        """What the function of a check or a metric reads, once there was a process."""

    @property
    def pid(self) -> int | None:
        """The id of the current process."""
        return self._current.pid if self._current else None

    def prepare(self) -> None:
        """Start the process and import the application. Raises ProviderError."""
        self._leave(self._enter())

    def call(
        self, request: Mapping[str, Any], key: SampleKey, conversation: Conversation | None = None
    ) -> dict[str, Any]:
        """Return the reply of the application. Raises ProviderError."""
        if conversation is not None:
            return self._turn(request, key, conversation)
        request = {**request, "conversation_id": secrets.token_hex(8)}
        if self._homes.is_suspect(key):
            with self._alone:
                return self._call(self._start(), request, key, alone=True)
        return self._call(self._enter(), request, key, alone=False)

    def _turn(self, request: Mapping[str, Any], key: SampleKey, conversation: Conversation) -> dict[str, Any]:
        """The reply to a turn. The process that answered the earlier turns keeps the conversation."""
        worker, is_own = self._home(key, conversation)
        try:
            return self._call(worker, {**request, "conversation_id": conversation.id}, key, alone=is_own)
        except ProviderError:  # the conversation is over, or starts again under another id
            self._forget(conversation.id)
            raise

    def _home(self, key: SampleKey, conversation: Conversation) -> tuple[WorkerClient, bool]:
        """The process for a turn, with its call entered, and whether it is the conversation's own."""
        if conversation.sent == 0 and self._homes.is_suspect(key, whole=True):
            self._forget(conversation.id)
            return self._own_home(conversation.id), True
        with self._lock:
            own = self._homes.own(conversation.id)
            if own is not None and own.alive:
                self._calls[own] += 1
                return own, True
        worker = self._enter()
        with self._lock:
            is_kept = self._homes.shares(conversation.id, worker, begins=conversation.sent == 0)
        if not is_kept:
            self._leave(worker)
            raise RetryableError("the process that kept the conversation has ended", kind="conversation")
        return worker, False

    def _own_home(self, conversation: str) -> WorkerClient:
        """A new process for this conversation alone, which a further entered call keeps alive between turns."""
        worker = self._start()
        with self._lock:
            self._calls[worker] += 1
            surplus = self._homes.keep_own(conversation, worker, lambda one: self._calls[one] == 1)
        for one in surplus:
            self._leave(one)
        return worker

    def _forget(self, conversation: str) -> None:
        with self._lock:
            own = self._homes.forget(conversation)
        if own is not None:
            self._leave(own)

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._closed = True
            workers = {*self._calls, *([self._current] if self._current else [])}
        for worker in workers:
            worker.end()

    def _call(self, worker: WorkerClient, request: Mapping[str, Any], key: SampleKey, *, alone: bool) -> dict[str, Any]:
        if self._calls[worker] == 1:
            worker.forget_output()
        _, reply = worker.request({"op": "call", **request})
        try:
            answer = reply.result(timeout=self._deadline_s)
        except TimeoutError:
            self._retire(worker)
            raise self._late(key, alone=alone) from None
        except WorkerLost as lost:
            raise self._attributed(lost, worker, key) from None
        finally:
            if alone:
                self._retire(worker)
            self._leave(worker)
        self._crashes = 0
        return answer

    def _enter(self) -> WorkerClient:
        """A process that takes a call, started if there is none."""
        with self._starting:
            with self._lock:
                if self._current is not None and self._current.alive:
                    self._calls[self._current] += 1
                    return self._current
            worker = self._start()
            with self._lock:
                self._current = worker
            return worker

    def _leave(self, worker: WorkerClient) -> None:
        """Note the end of a call. The last one of a retired process ends it."""
        with self._lock:
            self._calls[worker] -= 1
            is_over = self._calls[worker] == 0
            if is_over:
                del self._calls[worker]
            retired = worker is not self._current
        if is_over and retired:
            worker.end()

    def _retire(self, worker: WorkerClient) -> None:
        with self._lock:
            if self._current is worker:
                self._current = None

    def _start(self) -> WorkerClient:
        """A new process with the application loaded, and one call entered."""
        if self._closed:
            raise ProviderError(STOPPED, kind="stopped")
        if self._refusal:
            raise ModelUnavailableError(self._refusal, kind="import")
        if self._crashes >= MOST_CRASHES:
            raise ModelUnavailableError(f"{self._name}: its process died {self._crashes} times in a row", kind="crash")
        worker = _started(self._name, self._surroundings, self._deadline_s)
        with self._lock:
            self._calls[worker] += 1
            is_closed = self._closed
        if is_closed:
            worker.end()
        _log.info("process %d started, imports %s", worker.pid, self._name)
        try:
            self._load(worker)
        except BaseException:
            self._leave(worker)
            worker.end()
            raise
        return worker

    def _load(self, worker: WorkerClient) -> None:
        _, reply = worker.request(self._load_request)
        try:
            loaded = reply.result(timeout=START_S)
            self.names = frozenset(loaded["names"])
            self._shares_loop = loaded["is_async"] and self._load_request["concurrency"] > 1
        except WorkerLost as lost:
            if lost.kind == "stopped":
                raise ProviderError(STOPPED, kind="stopped") from None
            self._refusal = f"{lost} while it was imported"
        except TimeoutError:
            self._refusal = f"importing {self._name} took longer than {START_S:g} s"
        except ProviderError as error:
            self._refusal = str(error)
        if self._refusal:
            raise ModelUnavailableError(self._refusal, kind="import")

    def _late(self, key: SampleKey, *, alone: bool) -> ProviderError:
        """The error of a call at its deadline. Another task of the same event loop may have blocked it."""
        text = f"{self._name} did not answer within deadline_s = {self._deadline_s:g}"
        if alone or not self._shares_loop:
            return BilledError(text, kind="deadline")
        self._homes.suspect(key)
        return UnknownOutcomeError(f"{text} next to other calls", kind="deadline", wait_s=0.0)

    def _attributed(self, lost: WorkerLost, worker: WorkerClient, key: SampleKey) -> ProviderError:
        """The error of one call after a crash: only a call that ran alone is certain to have caused it."""
        if lost.kind == "stopped" or self._closed:
            return ProviderError(STOPPED, kind="stopped")
        with self._lock:
            if self._current is worker or worker.unanswered == 1:
                self._crashes += 1
            if self._current is worker:
                self._current = None
        text = f"{lost} while it answered case '{key.case}'" if key.case else str(lost)
        _log.info("%s", text)
        if worker.unanswered == 1:
            return BilledError(text, kind=lost.kind)
        self._homes.suspect(key)
        return UnknownOutcomeError(f"{text} and {worker.unanswered - 1} others", kind=lost.kind, wait_s=0.0)


def _started(name: str, surroundings: Surroundings, deadline_s: float) -> WorkerClient:
    return WorkerClient(
        "evalharness.application.worker",
        heartbeat_s=max(START_S, deadline_s) + _SILENCE_S,
        step_s=float("inf"),
        on_event=lambda _: None,
        what=f"the process of {name}",
        surroundings=surroundings,
    )
