"""Responses from the ledger, and an explanation where it has none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from evalharness.errors import ProviderError
from evalharness.execution.job import Job
from evalharness.execution.keys import request_key
from evalharness.execution.model_queue import ModelQueue
from evalharness.execution.options import RecordMode
from evalharness.logs import get_logger
from evalharness.store.ledger import Ledger
from evalharness.store.recorded import NOT_RECORDED, nearest

_log = get_logger(__name__)
_EXPLAINED = 5
"""Misses that are compared with the ledger; thousands more are missing for the same reason."""
_COMPARED = 1_000


class Replay:
    """The replay of one run."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._left_to_explain = _EXPLAINED

    def texts(self, queue: ModelQueue, jobs: Iterable[Job]) -> dict[Job, str]:
        """Return each job's request as canonical JSON, and set the key or the error of the job."""
        found = {}
        for job in jobs:
            try:
                found[job] = queue.accounts.request_text(job)
                job.key = request_key(found[job])
            except Exception as error:
                found[job] = ""
                queue.refuse(job, error)
        return found

    def answer(self, queue: ModelQueue, texts: Mapping[Job, str], mode: RecordMode) -> None:
        """Replay what the mode allows; in mode `none` the other jobs get an error with the nearest recorded request."""
        open_jobs = [job for job in texts if job.error is None]
        recorded = self._ledger.find(job.key for job in open_jobs if (job.record or mode) != "all")
        _log.info("model %s: %d of %d responses found in the ledger", queue.model, len(recorded), len(open_jobs))
        for job in open_jobs:
            if job.key in recorded:
                queue.replay(job, recorded[job.key])
            elif (job.record or mode) == "none":
                queue.refuse(job, ProviderError(self._missing(job, texts[job]), kind="not recorded"))

    def _missing(self, job: Job, text: str) -> str:
        message = f"{NOT_RECORDED}\nkey {job.key[:12]}"
        if self._left_to_explain == 0:
            return message
        self._left_to_explain -= 1
        candidates = ((row.key, row.request) for row in islice(self._ledger.all(), _COMPARED))
        return f"{message}; {nearest(text, candidates)}"
