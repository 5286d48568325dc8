"""Asks every request once, in a thread of its own, and scores what is ready in batches in another.

pytest runs items one after another and each waits for its own sample; the engine goes ahead in the order in which they
will ask. So a slow scorer (an embedding model that is still being imported) overlaps with the model's work.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from evalharness.engine.scoring import Scorer
from evalharness.errors import ProviderError
from evalharness.providers import Provider
from evalharness.records import Case, Failure, Request, Response, Sample

_MOST_AT_ONCE = 256


@dataclass(slots=True)
class _Job:
    case: Case
    request: Request
    scorer: Scorer
    response: Response | None = None
    error: Failure | None = None
    sample: Future[Sample] = field(default_factory=Future)


class Engine:
    """One for all suites of a session, so that their requests queue for one model instead of fighting over the machine.

    Use as a context manager: leaving it stops asking at once and ends the providers.
    """

    def __init__(self, providers: Mapping[str, Provider], scorers: Iterable[Scorer]) -> None:
        self._providers, self._scorers = providers, list(scorers)
        self._to_ask: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._to_score: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._prepared: set[str] = set()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._ask_all, self._score_all)]

    def __enter__(self) -> Engine:
        for thread in (*self._threads, threading.Thread(target=self._warm_up, daemon=True)):
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stopped.set()
        self._to_ask.put(None)
        for provider in self._providers.values():
            provider.close()
        for thread in self._threads:
            thread.join(timeout=30)

    def ask(self, case: Case, request: Request, scorer: Scorer) -> Future[Sample]:
        """Ask this when its turn comes. The sample always comes, with an error in it if need be."""
        job = _Job(case, request, scorer)
        self._to_ask.put(job)
        return job.sample

    def _warm_up(self) -> None:
        for scorer in self._scorers:
            scorer.warm_up()

    def _ask_all(self) -> None:
        while (job := self._to_ask.get()) is not None:
            self._ask(job)
            self._to_score.put(job)
        self._to_score.put(None)

    def _ask(self, job: _Job) -> None:
        try:
            job.response = self._provider(job.request.key.model).complete(job.request)
        except ProviderError as error:
            job.error = Failure(error.kind, str(error))
        except Exception as error:  # a provider of a third party: its bug is this case's error
            job.error = Failure("provider", f"{type(error).__name__}: {error}")

    def _provider(self, model: str) -> Provider:
        if self._stopped.is_set():
            raise ProviderError("the run was stopped", kind="stopped")
        provider = self._providers[model]
        if model not in self._prepared:
            self._prepared.add(model)
            provider.prepare()
        return provider

    def _score_all(self) -> None:
        while (job := self._to_score.get()) is not None:
            for scorer, jobs in groupby(self._ready(job), key=lambda ready: ready.scorer):
                self._score(scorer, list(jobs))

    def _ready(self, job: _Job) -> list[_Job]:
        """The job and all that have come in meanwhile: metrics that work in batches get them together."""
        batch = [job]
        while len(batch) < _MOST_AT_ONCE:
            try:
                following = self._to_score.get_nowait()
            except queue.Empty:
                break
            if following is None:
                self._to_score.put(None)
                break
            batch.append(following)
        return batch

    def _score(self, scorer: Scorer, jobs: Sequence[_Job]) -> None:
        samples = scorer.samples([(job.case, job.request, job.response, job.error) for job in jobs])
        for job, sample in zip(jobs, samples, strict=True):
            job.sample.set_result(sample)
