"""The worker process of one model, restarted after crashes up to a limit."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from evalharness.errors import ProviderError, RetryableError
from evalharness.local.child_process import STOPPED
from evalharness.local.model_file import ModelFile
from evalharness.local.worker_client import WorkerClient, WorkerLost
from evalharness.logs import get_logger

_log = get_logger(__name__)
MAX_CRASHES = 8
"""Crashes of the process in one run. A case that crashes it counts twice: in a batch, then alone."""
MAX_LOAD_CRASHES = 2
"""Consecutive crashes while the model loads."""
LOAD_DEADLINE_S = 300.0


class WorkerSupervisor:
    """Owns at most one worker process. Thread-safe."""

    def __init__(self, file: ModelFile, request: Mapping[str, Any], **supervision: Any) -> None:
        """Remember how to start the worker.

        `request`: fields of the request that loads the model. `supervision`: keyword arguments of WorkerClient.
        """
        self._file, self._load_request, self._supervision = file, {"op": "load", **request}, supervision
        self._worker: WorkerClient | None = None
        self._starting = threading.Lock()
        self._crashes: list[WorkerLost] = []
        self._load_crashes: list[str] = []
        """Error messages since the last successful load."""
        self._closed = self._unloaded = False

    @property
    def pid(self) -> int | None:
        """The process id of the current worker, or of the last one."""
        return self._worker.pid if self._worker else None

    @property
    def in_flight(self) -> list[int]:
        """The numbers of started requests without a reply, in order."""
        worker = self._worker
        return sorted(worker.in_flight) if worker else []

    @property
    def _stopped(self) -> bool:
        """Whether requests must not start a worker."""
        return self._closed or self._unloaded

    def worker(self) -> WorkerClient:
        """A worker with the model loaded, started if there is none. Raises ProviderError."""
        with self._starting:
            if self._worker is not None and self._worker.alive:
                return self._worker
            self._check_startable()
            self._count_crash()
            self._worker = WorkerClient("evalharness.local.worker", **self._supervision)
            _log.info("worker %d started, loads %s", self._worker.pid, self._file.path.name)
            if self._stopped:  # set by another thread during the start
                self._stop()
            self._load(self._worker)
            _log.info("worker %d ready", self._worker.pid)
            return self._worker

    def load(self) -> None:
        """Load the model, also after `unload`.

        The next request raises the error of a failed load.
        """
        self._unloaded = False
        try:
            self.worker()
        except ProviderError:
            self._stop()

    def unload(self) -> None:
        """End the process until `load`.

        Crashes while loading no longer count, because more memory may be free next time.
        """
        _log.info("%s unloads", self._file.path.name)
        self._unloaded = True
        self._load_crashes = []
        self._stop()

    def close(self) -> None:
        """End the process for good."""
        self._closed = True
        self._stop()

    def _check_startable(self) -> None:
        if self._stopped:
            raise ProviderError(STOPPED, kind="stopped")
        if self._file.refusal:
            raise ProviderError(self._file.refusal, kind="load")
        if len(self._load_crashes) >= MAX_LOAD_CRASHES:
            raise ProviderError(self._load_crashes[-1], kind="load")

    def _count_crash(self) -> None:
        """Count the end of the last worker, unless it was stopped. Raises ProviderError at the limit."""
        lost, self._worker = self._stop(), None
        if lost is not None and lost.kind != "stopped":
            self._crashes.append(lost)
            _log.info("worker lost, %d of at most %d: %s", len(self._crashes), MAX_CRASHES, lost)
        if len(self._crashes) >= MAX_CRASHES:
            text = f"no more restarts: the model's process died {len(self._crashes)} times ({self._crashes[-1]})"
            raise ProviderError(text, kind="crash")

    def _load(self, worker: WorkerClient) -> None:
        _, reply = worker.request(self._load_request)
        try:
            reply.result(timeout=LOAD_DEADLINE_S)
            self._load_crashes = []
        except WorkerLost as lost:
            if lost.kind == "stopped":
                raise ProviderError(STOPPED, kind="stopped") from None
            raise self._load_crash(f"{lost} while it loaded {self._file.path.name}") from None
        except TimeoutError:
            text = f"{self._file.path.name} was not loaded within {LOAD_DEADLINE_S:g} s"
            worker.end(WorkerLost("deadline", text))
            raise self._load_crash(text) from None
        except ProviderError as error:
            self._stop()
            self._file.refusal = f"{self._file.path.name} cannot be loaded: {error}"
            raise ProviderError(self._file.refusal, kind="load") from None

    def _load_crash(self, text: str) -> ProviderError:
        """The error of a crash while loading. One may have an outside cause; a second one in a row is final."""
        self._load_crashes.append(text)
        if len(self._load_crashes) >= MAX_LOAD_CRASHES:
            return ProviderError(text, kind="load")
        return RetryableError(text, kind="load", wait_s=1.0)

    def _stop(self) -> WorkerLost | None:
        """End the worker; the cause of its end, if there was one."""
        worker = self._worker
        if worker is None:
            return None
        worker.end()
        return worker.lost
