"""Answers from the ledger, and what to say where it has none."""

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
from evalharness.store.recorded import nearest

_log = get_logger(__name__)
_EXPLAINED = 5
"""Misses that are compared with what is recorded; the rest of thousands is missing for the same reason."""
_COMPARED = 1_000


class Replay:
    """For one run."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._left_to_explain = _EXPLAINED

    def texts(self, queue: ModelQueue, jobs: Iterable[Job]) -> dict[Job, str]:
        """Each job's request as the ledger knows it; the job gets its key, or its error."""
        found = {}
        for job in jobs:
            try:
                found[job] = queue.request_text(job)
                job.key = request_key(found[job])
            except Exception as error:
                found[job] = ""
                queue.refuse(job, error)
        return found

    def answer(self, queue: ModelQueue, texts: Mapping[Job, str], mode: RecordMode) -> None:
        """Replay what may be replayed; in mode `none` the rest gets an error that says what is missing."""
        open_jobs = [job for job in texts if job.error is None]
        recorded = {} if mode == "all" else self._ledger.find(job.key for job in open_jobs)
        _log.info("model %s: %d of %d responses found in the ledger", queue.name, len(recorded), len(open_jobs))
        for job in open_jobs:
            if job.key in recorded:
                queue.replay(job, recorded[job.key])
            elif mode == "none":
                queue.refuse(job, ProviderError(self._missing(job, texts[job]), kind="not recorded"))

    def _missing(self, job: Job, text: str) -> str:
        head = f"--llm-record=none asks nobody, and this request (key {job.key[:12]}) has no recorded answer"
        if self._left_to_explain == 0:
            return head
        self._left_to_explain -= 1
        candidates = ((row.key, row.request) for row in islice(self._ledger.all(), _COMPARED))
        return f"{head}; {nearest(text, candidates)}"
