"""A model's process over a run: loaded when it is first needed, again when it has died, given up in the end."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from evalharness.errors import ProviderError, RetryableError
from evalharness.local.model_file import ModelFile
from evalharness.local.worker_client import WorkerClient, WorkerLost
from evalharness.logs import get_logger

_log = get_logger(__name__)
MOST_DEATHS = 8
"""In one run. A case that brings the process down does so twice: among others, and alone."""
MOST_LOST_LOADS = 2
"""Deaths while it loads, one after another."""
LOAD_DEADLINE_S = 300.0


class WorkerSupervisor:
    """Has one process at a time, or none."""

    def __init__(self, file: ModelFile, request: Mapping[str, Any], **supervision: Any) -> None:
        """`order`: what loads it. `supervision`: what `Child` takes."""
        self._file, self._request_fields, self._supervision = file, {"op": "load", **request}, supervision
        self._child: WorkerClient | None = None
        self._opening = threading.Lock()
        self._deaths: list[WorkerLost] = []
        self._lost_loads: list[str] = []
        """Since it was last loaded."""
        self._closed = self._unloaded = False

    @property
    def pid(self) -> int | None:
        """Of its process, or of the last one."""
        return self._child.pid if self._child else None

    @property
    def in_flight(self) -> list[int]:
        """The orders that it is at, as far as it has said; in the order in which they were given."""
        child = self._child
        return sorted(child.in_flight) if child else []

    @property
    def _stopped(self) -> bool:
        """Whether no order may start a process."""
        return self._closed or self._unloaded

    def child(self) -> WorkerClient:
        """The process with the model loaded; started, or started again, where there is none. Raises ProviderError."""
        with self._opening:
            if self._child is not None and self._child.alive:
                return self._child
            self._check()
            self._bury()
            self._child = WorkerClient("evalharness.local.worker", **self._supervision)
            _log.info("worker %d started, loads %s", self._child.pid, self._file.path.name)
            if self._stopped:  # just now
                self._end()
            self._load(self._child)
            _log.info("worker %d ready", self._child.pid)
            return self._child

    def load(self) -> None:
        """Load the model, also after `unload`. A failure is raised by the next request."""
        self._unloaded = False
        try:
            self.child()
        except ProviderError:
            self._end()

    def unload(self) -> None:
        """End the process until `load`: no request starts another. There may be more room next time."""
        _log.info("%s unloads", self._file.path.name)
        self._unloaded = True
        self._lost_loads = []
        self._end()

    def close(self) -> None:
        """End the process for good."""
        self._closed = True
        self._end()

    def _check(self) -> None:
        if self._stopped:
            raise ProviderError("stopped", kind="stopped")
        if self._file.refusal:
            raise ProviderError(self._file.refusal, kind="load")
        if len(self._lost_loads) >= MOST_LOST_LOADS:
            raise ProviderError(self._lost_loads[-1], kind="load")

    def _bury(self) -> None:
        """Count the last one, unless it was ended on purpose. Raises ProviderError when too many have died."""
        lost, self._child = self._end(), None
        if lost is not None and lost.kind != "stopped":
            self._deaths.append(lost)
            _log.info("worker lost, %d of at most %d: %s", len(self._deaths), MOST_DEATHS, lost)
        if len(self._deaths) >= MOST_DEATHS:
            text = f"the model's process died {len(self._deaths)} times; given up ({self._deaths[-1]})"
            raise ProviderError(text, kind="crash")

    def _load(self, child: WorkerClient) -> None:
        _, reply = child.request(self._request_fields)
        try:
            reply.result(timeout=LOAD_DEADLINE_S)
            self._lost_loads = []
        except WorkerLost as lost:
            if lost.kind == "stopped":
                raise ProviderError("stopped", kind="stopped") from None
            raise self._lost_load(f"{lost} while it loaded {self._file.path.name}") from None
        except TimeoutError:
            text = f"{self._file.path.name} was not loaded within {LOAD_DEADLINE_S:g} s"
            child.end(WorkerLost("deadline", text))
            raise self._lost_load(text) from None
        except ProviderError as error:
            self._end()
            self._file.refusal = f"{self._file.path.name} cannot be loaded: {error}"  # and so it will be said next time
            raise ProviderError(self._file.refusal, kind="load") from None

    def _lost_load(self, text: str) -> ProviderError:
        """Once may be another's doing; twice in a row is the file's, or the machine's."""
        self._lost_loads.append(text)
        if len(self._lost_loads) >= MOST_LOST_LOADS:
            return ProviderError(text, kind="load")
        return RetryableError(text, kind="load", wait_s=1.0)

    def _end(self) -> WorkerLost | None:
        """What the last one died of, if there was one."""
        child = self._child
        if child is not None:
            child.end()
        return child.lost if child else None
